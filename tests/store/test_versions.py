"""A collection goes on with the words that it was made with, until it is weighed anew."""

from __future__ import annotations

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.search.syntax import read_query
from longembed_rag.store import outdated, writer
from longembed_rag.store.store import DocumentStore
from longembed_rag.words import analyzer as module
from longembed_rag.words.analyzer import Analyzer, Term, get_analyzer
from tests.store.corpora import (
    Killed,
    assert_same_contents,
    every_moment,
    everything,
    fill,
    killed_after,
    moments,
)
from tests.store.fakes import make_document
from tests.stores import ENGINES, ensure, find, opening, scratch

DOCUMENTS = [
    make_document("/lease.txt", "the tenant signs the lease"),
    make_document("/plums.txt", "plums ripen in the garden all summer long"),
    make_document("/empty.txt", "of the and"),
]


class Doubling(Analyzer):
    """Finds every word as two other ones."""

    version = 3

    def terms(self, text: str) -> list[Term]:
        found = super().terms(text)
        return [
            Term(f"{each.stem}{half}", each.start, each.end)
            for each in found
            for half in ("x", "y")
        ]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lets a later release begin, with another analyzer, when it is told to."""
    monkeypatch.setitem(module.ANALYZERS, 3, Doubling)
    return monkeypatch


def begin(later: pytest.MonkeyPatch) -> None:
    """The later release."""
    later.setattr(outdated, "ANALYZER_VERSION", 3)
    later.setattr(
        writer, "get_analyzer", lambda language, version=3: get_analyzer(language, version=version)
    )


def words_of(store: DocumentStore, text: str) -> list[str]:
    """What word search finds, by source."""
    return sorted(each.source for each in find(store, text, mode="sparse"))


@pytest.mark.parametrize("engine", ENGINES)
def test_words_are_those_of_old_until_all_are_weighed_anew(
    engine: str, later: pytest.MonkeyPatch
) -> None:
    """Search goes on before, a new document joins the old ones, and reweigh brings all over."""
    with scratch() as folder, opening(engine, folder / "store") as opener:
        with opener() as store:
            fill(ensure(store), DOCUMENTS)
            assert store.existing_record().outdated is None
        begin(later)
        with opener() as store:
            record = store.existing_record()
            assert record.analyzer == 2
            assert "version 2 of the analyzer, and this release has version 3" in str(
                record.outdated
            )
            assert words_of(store, "leases") == ["/lease.txt"]
            store.upsert(make_document("/new.txt", "new leases"))
            assert words_of(store, "lease") == ["/lease.txt", "/new.txt"]
            assert store.reweigh() == 4
            assert (store.existing_record().analyzer, store.existing_record().outdated) == (3, None)
            assert words_of(store, "leases") == ["/lease.txt", "/new.txt"]
            assert {each.counts.analyzer for each in store.sources().values()} == {3}
            ours = everything(store.place)
            assert store.reweigh() == 0
            fill(store, [*DOCUMENTS, make_document("/new.txt", "new leases")])
            assert_same_contents(ours, everything(store.place))
        with opener() as store:
            assert words_of(store, "leases") == ["/lease.txt", "/new.txt"]


@every_moment
def test_a_change_that_was_killed_is_made_up_for(later: pytest.MonkeyPatch, every: bool) -> None:
    """Until the end the collection is searched by the old words; the next time is the end."""
    with scratch() as folder, opening("edge", folder / "all") as opener, opener() as store:
        fill(ensure(store), DOCUMENTS)
        begin(later)
        with killed_after(store, None) as calls:
            store.reweigh()
        expected = everything(store.place)
    for moment in moments(calls.count, every=every):
        later.undo()
        with scratch() as folder, opening("edge", folder / "some") as opener:
            with opener() as store:
                fill(ensure(store), DOCUMENTS)
            later.setitem(module.ANALYZERS, 3, Doubling)
            begin(later)
            with opener() as store:
                with pytest.raises(Killed), killed_after(store, moment):
                    store.reweigh()
                exact = find(store, read_query('"signs the lease" -plums'))
                assert [each.source for each in exact] == ["/lease.txt"]
                done = store.existing_record().analyzer == 3
                assert done or words_of(store, "leases") == ["/lease.txt"]
            with opener() as store:
                store.reweigh()
                assert store.existing_record().analyzer_next is None
                assert store.existing_record().analyzer == 3
                assert_same_contents(everything(store.place), expected)


def test_a_collection_of_a_later_release_says_so(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words cannot be found here; the way out is an update."""
    store.upsert(DOCUMENTS[0])
    store.place.points.note("documents", values_of_later(store))
    with opening_again(store) as again, pytest.raises(SettingsError, match="update longembed-rag"):
        find(again, "lease", mode="sparse")
    for write in (again.recover, again.reweigh, lambda: again.upsert(DOCUMENTS[1])):
        with pytest.raises(SettingsError, match="update longembed-rag"):
            write()
    assert "later release" in str(again.info().outdated)
    assert again.existing_record().analyzer == 99


def values_of_later(store: DocumentStore) -> dict[str, object]:
    """The record as a later release would have written it."""
    described = store.place.points.describe("documents")
    assert described is not None
    return {"longembed": {**described.metadata["longembed"], "analyzer": 99}}


def opening_again(store: DocumentStore) -> DocumentStore:
    """The same collection, looked at anew."""
    return DocumentStore.open(client=store.client)
