"""The store: of both engines and on a server alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longembed_rag import __version__
from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    SettingsError,
)
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR, TERMS_VECTOR, document_id
from tests.store.fakes import make_document, vector_of
from tests.stores import ENCODER, Opener, ensure, find

TEXT = "one two three four five six seven eight nine ten eleven twelve"


def test_a_document_written_is_found_with_its_best_passage(store: DocumentStore) -> None:
    """A query for the words of one passage finds the document, that passage and its span."""
    store.upsert(make_document("/a.txt", TEXT))
    store.upsert(make_document("/b.txt", "apples and pears and plums"))
    best, other = find(store, "five six seven eight", mode="dense")
    assert (best.source, other.source) == ("/a.txt", "/b.txt")
    assert best.passage == "five six seven eight"
    assert best.span is not None
    assert TEXT[best.span[0] : best.span[1]] == best.passage
    assert best.passage_score == pytest.approx(1.0, abs=1e-5)
    expected = float(vector_of(TEXT) @ vector_of("five six seven eight"))
    assert best.score == pytest.approx(expected, abs=1e-5)
    assert best.text == TEXT
    assert best.document_id == document_id("/a.txt")
    assert best.metadata == {"file_name": "a.txt"}


def test_results_come_as_json_without_the_text_unless_asked(store: DocumentStore) -> None:
    """A book is not repeated in every result, only when it is asked for."""
    store.upsert(make_document("/a.txt", TEXT))
    (result,) = find(store, "one")
    assert "text" not in result.to_dict()
    assert result.to_dict(with_text=True)["text"] == TEXT
    assert set(result.to_dict()) == {
        "source", "score", "parts", "signals", "passage", "span", "passage_score", "passages",
        "snippet", "metadata", "document_id", "language", "page", "lines", "heading",
    }  # fmt: skip


def test_writing_a_document_again_replaces_it(store: DocumentStore) -> None:
    """The same source never stands in a collection twice."""
    store.upsert(make_document("/a.txt", TEXT))
    store.upsert(make_document("/a.txt", "something else entirely"))
    stored = store.sources()
    assert list(stored) == ["/a.txt"]
    assert stored["/a.txt"].tokens == 3
    (result,) = find(store, "else")
    assert result.text == "something else entirely"
    assert [passage.text for passage in result.passages] == ["something else entirely"]
    assert store.info().passages == 1


def test_deleting_removes_only_what_is_named(store: DocumentStore) -> None:
    """Deleting takes what is there and passes over what is not; nothing at all is fine too."""
    for name in ("/a.txt", "/b.txt"):
        store.upsert(make_document(name, TEXT))
    store.delete(["/a.txt", "/never-there.txt"])
    store.delete([])
    assert list(store.sources()) == ["/b.txt"]
    assert list(store.entries()) == ["/b.txt"]
    assert store.info().passages == 3


def test_a_collection_outlives_its_store(opener: Opener) -> None:
    """Record, documents and vectors are there when the store is opened again."""
    with opener() as first:
        assert first.record() is None
        ensure(first).upsert(make_document("/a.txt", TEXT))
        (before,) = find(first, "five six seven eight")
    with opener() as again:
        record = again.check(fingerprint=ENCODER.fingerprint, description={})
        assert record.description == ENCODER.describe()
        assert record.settings == {"model": "fake"}
        assert record.version == __version__
        ensure(again)
        assert again.sources()["/a.txt"].content_hash == make_document("/a.txt", TEXT).content_hash
        (after,) = find(again, "five six seven eight")
        assert after.text == before.text
        assert after.passages[0].text == "five six seven eight"
        assert after.score == pytest.approx(before.score, abs=1e-5)
        assert after.passages[0].scores == pytest.approx(before.passages[0].scores, abs=1e-5)


def test_info_tells_what_is_there(store: DocumentStore) -> None:
    """The numbers of info are those of the documents."""
    store.upsert(make_document("/a.txt", TEXT))
    store.upsert(make_document("/b.txt", "one two", tokens_read=1))
    info = store.info().to_dict()
    assert (info["documents"], info["tokens"], info["tokens_read"]) == (2, 14, 13)
    assert (info["model"], info["dimension"]) == ("fake", 16)
    assert (info["passages"], info["passages_collection"]) == (4, "documents.passages")
    assert (info["dense_vector"], info["sparse_vector"]) == (DENSE_VECTOR, TERMS_VECTOR)
    kept = IndexOptions(late_interaction="on").to_dict()  # what auto is for this encoder
    assert (info["engine"], info["options"]) == (store.engine, kept)
    assert (info["collection"], info["location"]) == ("documents", store.location)
    assert (info["settings"], info["fingerprint"]) == ({"model": "fake"}, ENCODER.fingerprint)


def test_deleting_goes_over_pages(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than fit into a request are all deleted."""
    monkeypatch.setattr("longembed_rag.store.writing._PAGE", 2)
    names = [f"/{number}.txt" for number in range(5)]
    for name in names:
        store.upsert(make_document(name, f"text {name}"))
    store.delete(iter(names))
    assert store.sources() == store.entries() == {}
    assert store.info().passages == 0


def test_other_settings_are_refused_naming_both(store: DocumentStore) -> None:
    """A collection takes and answers one model's vectors; what differs is named, old and new."""
    used = {**ENCODER.describe(), "method": "ntk", "device": "cuda"}
    for refused in (
        lambda: store.check(fingerprint="0" * 32, description=used),
        lambda: store.ensure(fingerprint="0" * 32, dimension=16, description=used),
    ):
        with pytest.raises(CollectionMismatchError) as caught:
            refused()
        message = str(caught.value)
        assert "method is 'none' in the collection and 'ntk' now" in message
        assert ENCODER.fingerprint in message
        assert "0" * 32 in message
        assert "device" not in message


def test_other_model_files_under_the_same_settings_are_refused(store: DocumentStore) -> None:
    """Settings that look the same do not hide that the model's files are others."""
    with pytest.raises(CollectionMismatchError, match="files of the model are not the same"):
        store.check(fingerprint="0" * 32, description=ENCODER.describe())


def test_a_missing_collection_is_named(opener: Opener) -> None:
    """Searching where nothing was ingested says so, whichever way it is asked."""
    with opener() as store:
        for asked in (
            lambda: store.check(fingerprint="f", description={}),
            store.info,
            store.sources,
        ):
            with pytest.raises(CollectionNotFoundError, match="documents"):
                asked()
        assert store.record() is None
        for asked in (
            lambda: find(store, "one"),
            lambda: store.upsert(make_document("/a.txt", TEXT)),
            lambda: store.delete(["/a.txt"]),
            store.recover,
            store.reweigh,
        ):
            with pytest.raises(CollectionNotFoundError, match="documents"):
                asked()


def test_a_collection_that_is_gone_meanwhile_is_named(store: DocumentStore) -> None:
    """Writing to what somebody has deleted behind the store's back is no crash."""
    store.upsert(make_document("/a.txt", TEXT))
    store.client.delete_collection("documents")
    with pytest.raises(CollectionNotFoundError, match=r"/a\.txt was not written.*documents"):
        store.upsert(make_document("/a.txt", TEXT))


def test_a_foreign_collection_is_refused(store: DocumentStore) -> None:
    """A collection that does not say how its vectors were made is not written to."""
    from qdrant_client.models import Distance, VectorParams

    vectors = {DENSE_VECTOR: VectorParams(size=16, distance=Distance.COSINE)}
    store.client.create_collection("foreign", vectors_config=vectors)
    opened = DocumentStore.open(client=store.client, collection="foreign")
    with opened as foreign, pytest.raises(CollectionMismatchError, match="not made by longembed"):
        ensure(foreign)


def test_a_given_client_stays_open(store: DocumentStore) -> None:
    """Closing a store over somebody's client leaves the client working."""
    with DocumentStore.open(client=store.client) as second:
        second.upsert(make_document("/a.txt", TEXT))
    assert list(store.sources()) == ["/a.txt"]


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"path": Path("a"), "url": "http://localhost"},
        {"url": "localhost:6333"},
        {"url": "http://[::1"},
        {"url": "http://localhost", "timeout": 0.0},
        {"path": Path("a"), "collection": "a/b"},
        {"path": Path("a"), "collection": ""},
        {"path": Path("a"), "collection": "x" * 256},
    ],
)
def test_places_that_are_none_are_refused(
    places: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One place has to be given, an address has to be one, and a name has to be one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError):
        DocumentStore.open(**places)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_scores_do_not_depend_on_the_query_vectors_length(store: DocumentStore) -> None:
    """Vectors that are not of unit length (normalize=False) are compared by their angle."""
    document = make_document("/a.txt", TEXT)
    longer = make_document(
        "/b.txt",
        TEXT,
        embedding=document.embedding * 7,
        passage_embeddings=document.passage_embeddings * np.float32(0.001),
    )
    store.upsert(document)
    store.upsert(longer)
    vector = vector_of("one two") * 3
    first, second = search_documents(
        store, "one two", vector=vector, options=SearchOptions(mode="dense")
    )
    assert first.score == pytest.approx(second.score, abs=1e-5)
    assert first.passage_score == pytest.approx(second.passage_score, abs=1e-5)
    assert first.passage == second.passage == "one two three four"


def test_options_are_kept_and_others_refused(opener: Opener) -> None:
    """A collection keeps its documents in one way, which who names none takes over."""
    with opener() as store:
        ensure(store, passage_tokens=4, language="german")
        assert ensure(store).existing_record().options.language == "german"
        with pytest.raises(CollectionMismatchError, match="language is 'german' in the coll"):
            ensure(store, passage_tokens=4)
