"""LangChain's tests of a vector store once more, for passages in place of documents."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import LONG_TEXT
from langchain_core.documents import Document

from langchain_longembed import LongRetriever, LongVectorStore
from longembed_rag import Library

FOO = Document(page_content="foo", metadata={"id": 1})
BAR = Document(page_content="bar", metadata={"id": 2})
BAZ = Document(page_content="baz", metadata={"id": 3})


def passage_of(document: Document, identity: str) -> Document:
    """A document of one passage as it is found, without what the search has found out."""
    metadata = {
        "source": identity,
        **document.metadata,
        "lines": [1, 1],
        "start_index": 0,
        "document_id": identity,
    }
    end = len(document.page_content)
    return Document(id=f"{identity}#0-{end}", page_content=document.page_content, metadata=metadata)


def without_findings(documents: list[Document]) -> list[Document]:
    """Copies without the scores, which depend on what else is there."""
    return [
        document.model_copy(
            update={"metadata": {k: v for k, v in document.metadata.items() if k != "longembed"}}
        )
        for document in documents
    ]


class Both:
    """A store by its sync or its async methods, whichever a test is about."""

    def __init__(self, store: LongVectorStore, *, is_async: bool) -> None:
        self._store = store
        self._is_async = is_async

    async def __call__(self, method: str, *given: Any, **options: Any) -> Any:
        if self._is_async:
            return await getattr(self._store, f"a{method}")(*given, **options)
        return getattr(self._store, method)(*given, **options)

    async def found(self, query: str, k: int) -> list[Document]:
        """What a search finds, without scores."""
        return without_findings(await self("similarity_search", query, k=k))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def both(request: pytest.FixtureRequest, store: LongVectorStore) -> Both:
    """An empty store, once by each half of its methods."""
    return Both(store, is_async=request.param)


async def test_passages_of_added_documents_are_found(both: Both) -> None:
    """What was added is found by its passage, and the documents that came in are unchanged."""
    given = [FOO.model_copy(deep=True), BAR.model_copy(deep=True)]
    ids = await both("add_documents", given)
    found = await both.found("bar", 2)
    assert found == [passage_of(BAR, ids[1]), passage_of(FOO, ids[0])]
    assert given == [FOO, BAR]


async def test_passages_of_deleted_documents_are_gone(both: Both) -> None:
    """With a document go its passages, and those of others stay."""
    await both("add_documents", [FOO, BAR, BAZ], ids=["1", "2", "3"])
    await both("delete", ["1"])
    assert {each.id for each in await both.found("foo", 3)} == {"2#0-3", "3#0-3"}
    await both("delete", ["1", "2"])
    assert await both.found("foo", 1) == [passage_of(BAZ, "3")]


async def test_adding_the_same_id_twice_gives_its_passages_once(both: Both) -> None:
    """A document that is added again is not found twice."""
    for _ in range(2):
        await both("add_documents", [FOO, BAR], ids=["1", "2"])
    assert await both.found("bar", 3) == [passage_of(BAR, "2"), passage_of(FOO, "1")]


async def test_passages_of_a_new_version_take_the_place_of_the_old(both: Both) -> None:
    """A document of an id that is there takes its place, with all passages and metadata."""
    await both("add_documents", [FOO, BAR], ids=["1", "2"])
    new = Document(page_content="new foo", metadata={"id": 1, "some_other_field": "foo"})
    await both("add_documents", [new], ids=["1"])
    assert await both.found("new foo", 3) == [passage_of(new, "1"), passage_of(BAR, "2")]


def test_a_passage_says_where_it_stands(topics: Library) -> None:
    """The characters from start_index on are the passage, in each of a long document's."""
    store = LongVectorStore(topics, passages_per_document=50)
    found = store.similarity_search("rye bread", k=50, filter={"page": 7})
    assert len(found) > 5
    for passage in found:
        start, text = passage.metadata["start_index"], passage.page_content
        assert LONG_TEXT[start : start + len(text)] == text
        assert passage.id == f"notes#{start}-{start + len(text)}"
        assert passage.metadata["document_id"] == "notes"
        assert passage.metadata["source"] == "notes.txt"
        assert passage.metadata["page"] == 7


def test_the_document_of_a_passage_can_be_fetched(topics: Library) -> None:
    """document_id gives the whole document, as it was added."""
    store = LongVectorStore(topics)
    (passage,) = store.similarity_search("rye bread", k=1, filter={"page": 7})
    assert "bread" in passage.page_content
    (document,) = store.get_by_ids([passage.metadata["document_id"]])
    assert document == Document(
        id="notes", page_content=LONG_TEXT, metadata={"source": "notes.txt", "page": 7}
    )


def test_a_passage_can_be_fetched_by_its_id(topics: Library) -> None:
    """Its id gives that very passage, and characters that are no passage give nothing."""
    store = LongVectorStore(topics)
    passages = without_findings(store.similarity_search("sails", k=3, filter={"page": 7}))
    ids = [each.id or "" for each in passages]
    assert store.get_by_ids(ids) == passages
    assert store.get_by_ids([*ids, *ids]) == passages
    assert store.get_by_ids(["notes#0-1", "nothing#0-3", "notes#", "#0-3"]) == []


def test_a_document_may_be_called_like_a_passage(store: LongVectorStore) -> None:
    """An id is a document's first: one that looks like a passage's is fetched and deleted."""
    store.add_texts(["foo", "bar"], ids=["a", "a#0-3"])
    assert [each.page_content for each in store.get_by_ids(["a#0-3"])] == ["bar"]
    store.delete(["a#0-3"])
    assert [each.page_content for each in store.get_by_ids(["a#0-3"])] == ["foo"]


def test_k_is_of_passages_in_a_store_and_of_documents_in_a_retriever(topics: Library) -> None:
    """A store gives k results, as LangChain says; a retriever the passages of k documents."""
    query, long = "the moons of Jupiter", {"page": 7}
    store = LongVectorStore(topics, passages_per_document=4)
    assert len(store.similarity_search(query, k=3, filter=long)) == 3
    assert len(store.similarity_search(query, k=9, filter=long)) == 4
    retriever = LongRetriever(library=topics, k=1, passages_per_document=4, filter=long)
    assert len(retriever.invoke(query)) == 4


def test_findings_stand_under_one_key(topics: Library) -> None:
    """Score and signals of document and passage are told, and the best passage has a snippet."""
    retriever = LongRetriever(library=topics, filter={"page": 7})
    best, second, *_ = retriever.invoke("who signed the lease?")
    findings = best.metadata["longembed"]
    assert findings["score"] == pytest.approx(sum(findings["parts"].values()))
    assert findings["passage_score"] >= second.metadata["longembed"]["passage_score"]
    assert set(findings["passage_signals"]) <= {"terms", "vector", "late"}
    assert "**lease**" in findings["snippet"]
    assert "snippet" not in second.metadata["longembed"]
