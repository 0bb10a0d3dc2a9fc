"""What is kept between searches goes when something is written, or when it is old."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from longembed_rag.store import kept as module
from longembed_rag.store.kept import _MOST_LATEST, Kept, Latest
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.store.fakes import make_document
from tests.stores import ensure


class Changing:
    """Points that have been written to so often."""

    def __init__(self, changes: int | None) -> None:
        self.changes = changes


def test_it_is_made_anew_when_something_has_changed() -> None:
    """Written to, another name, another place: another value."""
    points: Any = Changing(0)
    kept = Kept()
    first = kept.get(points, "a", object)
    assert kept.get(points, "a", object) is first
    points.changes = 1
    second = kept.get(points, "a", object)
    assert second is not first
    assert kept.get(points, "b", object) is not second
    others: Any = Changing(1)
    assert kept.get(others, "b", object) is not kept.get(points, "b", object)


def test_where_others_write_it_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds, and no longer."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    points: Any = Changing(None)
    kept = Kept()
    first = kept.get(points, "a", object)
    now[0] += module.FRESH
    assert kept.get(points, "a", object) is first
    now[0] += 0.1
    assert kept.get(points, "a", object) is not first


def test_every_way_to_write_counts(store: DocumentStore) -> None:
    """Of an embedded engine's store; of others nobody can know."""
    ensure(store)
    points = store.place.points
    if store.engine != "edge":
        assert points.changes is None
        return
    seen = [points.changes]

    def changed() -> bool:
        seen.append(points.changes)
        return seen[-1] != seen[-2]  # type: ignore[index]

    store.upsert(make_document("/a", "the lease was signed"))
    assert changed()
    store.existing_record()
    points.count(store.place.documents, what="counting")
    assert not changed()
    store.client.delete_payload(store.place.documents, keys=["x"], points=[document_id("/a")])
    assert changed()
    store.delete(["/a"])
    assert changed()
    points.drop(store.place.passages)
    assert changed()
    assert len(set(seen)) == len(seen) - 1


def test_the_latest_are_kept() -> None:
    """As many as there is room for; what is asked for again stays."""
    latest: Latest[int] = Latest()
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in range(_MOST_LATEST + 5):
        assert latest.get(number, partial(make, number)) == number
        assert latest.get(0, lambda: make(0)) == 0
    assert made == list(range(_MOST_LATEST + 5))
    assert latest.get(1, lambda: make(1)) == 1
    assert made[-1] == 1
    assert len(latest._values) == _MOST_LATEST
