"""What an encoder makes of the tasks of ``fusion.py``, kept in a file: embedding takes hours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from fusion_tasks import Joined, Task

from longembed_rag import DocumentStore, LongEncoder, embed_queries
from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors
from longembed_rag.encoder.values import Coverage, Passage, PassageEncoding

SEPARATOR = "\n\n"
#: Queries: name and text, vector, tokens of each part.
Asked = Iterable[tuple[tuple[str, str], np.ndarray, tuple[np.ndarray, ...]]]


def place_of(task: Task, encoder: LongEncoder, cache: Path) -> Path:
    """The folder of the store that a task's documents are put into."""
    return cache / f"{task.name}.{encoder.model_name}.{encoder.original_length}"


@contextmanager
def filled(task: Task, encoder: LongEncoder, cache: Path) -> Iterator[tuple[DocumentStore, Asked]]:
    """The store that ``fusion.py`` has filled with a task, and its queries, ready to be asked."""
    with DocumentStore.open(path=place_of(task, encoder, cache)) as store:
        yield store, asked_of(task, encoder)


def asked_of(task: Task, encoder: LongEncoder) -> Asked:
    """The queries of a task as a search reads them."""
    read = embed_queries(list(task.queries.values()), encoder.encode_queries)
    for query, (vector, tokens) in zip(task.queries.items(), read, strict=True):
        yield query, vector, tokens


def encodings_of(task: Task, encoder: LongEncoder, cache: Path) -> list[PassageEncoding]:
    """A task's documents, in its order: from the file, or made now.

    A joined task's come from those of its parts: passages and tokens are those of the parts, a
    document's own vector is the mean of theirs, by their tokens.
    """
    if isinstance(task, Joined):
        return joined(task, encodings_of(task.task, encoder, cache))
    place = place_of(task, encoder, cache)
    file = place.with_name(f"{place.name}.npz")
    if not file.exists():
        write(file, make(task, encoder))
    return read(file)


def make(task: Task, encoder: LongEncoder) -> list[PassageEncoding]:
    documents, began, done = [], time.monotonic(), 0
    for number, (name, text) in enumerate(task.documents.items()):
        documents.append(encoder.encode_passages(text, tokens=TokenOptions(), name=name))
        done += documents[-1].coverage.tokens
        if number % 20 == 0:
            seconds = time.monotonic() - began
            print(f"{task.name}: {number} of {len(task.documents)}, {done / seconds:.0f} tokens/s")
    return documents


def write(file: Path, documents: list[PassageEncoding]) -> None:
    tokens = [each.tokens for each in documents if each.tokens is not None]
    arrays: dict[str, Any] = {
        "embedding": np.stack([each.embedding for each in documents]),
        "passages": np.array([len(each.passages) for each in documents]),
        "places": np.array(
            [(p.start, p.end, p.tokens) for each in documents for p in each.passages]
        ),
        "embeddings": np.concatenate([each.embeddings for each in documents]),
        "coverage": np.array(
            [(e.coverage.tokens, e.coverage.tokens_read, e.coverage.windows) for e in documents]
        ),
        "counts": np.concatenate([each.counts for each in tokens]),
        "bits": np.concatenate([each.vectors for each in tokens]),
    }
    np.savez(file, **arrays)


def read(file: Path) -> list[PassageEncoding]:
    with np.load(file) as stored:
        found = {name: stored[name] for name in stored.files}
    dimension = found["embedding"].shape[1]
    documents = []
    bounds = pairwise(accumulate(found["passages"].tolist(), initial=0))
    bit_starts = np.append(0, np.cumsum(found["counts"]))
    for number, (first, last) in enumerate(bounds):
        tokens = TokenVectors(
            found["counts"][first:last],
            found["bits"][bit_starts[first] : bit_starts[last]],
            dimension,
        )
        documents.append(
            PassageEncoding(
                found["embedding"][number],
                tuple(Passage(*map(int, row)) for row in found["places"][first:last]),
                found["embeddings"][first:last],
                Coverage(*map(int, found["coverage"][number]), "cached"),
                tokens,
            )
        )
    return documents


def joined(task: Joined, parts: list[PassageEncoding]) -> list[PassageEncoding]:
    names = list(task.task.documents)
    where = {name: number for number, name in enumerate(names)}
    documents = []
    for group in task.groups:
        found = [parts[where[name]] for name in group]
        sizes = [len(task.task.documents[name]) + len(SEPARATOR) for name in group]
        documents.append(join(found, list(accumulate(sizes, initial=0))))
    return documents


def join(parts: list[PassageEncoding], starts: list[int]) -> PassageEncoding:
    weights = np.array([each.coverage.tokens for each in parts], dtype=np.float64)
    mean = np.average([each.embedding for each in parts], axis=0, weights=weights)
    tokens = [each.tokens for each in parts if each.tokens is not None]
    passages = tuple(
        replace(passage, start=passage.start + start, end=passage.end + start)
        for each, start in zip(parts, starts, strict=False)
        for passage in each.passages
    )
    return PassageEncoding(
        (mean / np.linalg.norm(mean)).astype(np.float32),
        passages,
        np.concatenate([each.embeddings for each in parts]),
        Coverage(int(weights.sum()), int(weights.sum()), len(parts), "cached"),
        TokenVectors(
            np.concatenate([each.counts for each in tokens]),
            np.concatenate([each.vectors for each in tokens]),
            tokens[0].dimension,
        ),
    )
