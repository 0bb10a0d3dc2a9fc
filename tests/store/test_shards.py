"""Words weigh the same however many shards there are, and on an embedded store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from qdrant_client import models

from longembed_rag.ingest import taking
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.ingest.verify import repair, verify
from longembed_rag.points.filters import Filter, matches
from longembed_rag.points.port import scroll
from longembed_rag.points.values import StorageOptions
from longembed_rag.search.options import MODES
from longembed_rag.store.copying import copy_collection
from longembed_rag.store.frequencies.head import KIND_KEY, read_head
from longembed_rag.store.frequencies.postings import postings_id
from longembed_rag.store.frequencies.settling import settle
from longembed_rag.store.manifest import Manifest
from longembed_rag.store.place import Place
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.points.fake_qdrant import FakeQdrant, running_fake
from tests.store.corpora import Killed, every_moment, killed_after, moments, random_documents
from tests.store.fakes import FakeEncoder, make_document
from tests.stores import ensure, find

DOCUMENTS = random_documents(16, seed=11)
QUERIES = ("w0 w1", "w20 nowhere", "w1 w7 w12 w33 w7")
Answers = dict[tuple[str, str], dict[str, float]]


def fill(
    store: DocumentStore,
    shards: int | None = None,
    documents: list[IndexedDocument] = DOCUMENTS,
) -> DocumentStore:
    """Write documents into a collection of so many shards, and settle it."""
    ensure(store, storage=StorageOptions(shards=shards), language="none")
    for document in documents:
        store.upsert(document)
    store.reweigh()
    return store


@pytest.fixture
def embedded(folder: Path) -> Iterator[DocumentStore]:
    """The documents in an embedded store."""
    with DocumentStore.open(path=folder / "store") as store:
        yield fill(store)


@pytest.fixture
def fake() -> Iterator[FakeQdrant]:
    """A server."""
    with running_fake() as fake:
        yield fake


def answers(store: DocumentStore) -> Answers:
    """What is found, with scores, by every mode and query."""
    return {
        (mode, query): {e.source: e.score for e in find(store, query, mode=mode, limit=12)}
        for mode in MODES
        for query in QUERIES
    }


def assert_same(ours: Answers, theirs: Answers) -> None:
    """Require that ranks and scores are the same, but for float32's last digits.

    Those with the same score stand in no order, and of the last ones some are not among the first.
    """
    for asked, expected in theirs.items():
        found, last = ours[asked], min(theirs[asked].values(), default=0.0) + 1e-4
        assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-5, abs=1e-5)
        for source, score in expected.items():
            if score > last:
                assert found[source] == pytest.approx(score, rel=1e-5, abs=1e-5), asked


@pytest.mark.parametrize(
    "numbers", [(1, 3), pytest.param((1, 2, 5), marks=pytest.mark.slow)], ids=str
)
def test_ranks_and_scores_do_not_depend_on_shards(
    embedded: DocumentStore, fake: FakeQdrant, numbers: tuple[int, ...]
) -> None:
    """In every mode, for every query: on one shard and on several as in an embedded store."""
    expected = answers(embedded)
    for shards in numbers:
        with DocumentStore.open(url=fake.url, collection=f"on{shards}") as store:
            fill(store, shards)
            assert store.existing_record().frequencies is (shards > 1)
            assert_same(answers(store), expected)
            store.delete([document.source for document in DOCUMENTS[:7]])
            store.upsert(make_document(DOCUMENTS[12].source, "w20 w20 w40 w59"))
            store.reweigh()
    found = []
    for shards in numbers:
        # Anew: how many documents there are is remembered for some seconds.
        with DocumentStore.open(url=fake.url, collection=f"on{shards}") as store:
            found.append(answers(store))
    for several in found[1:]:
        assert_same(several, found[0])


def test_a_collection_that_was_made_without_begins_to_count(
    embedded: DocumentStore, fake: FakeQdrant
) -> None:
    """Of several shards, with the server's own rarity: as it is until the next ingest."""
    with DocumentStore.open(url=fake.url) as store:
        fill(store)
        old = store.place
        fake.cut(3, old.documents, old.passages)
        assert not store.existing_record().frequencies
        wrong = answers(store)
        with pytest.raises(AssertionError):
            assert_same(wrong, answers(embedded))
    with DocumentStore.open(url=fake.url) as store:
        assert answers(store) == wrong
        store.reweigh()
        assert store.existing_record().frequencies
        assert_same(answers(store), answers(embedded))
    for name in (old.documents, old.passages):
        sparse = fake.client.get_collection(name).config.params.sparse_vectors or {}
        assert {each.modifier for each in sparse.values()} == {models.Modifier.NONE}


def test_a_copy_counts_as_its_place_needs(embedded: DocumentStore, fake: FakeQdrant) -> None:
    """From an embedded store onto shards, and from there onto one."""
    with (
        DocumentStore.open(url=fake.url, collection="several") as several,
        DocumentStore.open(url=fake.url, collection="one") as one,
    ):
        copy_collection(embedded, several, storage=StorageOptions(shards=4))
        assert several.existing_record().frequencies
        assert_same(answers(several), answers(embedded))
        copy_collection(several, one)
        assert not one.existing_record().frequencies
        assert_same(answers(one), answers(embedded))


def test_words_that_are_miscounted_are_told_and_mended(fake: FakeQdrant) -> None:
    """A process that ends between its last write and the settling leaves some uncounted."""
    with DocumentStore.open(url=fake.url) as store:
        fill(store, 2, DOCUMENTS[:6])
        assert verify(store, files=False) == []
        store.upsert(DOCUMENTS[6])
        store.delete([DOCUMENTS[0].source, DOCUMENTS[1].source])
        (finding,) = verify(store, files=False)
        assert (finding.source, finding.problem) == ("documents.words", "words miscounted")
        assert "words of 1 documents are not counted, and of 2 that are gone" in finding.detail
        assert repair(store, [finding]) == []
        assert verify(store, files=False) == []


def postings_of(place: Place) -> set[str]:
    """Ids of the terms that are kept."""
    matching = Filter(must=[matches(KIND_KEY, "postings")])
    return {each.id for each in scroll(place.points, place.words, what="x", matching=matching)}


@every_moment
def test_the_terms_that_a_killed_writer_left_are_removed(fake: FakeQdrant, every: bool) -> None:
    """Wherever it ended: what is being written by somebody who lives is left alone."""
    before, after = make_document("/x", "first words"), make_document("/x", "other words")
    for calls in moments(12, every=every, most=4):
        with DocumentStore.open(url=fake.url, collection=f"killed{calls}") as store:
            fill(store, 2, [*DOCUMENTS[:2], before])
            with killed_after(store, calls), suppress(Killed):
                store.upsert(after)
        with DocumentStore.open(url=fake.url, collection=f"killed{calls}") as store:
            place = store.place
            settle(place, sweeps=True)  # somebody else's: half-written documents are not its own
            entry = Manifest(place).entries()["/x"]
            if entry.state == "writing" and calls > 1:
                assert postings_of(place) >= {postings_id(store.sources()["/x"])}
            store.recover()
            store.reweigh()
            assert postings_of(place) == {postings_id(each) for each in store.sources().values()}
            assert verify(store, files=False) == []


def test_words_weigh_before_a_long_ingest_ends(
    fake: FakeQdrant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted after so many documents, and each time that there are twice as many."""
    for number in range(9):
        (folder / f"{number}.txt").write_text(f"word{number} common")
    with DocumentStore.open(url=fake.url) as store:
        ensure(store, storage=StorageOptions(shards=2), language="none")
        counted: list[int] = []
        count = store.count_words

        def noting() -> None:
            count()
            head = read_head(store.place)
            assert head is not None
            counted.append(sum(each.totals[0] for each in head.segments))

        monkeypatch.setattr(store, "count_words", noting)
        monkeypatch.setattr(taking, "_COUNTED_FIRST", 2)
        synchronise([folder], encoder=FakeEncoder(), store=store)
        assert len(counted) == 3  # when 2, 4 and 8 were told of; others may be written already
        assert all(count >= told for count, told in zip(counted, (2, 4, 8), strict=True))
