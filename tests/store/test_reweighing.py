"""Collections grow: documents are weighed again by the averages of the day."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.store.payload import read_own
from longembed_rag.store.store import DocumentStore
from longembed_rag.words.lengths import TOLERANCE
from tests.store.corpora import (
    Killed,
    assert_same_contents,
    assert_same_vector,
    every_moment,
    everything,
    fill,
    killed_after,
    moments,
    random_documents,
)
from tests.stores import ENGINES, ensure, opening, scratch

#: First short documents, then long ones: the first are off by far.
GROWING = [*random_documents(6, seed=1, longest=9), *random_documents(12, seed=2, longest=50)[6:]]
QUERIES = ["w0", "w1 w7", "w0 w2 w3 w9 w20"]


def scores(store: DocumentStore, query: str) -> dict[str, float]:
    """Every document's score for a query of words."""
    options = SearchOptions(mode="sparse", limit=50, passages=0)
    return {each.source: each.score for each in search_documents(store, query, options=options)}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_off_is_made_as_if_it_had_come_last(engine: str) -> None:
    """Vectors and counts are those of a store that was filled with the final averages."""
    with scratch() as folder:
        with opening(engine, folder / "final") as opener, opener() as store:
            fill(ensure(store), GROWING)
            exact = {query: scores(store, query) for query in QUERIES}
            expected = everything(store.place)
        with opening(engine, folder / "growing") as opener, opener() as store:
            ensure(store)
            for document in GROWING:
                store.upsert(document)
            before = scores(store, QUERIES[0])
            assert store.reweigh() == len(GROWING) - 1  # the last one was right from the start
            for query in QUERIES:
                assert scores(store, query) == pytest.approx(exact[query], abs=1e-5)
            assert before != pytest.approx(exact[QUERIES[0]], rel=2 * TOLERANCE)
            assert_same_contents(everything(store.place), expected)


def test_averages_in_use_stay_while_they_are_true_enough(folder: Path) -> None:
    """A few more documents are weighed by them, and nothing is made again."""
    *documents, more = random_documents(40, seed=3, longest=30)
    with opening("edge", folder) as opener, opener() as store:
        ensure(store)
        fill(store, documents)
        store.reweigh()
        settled = {used for used, _ in averages(store)}
        store.upsert(more)
        assert store.reweigh() == 0
        assert {used for used, _ in averages(store)} == settled
        assert all(abs(used - true) <= TOLERANCE * true for used, true in averages(store))
        ours = {query: scores(store, query) for query in QUERIES}
    with opening("edge", folder / "once") as opener, opener() as store:
        fill(ensure(store), [*documents, more])
        for query in QUERIES:
            assert ours[query] == pytest.approx(scores(store, query), rel=TOLERANCE / 2)


def averages(store: DocumentStore) -> list[tuple[float, float]]:
    """The averages that documents were weighed by, each with that of now."""
    counts = [each.counts for each in store.sources().values()]
    average = sum(each.terms for each in counts) / len(counts)
    passages = sum(each.passage_terms for each in counts) / store.info().passages
    return [(each.average, average) for each in counts] + [
        (each.passage_average, passages) for each in counts
    ]


def test_what_is_in_balance_stays_as_it_is(store: DocumentStore) -> None:
    """A second time there is nothing to do, nor in an empty collection."""
    assert store.reweigh() == 0
    for document in GROWING:
        store.upsert(document)
    assert store.reweigh() > 0
    before = everything(store.place)
    assert store.reweigh() == 0
    assert_same_contents(everything(store.place), before)


def test_only_terms_and_counts_change(store: DocumentStore) -> None:
    """Texts, metadata, vectors of meaning and places of passages are not touched."""
    for document in GROWING:
        store.upsert(document)
    before = everything(store.place)
    store.reweigh()
    after = everything(store.place)
    changed = 0
    for name in ("documents", "documents.passages"):
        for old, new in zip(before[name], after[name], strict=True):
            assert_same_vector(old.vectors["text-dense"], new.vectors["text-dense"])
            counts = [read_own(each.payload).pop("counts", None) for each in (old, new)]
            changed += counts[0] != counts[1]
            for each in (old, new):
                read_own(each.payload).pop("words", None)  # what its words are known by
            assert old.payload == new.payload
    assert changed >= 6
    assert before["documents.manifest"] == after["documents.manifest"]


@pytest.mark.parametrize("engine", ["edge", "local"])
@every_moment
def test_an_interruption_is_made_up_for(
    engine: str, every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any write, the next call leaves what an undisturbed one would have left."""
    monkeypatch.setattr("longembed_rag.store.reweighing._PAGE", 2)
    documents = [GROWING[0], GROWING[7], GROWING[8]]

    def grow(store: DocumentStore) -> None:
        ensure(store)
        for document in documents:
            store.upsert(document)

    with scratch() as folder, opening(engine, folder) as opener, opener() as store:
        grow(store)
        with killed_after(store, None) as calls:
            undisturbed = store.reweigh()
        expected = everything(store.place)
    assert undisturbed >= 1
    assert calls.count >= 3 * undisturbed
    for moment in moments(calls.count, every=every):
        with scratch() as folder, opening(engine, folder) as opener:
            with opener() as store:
                grow(store)
                with pytest.raises(Killed), killed_after(store, moment):
                    store.reweigh()
            with opener() as store:
                assert 1 <= store.reweigh() <= undisturbed
                assert_same_contents(everything(store.place), expected)


def test_a_document_without_a_text_is_left_alone(folder: Path) -> None:
    """A point that somebody has taken the text from is no crash, and the others are done."""
    with opening("edge", folder) as opener, opener() as store:
        ensure(store)
        for document in GROWING:
            store.upsert(document)
        first = store.sources()[GROWING[0].source]
        store.client.delete_payload("documents", keys=["_node_content"], points=[first.document_id])
        before = first.counts
        assert store.reweigh() >= 5
        assert store.sources()[first.source].counts == before
