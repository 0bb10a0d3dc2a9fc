"""What a collection says that it holds."""

from __future__ import annotations

import pytest
from qdrant_client.models import FieldCondition, Filter, FilterSelector, MatchValue, PointStruct

from longembed_rag.errors import SettingsError
from longembed_rag.points.port import scroll
from longembed_rag.store.listing import (
    count_passages,
    list_documents,
    passages_by_document,
    read_page,
)
from longembed_rag.store.payload import PASSAGE_DOCUMENT_KEY
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR, document_id
from tests.store.fakes import make_document, vector_of

TEXT = "one two three four five six seven eight nine"


@pytest.fixture
def filled(store: DocumentStore) -> DocumentStore:
    """Five documents of three passages each."""
    for number in range(5):
        store.upsert(make_document(f"/{number}.txt", f"{TEXT} {number}", tokens_read=number))
    return store


def lose(store: DocumentStore, source: str) -> None:
    """Remove a document's passages behind the store's back."""
    condition = FieldCondition(
        key=PASSAGE_DOCUMENT_KEY, match=MatchValue(value=document_id(source))
    )
    selector = FilterSelector(filter=Filter(must=[condition]))
    store.client.delete(store.place.passages, points_selector=selector)


def test_listing_goes_over_pages(filled: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than fit on a page are all listed, each once, with what is known of them."""
    monkeypatch.setattr(
        "longembed_rag.points.port.scroll.__kwdefaults__", {**scroll.__kwdefaults__, "limit": 2}
    )
    listed = list(list_documents(filled.place))
    assert sorted(each.source for each in listed) == [f"/{number}.txt" for number in range(5)]
    by_source = {each.source: each for each in listed}
    assert by_source == filled.sources()
    assert by_source["/3.txt"].tokens_read == 3
    assert {(each.tokens, each.passages, each.counts.terms) for each in listed} == {(10, 3, 10)}


def test_pages_follow_each_other(filled: DocumentStore) -> None:
    """Every document is on one page, in the order of ids, and the last one names no next."""
    first = read_page(filled.place, limit=3)
    assert first.next is not None
    second = read_page(filled.place, limit=3, after=first.next)
    assert second.next is None
    listed = [*first.documents, *second.documents]
    assert [each.document_id for each in listed] == sorted(each.document_id for each in listed)
    assert {each.source: each for each in listed} == filled.sources()
    assert set(first.to_dict()["documents"][0]) >= {"source", "tokens", "passages"}
    with pytest.raises(SettingsError, match="limit=0"):
        read_page(filled.place, limit=0)


def test_points_of_others_are_passed_over(filled: DocumentStore) -> None:
    """What LlamaIndex or somebody else put beside ours is no document of ours."""
    point = PointStruct(
        id=document_id("theirs"),
        vector={DENSE_VECTOR: vector_of("theirs").tolist()},
        payload={"doc_id": "theirs"},
    )
    filled.client.upsert("documents", points=[point], wait=True)
    assert len(filled.sources()) == 5


def test_passages_are_counted_by_document(filled: DocumentStore) -> None:
    """All documents, however many, and all of their passages."""
    assert count_passages(filled.place) == 15
    counts = passages_by_document(filled.place)
    assert counts == {document_id(f"/{number}.txt"): 3 for number in range(5)}


def test_documents_that_lost_passages_are_not_complete(filled: DocumentStore) -> None:
    """Those that lost some or all are left out, so that an ingest brings them in again."""
    assert filled.complete_sources() == filled.sources()
    lose(filled, "/1.txt")
    points, _ = filled.client.scroll("documents.passages", limit=1, with_payload=True)
    partly = points[0].payload["longembed"]["document"]  # type: ignore[index]
    filled.client.delete("documents.passages", points_selector=[points[0].id])
    complete = filled.complete_sources()
    assert {each.document_id for each in complete.values()} == {
        document_id(f"/{number}.txt") for number in (0, 2, 3, 4)
    } - {partly}
    assert len(filled.sources()) == 5


def test_a_lost_collection_of_passages_is_made_again(filled: DocumentStore) -> None:
    """Who deletes it whole gets it back empty, and every document counts as not complete."""
    from tests.stores import ensure

    filled.client.delete_collection("documents.passages")
    ensure(filled)
    assert filled.complete_sources() == {}
    filled.upsert(make_document("/0.txt", f"{TEXT} 0"))
    assert list(filled.complete_sources()) == ["/0.txt"]


def test_documents_without_passages_are_complete(filled: DocumentStore) -> None:
    """Those that were stored without any have none to lose."""
    document = make_document("/none.txt", "words")
    filled.upsert(
        make_document(
            "/none.txt", "words", passages=(), passage_embeddings=document.passage_embeddings[:0]
        )
    )
    lose(filled, "/0.txt")
    assert sorted(filled.complete_sources()) == [
        *(f"/{number}.txt" for number in range(1, 5)), "/none.txt",
    ]  # fmt: skip
