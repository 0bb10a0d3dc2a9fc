"""Collections of many documents, and all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Stored, is_sparse
from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.store.fakes import make_document

WORDS = [f"w{number}" for number in range(60)]


def random_texts(count: int, *, seed: int, longest: int = 60) -> list[str]:
    """Texts in which few words are frequent and many are rare."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    return [
        " ".join(rng.choice(WORDS, size=int(rng.integers(1, longest)), p=weights / weights.sum()))
        for _ in range(count)
    ]


def random_documents(count: int, *, seed: int = 0, longest: int = 60) -> list[IndexedDocument]:
    """Documents of such texts, of three kinds."""
    return [
        make_document(f"/{index}.txt", text, metadata={"kind": f"k{index % 3}"})
        for index, text in enumerate(random_texts(count, seed=seed, longest=longest))
    ]


def fill(store: DocumentStore, documents: Iterable[IndexedDocument]) -> DocumentStore:
    """Write documents so that all are weighed by the averages of the whole collection.

    When they are written for the second time, all of them are known.
    """
    documents = list(documents)
    for document in documents * 2:
        store.upsert(document)
    return store


def everything(place: Place) -> dict[str, list[Stored]]:
    """All points of all three collections, with all they have, by id."""
    return {
        name: sorted(
            scroll(place.points, name, what="comparing", vectors=True), key=lambda point: point.id
        )
        for name in (place.documents, place.passages, place.manifest)
    }


def assert_same_contents(ours: dict[str, list[Stored]], theirs: dict[str, list[Stored]]) -> None:
    """Require that two stores hold the same, but for float32's last digits."""
    assert len(ours) == len(theirs)
    for our, their in zip(ours.values(), theirs.values(), strict=True):
        assert [point.id for point in our] == [point.id for point in their]
        for one, other in zip(our, their, strict=True):
            assert one.payload == other.payload
            assert sorted(one.vectors) == sorted(other.vectors)
            for name, vector in one.vectors.items():
                assert_same_vector(vector, other.vectors[name])


def assert_same_vector(one: Any, other: Any) -> None:
    """Require that two vectors are the same, but for float32's last digits."""
    if is_sparse(other):
        assert list(one.indices) == list(other.indices)
        one, other = one.values, other.values
    np.testing.assert_allclose(one, other, atol=1e-5)


#: Whether a process is killed at every moment, which is a slow test, or at some of them.
every_moment = pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)


def moments(count: int, *, every: bool, most: int = 3) -> list[int]:
    """Moments to kill at: every one, or some that are spread evenly from the first to the last."""
    if every or count <= most:
        return list(range(count))
    return sorted({round(turn * (count - 1) / (most - 1)) for turn in range(most)})


class Killed(BaseException):
    """The process ends here: nothing that handles errors handles this one."""


class Calls:
    """Counts what is written through a client, and may end the process before one of them."""

    def __init__(self, last: int | None = None) -> None:
        self.count = 0
        self._last = last

    def wrap(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Count the calls of a method."""

        def counted(*arguments: Any, **named: Any) -> Any:
            if self.count == self._last:
                raise Killed
            self.count += 1
            return write(*arguments, **named)

        return counted


@contextmanager
def killed_after(store: DocumentStore, calls: int | None) -> Iterator[Calls]:
    """End the process in this block once so many calls have written something; None only counts."""
    counter = Calls(calls)
    points = store.place.points
    owner, names = getattr(points, "client", None), ("upsert", "delete", "set_payload")
    with pytest.MonkeyPatch.context() as patch:
        if owner is None:
            patch.setattr(Shard, "update", counter.wrap(Shard.update))
        for name in (*names, "update_vectors") if owner is not None else ():
            patch.setattr(owner, name, counter.wrap(getattr(owner, name)))
        yield counter
