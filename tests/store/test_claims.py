"""Documents that somebody has in hand: one at a time, and never for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from longembed_rag.store import claims
from longembed_rag.store.claims import Claims, Holder, claimed_by_others, holders
from longembed_rag.store.manifest import Manifest
from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant
from tests.store.fakes import make_document
from tests.stores import ensure

SOURCES = [f"/{number}.txt" for number in range(20)]


@pytest.fixture
def place(server: FakeQdrant) -> Iterator[Place]:
    """A collection on a server."""
    with DocumentStore.open(url=server.url) as store:
        yield ensure(store).place


def gone(name: str, **changes: object) -> Holder:
    """Somebody of whom nothing more is heard."""
    given = {"host": "elsewhere", "process": 1, "until": time.time() - 1, **changes}
    return Holder(name=name, **given)  # type: ignore[arg-type]


def write(place: Place, holder: Holder) -> None:
    """Note a holder down."""
    place.points.write(place.manifest, [holder.to_point()], what="testing")


def test_of_many_at_once_one_has_a_document(place: Place) -> None:
    """Every document is somebody's, and nobody else's."""
    with ThreadPoolExecutor(4) as pool:
        several = [Claims(place) for _ in range(4)]
        for each in several:
            each.__enter__()
        taken = list(pool.map(lambda each: each.take(SOURCES), several))
        assert sorted(source for each in taken for source in each) == sorted(SOURCES)
        mine = next(index for index, each in enumerate(taken) if each)
        assert several[mine].take(SOURCES).keys() == taken[mine].keys()  # once more is as good
        assert claimed_by_others(place, name=several[mine].name) == set(SOURCES) - set(taken[mine])
        for each, sources in zip(several, taken, strict=True):
            each.release(sources)
            each.__exit__()
    assert claimed_by_others(place) == frozenset()
    assert holders(place) == []
    assert Manifest(place).entries() == {}


def test_who_is_dead_has_nothing(place: Place) -> None:
    """Whose lease ran out; whose process on this machine is gone; who has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    later = time.time() + 1000
    here = {"host": claims._host(), "until": later}
    dead = [gone("late"), gone("killed", **here, process=ended.pid)]
    alive = [gone("far", until=later), gone("near", **here, process=os.getpid())]
    for number, holder in enumerate((*dead, *alive)):
        write(place, holder)
        Claims(place, name=holder.name).take([SOURCES[number]])
    Claims(place, name="never-noted").take([SOURCES[4]])
    with Claims(place) as ours:
        assert sorted(ours.take(SOURCES[:6])) == [SOURCES[0], SOURCES[1], SOURCES[4], SOURCES[5]]
        assert claimed_by_others(place, name=ours.name) == {SOURCES[2], SOURCES[3]}
    assert {each.name for each in holders(place)} == {"far", "near"}


def test_a_lease_is_renewed(place: Place) -> None:
    """Whoever works for longer than one keeps what it has; another can take nothing."""
    with Claims(place, lease=0.3) as ours, Claims(place) as other:
        ours.take(SOURCES[:1])
        time.sleep(0.7)
        assert other.take(SOURCES[:1]) == {}
        assert all(each.is_alive for each in holders(place))


def test_the_manifest_tells_what_is_there_now(place: Place, server: FakeQdrant) -> None:
    """Whoever takes a document learns that somebody else has just written it."""
    with Claims(place) as ours:
        assert ours.take(SOURCES[:1]) == {SOURCES[0]: None}
        ours.release(SOURCES[:1])
        document = make_document(SOURCES[0], "one two three")
        with DocumentStore.open(url=server.url) as store:
            store.upsert(document)
        entry = ours.take(SOURCES[:1])[SOURCES[0]]
        assert entry is not None
        assert (entry.state, entry.content_hash) == ("stored", document.content_hash)


def test_recovery_leaves_alone_what_others_write(place: Place, server: FakeQdrant) -> None:
    """A half-written document is its writer's as long as that lives, and is undone after."""
    document = make_document(SOURCES[0], "one two three four five")
    with DocumentStore.open(url=server.url) as store, Claims(place) as writer:
        store.upsert(document)
        entry = Manifest(place).entries()[SOURCES[0]]
        place.points.delete(place.documents, [entry.document_id], what="testing")
        writer.take(SOURCES[:1])
        assert store.recover() == []
        assert SOURCES[0] in Manifest(place).entries()
        writer.release(SOURCES[:1])
        assert store.recover() == [SOURCES[0]]
