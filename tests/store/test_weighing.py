"""Words of long documents: a collection goes on as it was weighed, until it is weighed anew."""

from __future__ import annotations

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.store import record
from longembed_rag.store.copying import copy_collection
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.words import terms
from tests.store.corpora import (
    Killed,
    assert_same_contents,
    every_moment,
    everything,
    fill,
    killed_after,
    moments,
    random_documents,
)
from tests.stores import ENGINES, ensure, find, opening, scratch

DOCUMENTS = [*random_documents(4, seed=1, longest=9), *random_documents(8, seed=2, longest=40)[4:]]
QUERY = "w0 w1 w7 w7"


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of a few words are long enough for the rule."""
    monkeypatch.setattr(terms, "LONG", 4)


def make_old(store: DocumentStore) -> DocumentStore:
    """A collection as an earlier release made it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "WEIGHING_VERSION", 1)
        ensure(store, language="none")
    described = store.place.points.describe("documents")
    assert described is not None
    own = dict(described.metadata[OWN_KEY])
    del own["weighing"]
    own["index"] = {k: v for k, v in own["index"].items() if k not in ("k1", "b")}
    store.place.points.note("documents", {OWN_KEY: own})
    store.record()
    return store


def scores(store: DocumentStore) -> dict[str, float]:
    """What the words of documents say in hybrid, by source."""
    found = find(store, QUERY, limit=50)
    return {each.source: each.signals["terms"] for each in found}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_old_collection_is_searched_as_before_and_brought_up(engine: str) -> None:
    """Until reweigh its words are BM25's own; after it everything is as a new ingest makes it."""
    with scratch() as folder:
        with opening(engine, folder / "new") as opener, opener() as store:
            fill(ensure(store, language="none"), DOCUMENTS)
            assert store.existing_record().words_vector == PAIRS_VECTOR
            assert store.existing_record().outdated is None
            expected, by_rule = everything(store.place), scores(store)
        with opening(engine, folder / "old") as opener:
            with opener() as store:
                fill(make_old(store), DOCUMENTS)
                plain = {e.source: e.score for e in find(store, QUERY, mode="sparse", limit=50)}
                assert {k: v for k, v in scores(store).items() if v} == pytest.approx(plain)
                assert "next ingest" in str(store.info().outdated)
                assert store.existing_record().words_vector == TERMS_VECTOR
                assert store.existing_record().options.k1 == 1.5
                assert store.reweigh() == len(DOCUMENTS)
                assert (store.info().weighing, store.info().outdated) == (2, None)
            with opener() as store:
                assert scores(store) == pytest.approx(by_rule)
                assert by_rule != pytest.approx(plain, rel=0.01)
                assert_same_contents(everything(store.place), expected)
                assert store.reweigh() == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_off_is_made_as_if_it_had_come_last(engine: str) -> None:
    """Where the average has moved, so has k1: after reweigh it is that of a fresh ingest."""
    with scratch() as folder:
        with opening(engine, folder / "fresh") as opener, opener() as store:
            fill(ensure(store), DOCUMENTS)
            expected = everything(store.place)
        with opening(engine, folder / "grown") as opener, opener() as store:
            ensure(store)
            for document in DOCUMENTS:
                store.upsert(document)
            with pytest.raises(AssertionError):
                assert_same_contents(everything(store.place), expected)
            assert store.reweigh() > 0
            assert_same_contents(everything(store.place), expected)


@every_moment
def test_a_change_that_was_killed_is_made_up_for(every: bool) -> None:
    """Until the end the collection is searched as before; the next time is the end."""
    with scratch() as folder, opening("edge", folder / "all") as opener, opener() as store:
        fill(make_old(store), DOCUMENTS[:3])
        before = scores(store)
        with killed_after(store, None) as calls:
            store.reweigh()
        expected = everything(store.place)
    for moment in moments(calls.count, every=every):
        with scratch() as folder, opening("edge", folder / "some") as opener:
            with opener() as store:
                fill(make_old(store), DOCUMENTS[:3])
                with pytest.raises(Killed), killed_after(store, moment):
                    store.reweigh()
                if store.record().weighing == 1:  # type: ignore[union-attr]
                    assert scores(store) == pytest.approx(before)
            with opener() as store:
                store.reweigh()
                assert store.existing_record().weighing == 2
                assert_same_contents(everything(store.place), expected)


def test_what_is_copied_into_a_newer_collection_is_found_by_its_words() -> None:
    """The target is searched as the older one was, until its next ingest weighs all anew."""
    with (
        scratch() as folder,
        opening("edge", folder / "old") as theirs,
        opening("edge", folder / "new") as ours,
        theirs() as source,
        ours() as target,
    ):
        fill(make_old(source), DOCUMENTS[:4])
        fill(ensure(target, language="none"), DOCUMENTS[4:])
        assert copy_collection(source, target).copied == 4
        assert target.existing_record().words_vector == TERMS_VECTOR
        found = scores(target)
        assert all(found[each.source] > 0 for each in DOCUMENTS if "w0" in each.text.split())
        assert target.reweigh() >= 4
        assert target.existing_record().words_vector == PAIRS_VECTOR
        fill(target, DOCUMENTS)
        brought = everything(target.place)
    with scratch() as folder, opening("edge", folder / "fresh") as opener, opener() as store:
        fill(ensure(store, language="none"), DOCUMENTS)
        assert_same_contents(brought, everything(store.place))


def test_a_collection_of_a_later_release_says_so(store: DocumentStore) -> None:
    """It is neither searched nor written to by a rule that is not known; an update helps."""
    store.upsert(DOCUMENTS[0])
    described = store.place.points.describe("documents")
    assert described is not None
    store.place.points.note("documents", {OWN_KEY: {**described.metadata[OWN_KEY], "weighing": 9}})
    again = DocumentStore.open(client=store.client)
    for refused in (again.reweigh, lambda: find(again, "w0")):
        with pytest.raises(SettingsError, match=r"version 9.*update longembed-rag"):
            refused()
    assert "update longembed-rag" in str(again.info().outdated)
