"""Collections of many documents, and all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from qdrant_client.models import Record

from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.points.edge.twins import assert_same
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


def everything(place: Place) -> dict[str, list[Record]]:
    """All points of all three collections, with all they have, by id."""
    contents = {}
    for name in (place.documents, place.passages, place.manifest):
        points, following = place.client.scroll(name, limit=10_000, with_vectors=True)
        assert following is None
        contents[name] = sorted(points, key=lambda point: str(point.id))
    return contents


def assert_same_contents(ours: dict[str, list[Record]], theirs: dict[str, list[Record]]) -> None:
    """Require that two stores hold the same, but for float32's last digits."""
    assert list(ours) == list(theirs)
    for name in ours:
        assert_same(ours[name], theirs[name])


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
    with pytest.MonkeyPatch.context() as patch:
        for name in ("upsert", "delete", "set_payload", "update_vectors"):
            patch.setattr(store.client, name, counter.wrap(getattr(store.client, name)))
        yield counter
