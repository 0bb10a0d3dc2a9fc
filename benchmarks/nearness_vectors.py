"""The vectors of ``nearness.py``: real passages and queries by the default model, and random ones.

Reading is slow and what comes of it does not change, so it is kept in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from fusion_tasks import read_task
from numpy.typing import NDArray

from longembed_rag import LongEncoder
from longembed_rag.encoder.token_vectors import unit_length

#: Characters that are read together: whole documents would take three times as long.
PART = 4000
# Length of the noise that leaves a cosine of 0.76.
_SPREAD = 0.85
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
        kept: Where the documents' vectors lie, or are to: what was read by an earlier run, of the
            same tasks and tokens, is not read again.
    """
    tasks = [read_task(each) for each in folders]
    named = [[((task.name, name), text) for name, text in task.documents.items()] for task in tasks]
    in_turn = [each for each in chain(*zip_longest(*named)) if each is not None]
    rows = _kept(kept)
    encoder = LongEncoder.from_pretrained()
    for _, text in in_turn[len(rows) :]:
        if sum(map(len, rows)) >= passages:
            break
        parts = [("", text[start : start + PART]) for start in range(0, len(text), PART)]
        read = encoder.encode_documents(parts, passage_tokens=passage_tokens)
        rows.append(np.concatenate([each.get().embeddings for each in read]))
        if len(rows) % 10 == 0:
            print(f"{len(rows)} documents, {sum(map(len, rows)):,} passages", flush=True)
            _keep(kept, rows)
    _keep(kept, rows)
    counts = np.cumsum([len(each) for each in rows])
    enough = rows[: 1 + int(np.searchsorted(counts, passages))]
    numbers = {key: number for number, (key, _) in enumerate(in_turn[: len(enough)])}
    asked = [
        (text, numbers[task.name, task.answers[query]])
        for task in tasks
        for query, text in task.queries.items()
        if (task.name, task.answers.get(query, "")) in numbers
    ]
    queries = encoder.encode_queries([text for text, _ in asked]).embeddings
    return Vectors(
        passages=unit_length(np.concatenate(enough)),
        owners=np.repeat(np.arange(len(enough)), [len(each) for each in enough]),
        queries=unit_length(queries),
        answers=np.array([number for _, number in asked]),
    )


def _kept(file: Path | None) -> list[Floats]:
    if file is None or not file.exists():
        return []
    with np.load(file) as kept:
        return np.split(kept["vectors"], np.cumsum(kept["counts"])[:-1])


def _keep(file: Path | None, rows: list[Floats]) -> None:
    if file is not None and rows:
        np.savez(file, vectors=np.concatenate(rows), counts=[len(each) for each in rows])


def random_vectors(passages: int, dimension: int, *, queries: int = 200) -> Vectors:
    """Random passages, sixty to a document, and queries near one of them: the hardest case."""
    chance = np.random.default_rng(24)
    rows = unit_length(chance.standard_normal((passages, dimension)).astype(np.float32))
    chosen = chance.choice(passages, size=queries, replace=False)
    noise = chance.standard_normal((queries, dimension)).astype(np.float32) / dimension**0.5
    owners = np.arange(passages) // 60
    return Vectors(rows, owners, unit_length(rows[chosen] + noise), owners[chosen])


def grown_vectors(vectors: Vectors, passages: int) -> Vectors:
    """As many passages as a large collection has: each has others beside it that are like it.

    Those have a cosine of 0.76 with it: the median of a real passage and the one nearest to it.
    """
    chance = np.random.default_rng(24)
    count, dimension = vectors.passages.shape
    chosen = np.concatenate([np.arange(count), chance.integers(0, count, passages - count)])
    noise = chance.standard_normal((passages, dimension), dtype=np.float32)
    noise *= _SPREAD / dimension**0.5
    noise[:count] = 0  # those that were read stay as they are
    rows = unit_length(vectors.passages[chosen] + noise)
    return Vectors(rows, vectors.owners[chosen], vectors.queries, vectors.answers)
