"""The vectors of ``nearness.py``: real passages and queries by the default model, and random ones.

Reading is slow and what comes of it does not change, so it is kept in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from fusion_tasks import Task, read_task
from numpy.typing import NDArray

from longembed_rag import LongEncoder
from longembed_rag.encoder.token_vectors import unit_length

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """Passages, and queries that look for them.

    Attributes:
        passages: Of unit length, ``[passages, dimension]``.
        owners: Number of each passage's document.
        queries: Of unit length, ``[queries, dimension]``.
        answers: Number of the document that answers each query; -1 where none does.
    """

    passages: Floats
    owners: NDArray[np.int64]
    queries: Floats
    answers: NDArray[np.int64]


def real_vectors(
    folders: list[Path], *, passages: int, passage_tokens: int, kept: Path | None
) -> Vectors:
    """The passages of tasks' documents, one of each task in turn, until there are enough.

    Args:
        folders: The tasks.
        passages: How many passages are wanted.
        passage_tokens: Most tokens of each.
        kept: Where the vectors lie, or are to.
    """
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Vectors(**{name: file[name] for name in file.files})
    made = _embedded([read_task(each) for each in folders], passages, passage_tokens)
    if kept is not None:
        np.savez(kept, **vars(made))
    return made


def _embedded(tasks: list[Task], passages: int, passage_tokens: int) -> Vectors:
    encoder = LongEncoder.from_pretrained()
    named = [[((task.name, name), text) for name, text in task.documents.items()] for task in tasks]
    in_turn = [each for each in chain(*zip_longest(*named)) if each is not None]
    numbers: dict[tuple[str, str], int] = {}
    rows: list[Floats] = []
    for key, text in in_turn:
        if sum(map(len, rows)) >= passages:
            break
        rows.append(encoder.encode_passages(text, passage_tokens=passage_tokens).embeddings)
        numbers[key] = len(numbers)
        print(f"{len(rows)} documents, {sum(map(len, rows)):,} passages", flush=True)
    asked = [
        (text, numbers[task.name, task.answers[query]])
        for task in tasks
        for query, text in task.queries.items()
        if (task.name, task.answers.get(query, "")) in numbers
    ]
    queries = encoder.encode_queries([text for text, _ in asked])
    return Vectors(
        passages=unit_length(np.concatenate(rows)),
        owners=np.repeat(np.arange(len(rows)), [len(each) for each in rows]),
        queries=unit_length(queries),
        answers=np.array([number for _, number in asked]),
    )


def random_vectors(passages: int, dimension: int, *, queries: int = 200) -> Vectors:
    """Random passages, sixty to a document, and queries near one of them: the hardest case."""
    chance = np.random.default_rng(24)
    rows = unit_length(chance.standard_normal((passages, dimension)).astype(np.float32))
    chosen = chance.choice(passages, size=queries, replace=False)
    noise = chance.standard_normal((queries, dimension)).astype(np.float32) / dimension**0.5
    owners = np.arange(passages) // 60
    return Vectors(rows, owners, unit_length(rows[chosen] + noise), owners[chosen])
