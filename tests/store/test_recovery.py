"""A process may be killed between any two writes: what it had begun is finished or undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.store.payload import read_own
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.store.corpora import (
    Killed,
    assert_same_contents,
    every_moment,
    everything,
    killed_after,
    moments,
)
from tests.store.fakes import make_document
from tests.stores import ENGINES, Opener, ensure, find, opening, scratch

OLD = make_document("/a.txt", "one two three four five six seven eight nine ten")
NEW = make_document("/a.txt", "nine ten eleven twelve thirteen fourteen fifteen sixteen 17")
OTHER = make_document("/b.txt", "another document of some words that is not touched")

Work = Callable[[DocumentStore], None]
#: What is done, and what was there before.
WORK: dict[str, tuple[Work, bool]] = {
    "new": (lambda store: store.upsert(NEW), False),
    "update": (lambda store: store.upsert(NEW), True),
    "same again": (lambda store: store.upsert(OLD), True),
    "delete": (lambda store: store.delete(["/a.txt", "/never-there.txt"]), True),
}


@pytest.fixture(autouse=True)
def small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two passages in a request, so that there is a moment between some of them."""
    monkeypatch.setattr("longembed_rag.points.client.batches.REQUEST_POINTS", 2)
    monkeypatch.setattr("longembed_rag.points.edge.points._BATCH", 2)


def prepare(opener: Opener, *, there: bool) -> None:
    """The collection before the work."""
    with opener() as store:
        begin(store, there=there)


def begin(store: DocumentStore, *, there: bool) -> None:
    """Write what was there before the work."""
    ensure(store).upsert(OTHER)
    if there:
        store.upsert(OLD)


def require_in_step(store: DocumentStore) -> None:
    """Documents, passages and manifest say the same, and every document is there whole."""
    stored = store.sources()
    assert store.complete_sources() == stored
    entries = store.entries()
    assert {(e.source, e.content_hash, e.passages, e.state) for e in entries.values()} == {
        (s.source, s.content_hash, s.passages, "stored") for s in stored.values()
    }
    passages, _ = store.client.scroll(store.place.passages, limit=1000)
    owners = [read_own(passage.payload) for passage in passages]
    versions = {(s.document_id, s.content_hash) for s in stored.values()}
    assert {(own["document"], own["version"]) for own in owners} <= versions
    assert len(passages) == sum(s.passages for s in stored.values())


@pytest.mark.parametrize(
    ("work", "engine"),
    [
        pytest.param(
            work, engine, marks=() if engine == "edge" or work == "update" else pytest.mark.slow
        )
        for work in WORK
        for engine in ENGINES
    ],
)
@every_moment
def test_every_moment_can_be_the_last(work: str, engine: str, every: bool) -> None:
    """After each write: recovery leaves one version whole, and the same again gives the same."""
    do, there = WORK[work]
    with scratch() as folder, opening(engine, folder / "undisturbed") as opener:
        prepare(opener, there=there)
        with opener() as store, killed_after(store, None) as calls:
            do(store)
        with opener() as store:
            expected = everything(store.place)
    assert calls.count >= 4
    for moment in moments(calls.count, every=every):
        with scratch() as folder, opening(engine, folder / "store") as opener:
            with opener() as store:
                begin(store, there=there)
                with pytest.raises(Killed), killed_after(store, moment):
                    do(store)
            with opener() as store:
                ensure(store)
                recovered = store.recover()
                assert recovered == ([] if moment == 0 else ["/a.txt"])
                assert store.recover() == []
                require_in_step(store)
                do(store)
                assert_same_contents(everything(store.place), expected)


@pytest.mark.parametrize("work", ["update", "delete"])
def test_recovery_may_be_killed_too(work: str) -> None:
    """Whoever comes next goes on with it."""
    do, there = WORK[work]
    killed = 0
    for moment in (1, 3):
        for further in range(4):
            with scratch() as folder, opening("local", folder) as opener:
                with opener() as store:
                    begin(store, there=there)
                    with pytest.raises(Killed), killed_after(store, moment):
                        do(store)
                with opener() as store, killed_after(store, further):
                    try:
                        store.recover()
                    except Killed:
                        killed += 1
                with opener() as store:
                    store.recover()
                    require_in_step(store)
                    assert len(store.sources()) == (1 if work == "delete" else 2)
    assert killed >= 4


def test_a_search_in_between_shows_one_version_whole(folder: Path) -> None:
    """While a new version is half written, the old one is found, with its own passages only."""
    with opening("edge", folder) as opener:
        prepare(opener, there=True)
        with opener() as store, suppress(Killed), killed_after(store, 2):
            store.upsert(NEW)
        with opener() as store:
            assert store.info().passages == 3 + 3 + 2  # two of the new version are there
            (result,) = [r for r in find(store, "eleven ten") if r.source == "/a.txt"]
            assert result.text == OLD.text
            assert {passage.text for passage in result.passages} == {
                "one two three four", "five six seven eight", "nine ten",
            }  # fmt: skip


def fail(store: DocumentStore, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a collection take no more points."""
    points = store.place.points
    write = points.write

    def failing(collection: str, given: Any, *, failure: Any = None, **named: Any) -> None:
        if collection == name:
            raise failure("out of order", None)
        write(collection, given, failure=failure, **named)

    monkeypatch.setattr(points, "write", failing)


def test_what_somebody_else_has_removed_is_removed_whole(store: DocumentStore) -> None:
    """LlamaIndex deletes a document's own point: its passages and its entry follow."""
    store.upsert(OLD)
    store.upsert(OTHER)
    store.client.delete("documents", points_selector=[document_id("/a.txt")], wait=True)
    assert store.recover() == ["/a.txt"]
    require_in_step(store)
    assert list(store.sources()) == ["/b.txt"]


def test_a_lost_manifest_is_written_again(store: DocumentStore) -> None:
    """Somebody deleted it: recovery notes every document that is there."""
    store.upsert(OLD)
    store.upsert(OTHER)
    before = store.entries()
    store.client.delete_collection("documents.manifest")
    ensure(store)
    assert store.entries() == {}
    assert sorted(store.recover()) == ["/a.txt", "/b.txt"]
    assert store.entries() == before
    assert store.recover() == []


@pytest.fixture(params=["edge", "local"])
def embedded(request: pytest.FixtureRequest, folder: Path) -> Iterator[DocumentStore]:
    """An embedded store, whose client's errors are easily made."""
    with opening(request.param, folder) as opener, opener() as store:
        yield ensure(store)


def test_a_failure_that_the_process_outlives_leaves_no_orphan(
    embedded: DocumentStore,
) -> None:
    """Who goes on with another version in the same store finds none of the first one's passages."""
    with pytest.MonkeyPatch.context() as patch:
        fail(embedded, patch, "documents")
        with pytest.raises(StoreError, match=r"/a\.txt was not confirmed"):
            embedded.upsert(OLD)
    assert embedded.entries()["/a.txt"].state == "writing"
    embedded.upsert(NEW)
    require_in_step(embedded)


def test_a_failure_can_be_recovered_from_in_the_same_process(embedded: DocumentStore) -> None:
    """Recovery reads the manifest anew, and lengths are counted without what is not there."""
    embedded.upsert(OTHER)
    with pytest.MonkeyPatch.context() as patch:
        fail(embedded, patch, "documents")
        with pytest.raises(StoreError):
            embedded.upsert(OLD)
    assert embedded.recover() == ["/a.txt"]
    require_in_step(embedded)
    embedded.upsert(OTHER)
    counts = embedded.sources()["/b.txt"].counts
    assert counts.average == counts.terms
