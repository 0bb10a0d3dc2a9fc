"""Each document in its own language: noted, stemmed and asked for in it."""

from __future__ import annotations

from typing import Any

import pytest

from longembed_rag.errors import NotAllowedError
from longembed_rag.store.collection import Collection
from longembed_rag.store.copying import copy_collection
from longembed_rag.store.document import read_documents
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.store.corpora import assert_same_contents, everything, fill
from tests.store.fakes import make_document
from tests.stores import ENGINES, ensure, find, opening, scratch

ENGLISH = "The tenants were signing the leases of their houses in the old town."
GERMAN = "Die Mieter unterschrieben die Verträge ihrer Häuser in der alten Stadt."
FRENCH = "Les locataires ont signé les contrats de leurs maisons dans la vieille ville."
THAI = "ผู้เช่าลงนามในสัญญาและจ่ายค่าเช่าในวันแรกของทุกเดือน"
TEXTS = {"/en": ENGLISH, "/de": GERMAN, "/fr": FRENCH, "/th": THAI}
QUERIES = {
    "/en": "sign a lease",
    "/de": "Vertrag unterschrieb",
    "/fr": "contrat maison",
    "/th": "สัญญา",
}


def documents(*sources: str) -> list[IndexedDocument]:
    """Some of the documents."""
    return [make_document(source, TEXTS[source]) for source in sources]


def best(store: DocumentStore, query: str, **options: Any) -> str:
    """What is found first."""
    return find(store, query, **options)[0].source


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", ["sparse", "hybrid"])
def test_every_document_is_found_by_the_words_of_its_language(engine: str, mode: str) -> None:
    """In a mixed collection, also in a store that is opened again, with marks of its own words."""
    with scratch() as folder, opening(engine, folder / "store") as opener:
        with opener() as store:
            fill(ensure(store), documents(*TEXTS))
            assert {s: each.language for s, each in store.sources().items()} == {
                "/en": "english",
                "/de": "german",
                "/fr": "french",
                "/th": "thai",
            }
        with opener() as store:
            assert store.existing_record().languages == ("english", "french", "german", "none")
            for source, query in QUERIES.items():
                (first, *_) = find(store, query, mode=mode)
                assert first.source == source
                assert first.language == store.sources()[source].language
                assert first.snippet is not None
                assert first.snippet.marks
            assert store.info().languages == dict.fromkeys(
                ("english", "german", "french", "thai"), 1
            )
            (told,) = read_documents(["/de"], place=store.place)
            assert told is not None
            assert told.to_dict()["language"] == "german"


@pytest.mark.parametrize("mode", ["sparse", "hybrid"])
def test_a_collection_of_one_language_scores_as_one_made_for_it(mode: str) -> None:
    """Whatever its words are stemmed as by a guess, they are weighed the same."""
    texts = {f"/{n}": f"{ENGLISH} The {word}s ripen." for n, word in enumerate(["plum", "pear"])}
    scores = []
    for language in ("auto", "english"):
        with scratch() as folder, opening("edge", folder / "store") as opener, opener() as store:
            ensure(store, language=language)
            fill(store, [make_document(source, text) for source, text in texts.items()])
            found = find(store, "ripe plums of the tenants", mode=mode)
            scores.append([(each.source, each.score) for each in found])
    assert scores[0] == scores[1]


def test_metadata_is_believed_over_the_text() -> None:
    """A document that says what it is in is stemmed in that, and so is a changed one."""
    with scratch() as folder, opening("edge", folder / "store") as opener, opener() as store:
        ensure(store)
        store.upsert(make_document("/note", "Verträge Häuser", metadata={"language": "de-DE"}))
        assert store.sources()["/note"].language == "german"
        assert best(store, "Vertrag", mode="sparse") == "/note"
        store.upsert(make_document("/note", "Verträge Häuser", metadata={"language": "sv"}))
        assert store.sources()["/note"].language == "swedish"
        assert best(store, "Verträge", mode="sparse") == "/note"


def test_what_cannot_be_told_is_stemmed_as_english() -> None:
    """A note of a few names and numbers is found as it was before languages."""
    with scratch() as folder, opening("edge", folder / "store") as opener, opener() as store:
        fill(ensure(store), [make_document("/note", "w0 w1 w7")])
        assert store.sources()["/note"].language is None
        assert store.existing_record().languages == ("english",)
        assert store.info().languages == {"unknown": 1}
        assert best(store, "w7", mode="sparse") == "/note"


def test_a_language_that_comes_later_is_asked_for_at_once() -> None:
    """In the process that wrote it and in others, after removals, and after weighing anew."""
    with (
        scratch() as folder,
        opening("server", folder) as opener,
        opener() as store,
        opener() as other,
    ):
        fill(ensure(store), documents("/en"))
        store.upsert(documents("/de")[0])
        assert best(store, QUERIES["/de"], mode="sparse") == "/de"
        assert best(other, QUERIES["/de"], mode="sparse") == "/de"
        store.delete(["/de"])
        store.reweigh()
        assert best(store, QUERIES["/en"], mode="sparse") == "/en"
        assert not find(store, "Mieter", mode="sparse")


def test_a_copy_is_asked_in_the_languages_of_both() -> None:
    """Into a new collection and into one with another language."""
    with (
        scratch() as folder,
        opening("edge", folder / "one") as theirs,
        opening("edge", folder / "two") as ours,
        theirs() as source,
        ours() as target,
    ):
        fill(ensure(source), documents("/de"))
        fill(ensure(target), documents("/fr"))
        copy_collection(source, target)
        target = DocumentStore(target.place.points, collection=target.collection)
        assert target.existing_record().languages == ("french", "german")
        for each in ("/de", "/fr"):
            assert best(target, QUERIES[each], mode="sparse") == each


def test_an_old_collection_keeps_its_language_and_comes_to_the_words_of_now() -> None:
    """One of the first analyzer, which tells of no languages, is English until it is made anew."""
    with scratch() as folder, opening("edge", folder / "store") as opener:
        with opener() as store:
            fill(ensure(store, language="english"), documents("/en", "/de"))
            expected = everything(store.place)
            store.delete(TEXTS)
            described = store.place.points.describe("documents")
            assert described is not None
            own = {**described.metadata[OWN_KEY], "analyzer": 1}
            own["index"] = {k: v for k, v in own["index"].items() if k != "language"}
            store.place.points.note("documents", {OWN_KEY: own})
        with opener() as store:
            fill(store, documents("/en", "/de"))
            record = store.existing_record()
            assert record.options.language == "english"
            assert record.get_analyzer().version == 1
            assert "next ingest" in str(record.outdated)
            assert store.reweigh() == 2
            assert store.existing_record().get_analyzer().version == 2
            assert_same_contents(everything(store.place), expected)


def test_a_key_that_may_not_note_a_language_writes_in_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it writes is found, if only by words as they are stemmed there."""

    def refuse(self: Collection, languages: object) -> None:
        raise NotAllowedError("this key may not")

    with scratch() as folder, opening("edge", folder / "store") as opener, opener() as store:
        fill(ensure(store), documents("/en"))
        monkeypatch.setattr(Collection, "note_languages", refuse)
        store.upsert(documents("/de")[0])
        assert store.sources()["/de"].language == "english"
        assert best(store, "Mieter", mode="sparse") == "/de"
