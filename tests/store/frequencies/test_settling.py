"""A table of frequencies in step with documents that come, change and go, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import time
from typing import Any

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Layout
from longembed_rag.search.rarity import rarities_of
from longembed_rag.search.steps import run
from longembed_rag.store.frequencies import segments, settling
from longembed_rag.store.frequencies.head import Head, exchange, read_head
from longembed_rag.store.frequencies.postings import Postings
from longembed_rag.store.frequencies.settling import settle
from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.words.query import QueryWords
from longembed_rag.words.rarity import Rarity
from longembed_rag.words.terms import term_id
from tests.store.corpora import WORDS, Killed, killed_after, random_documents
from tests.store.fakes import make_document
from tests.stores import ensure, opening

DOCUMENTS = random_documents(24, seed=5)
#: Words and pairs that documents hold, and some that none does.
ASKED = QueryWords.plain([*WORDS, "w0", "w0", "w1", "nowhere"])


@pytest.fixture
def store(folder: Path) -> Iterator[DocumentStore]:
    """An embedded store with a table."""
    with opening("edge", folder / "store") as opener, opener() as store:
        ensure(store)
        store.place.points.make(store.place.words, Layout())
        yield store


def counted(place: Place) -> tuple[Rarity, Rarity, Rarity]:
    """How many documents and passages hold each term, from their vectors."""
    found = []
    asked = {term_id(each) for each in (*ASKED.weights, *ASKED.pairs)}
    for name, vector in (
        (place.documents, TERMS_VECTOR),
        (place.documents, PAIRS_VECTOR),
        (place.passages, TERMS_VECTOR),
    ):
        held = [
            set(point.vectors[vector].indices)
            for point in scroll(place.points, name, what="counting", keys=[], vectors=[vector])
            if vector in point.vectors
        ]
        holding = {term: sum(term in each for each in held) for term in asked}
        found.append(Rarity(len(held), holding))
    return found[0], found[1], found[2]


def told(place: Place) -> tuple[Rarity, Rarity, Rarity]:
    """The same, as searches ask for it."""
    rarities = run(rarities_of(ASKED, place), place)
    return rarities.documents, rarities.hybrid, rarities.passages


def points(place: Place) -> dict[str, int]:
    """How many points of each kind a table has."""
    kinds: dict[str, int] = {}
    for each in scroll(place.points, place.words, what="counting"):
        kind = each.payload["longembed"]["kind"]
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def test_counts_follow_the_documents(store: DocumentStore) -> None:
    """That come, are there, change, are counted by another version, and go."""
    place = store.place
    assert settle(place) == 0
    assert told(place) == counted(place)
    for first in range(0, 24, 6):
        for document in DOCUMENTS[first : first + 6]:
            store.upsert(document)
        assert settle(place) == 6
        assert told(place) == counted(place)
    assert settle(place) == 0
    store.upsert(make_document(DOCUMENTS[3].source, "w0 w1 w59 something else"))
    store.delete([DOCUMENTS[4].source, DOCUMENTS[9].source])
    assert settle(place) == 4  # one text came and one went, two went
    assert told(place) == counted(place)
    store.delete([each.source for each in DOCUMENTS])
    settle(place)
    assert told(place) == counted(place)
    assert all(not each.total for each in told(place))


def test_the_terms_of_what_is_gone_go(store: DocumentStore) -> None:
    """Beside the segments there are those of each document that is there, and the head."""
    for document in DOCUMENTS:
        store.upsert(document)
    settle(store.place)
    assert points(store.place)["postings"] == 24
    store.delete([each.source for each in DOCUMENTS[:20]])
    settle(store.place)
    assert points(store.place)["postings"] == 4


def test_lost_terms_are_counted_anew(store: DocumentStore) -> None:
    """Where somebody has removed what is needed to take a document off, all are counted again."""
    for document in DOCUMENTS:
        store.upsert(document)
    place = store.place
    settle(place)
    listed = scroll(place.points, place.words, what="losing")
    gone = [each.id for each in listed if each.payload["longembed"]["kind"] == "postings"]
    place.points.delete(place.words, gone, what="losing")
    store.delete([DOCUMENTS[0].source])
    settle(place)
    assert told(place) == counted(place)
    assert points(place)["postings"] == 23


def test_a_table_of_many_segments(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, small buckets: the same counts, and few segments."""
    for module in (segments, settling):
        monkeypatch.setattr(module, "ROWS", 64)
    monkeypatch.setattr(segments, "BUCKET", 8)
    monkeypatch.setattr(segments, "_PAGE", 3)
    monkeypatch.setattr(settling, "_FETCHED", 2)
    place = store.place
    for first in range(0, 24, 8):
        for document in DOCUMENTS[first : first + 8]:
            store.upsert(document)
        settle(place)
        assert told(place) == counted(place)
    head = read_head(place)
    assert head is not None
    sizes = sorted((each.terms for each in head.segments), reverse=True)
    assert all(one >= 2 * other for one, other in pairwise(sizes))
    store.delete([each.source for each in DOCUMENTS[:13]])
    settle(place)
    assert told(place) == counted(place)


def test_killed_at_any_moment_it_goes_on(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two writes: what is told is right for some documents, and then for all."""
    monkeypatch.setattr(segments, "BUCKET", 64)
    for module in (segments, settling):
        monkeypatch.setattr(module, "ROWS", 256)
    monkeypatch.setattr(settling, "PATIENCE", 0.01)
    place = store.place
    for document in DOCUMENTS[:6]:
        store.upsert(document)
    settle(place)
    step, is_killed = 0, True
    while is_killed:
        store.delete([DOCUMENTS[step % 6].source])
        store.upsert(DOCUMENTS[6 + step % 18])
        with killed_after(store, step) as calls:
            try:
                settle(place)
                is_killed = False
            except Killed:
                totals = [rarity.total for rarity in told(place)]
                assert all(0 <= total <= 30 for total in totals[:2])
        assert is_killed or calls.count == step or step > calls.count
        settle(place)
        assert told(place) == counted(place)
        kept = {each.id for each in (read_head(place) or Head()).segments}
        left = {
            own["segment"]
            for each in scroll(place.points, place.words, what="counting")
            if "segment" in (own := each.payload["longembed"])
        }
        assert left == kept
        step += 1
    assert step > 6


def test_one_at_a_time(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has seen an older head changes nothing; who is dead is waited for, and taken over."""
    place = store.place
    settle(place)
    seen = read_head(place)
    assert seen is not None
    assert exchange(place, seen, Head()) is not None
    assert exchange(place, seen, Head()) is None
    assert exchange(place, None, Head()) is None
    now = read_head(place)
    # Somebody holds it, whose clock is an hour ahead, and says nothing more.
    assert exchange(place, now, replace(Head(), holder="dead", until=time() + 3600)) is not None
    monkeypatch.setattr(settling, "PATIENCE", 0.3)
    store.upsert(DOCUMENTS[0])
    assert settle(place) == 1
    assert told(place) == counted(place)


def test_who_was_taken_over_says_so(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was taken for dead changes nothing more."""
    place = store.place
    store.upsert(DOCUMENTS[0])

    def taken_over(*arguments: Any, **options: Any) -> list[Postings]:
        exchange(place, read_head(place), Head(holder="other", until=0.0))
        return []

    monkeypatch.setattr(settling, "_fetched", taken_over)
    with pytest.raises(StoreError, match="by somebody else, who took this call for dead"):
        settle(place)
    monkeypatch.undo()
    settle(place)
    assert told(place) == counted(place)
