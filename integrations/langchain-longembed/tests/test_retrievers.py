"""LongRetriever: options, calls, chains, tracing, secrets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import LONG_TEXT, TOPICS, Frees
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langchain_core.runnables import ConfigurableField
from langchain_core.vectorstores import VectorStoreRetriever
from pydantic import SecretStr

from langchain_longembed import LongRetriever, LongVectorStore
from longembed_rag import Library
from longembed_rag.errors import CollectionNotFoundError, SettingsError, StoreLockedError

QUERY = "who signed the lease of the house?"
SHORT = {"year": {"$exists": True}}


def _names(documents: Any) -> list[str]:
    return [each.metadata["document_id"] for each in documents]


def test_options_are_checked_at_once(topics: Library) -> None:
    """What is unknown or out of range is refused in words when a retriever is made."""
    for options, message in [
        ({"top_k": 3}, "top_k: Extra inputs"),
        ({"mode": "magic"}, "mode: .*hybrid"),
        ({"k": 0}, "limit=0"),
        ({"k": "many"}, "k: "),
        ({"returns": "chunks"}, "returns: "),
        ({"passages_per_document": 0}, "passages_per_document=0"),
    ]:
        with pytest.raises(SettingsError, match=message):
            LongRetriever(library=topics, **options)
    with pytest.raises(SettingsError, match="library: "):
        LongRetriever()  # type: ignore[call-arg]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse", "passages"])
def test_documents_come_as_the_library_ranks_them(topics: Library, mode: Any) -> None:
    """Whole, with their metadata, their id and what the search has found out."""
    retriever = LongRetriever(library=topics, mode=mode, returns="documents", k=3)
    expected = topics.search(QUERY, mode=mode, limit=3)
    found = retriever.invoke(QUERY)
    assert [each.id for each in found] == [each.source for each in expected]
    for document, result in zip(found, expected, strict=True):
        assert document.page_content == result.text
        assert document.metadata["longembed"]["score"] == result.score
        assert document.metadata["document_id"] == result.source
        own = {name: document.metadata[name] for name in result.metadata}
        assert own == result.metadata


def test_passages_come_by_document(topics: Library) -> None:
    """Those of a document stand together, each with the score of the document."""
    results = topics.search(QUERY, limit=3, passages=2)
    found = LongRetriever(library=topics, k=3, passages_per_document=2).invoke(QUERY)
    expected = [(each.source, hit.text) for each in results for hit in each.passages]
    assert [(each.metadata["document_id"], each.page_content) for each in found] == expected
    assert len(found) > 3


def test_operators_are_read_where_they_are_asked_for(topics: Library) -> None:
    """Off, a quoted word in a question narrows nothing; on, only what holds it comes."""
    (best, *_) = LongRetriever(library=topics, returns="documents", k=1).invoke(QUERY)
    phrase = " ".join(best.page_content.split()[:3])
    options: dict[str, Any] = {"library": topics, "returns": "documents", "k": 50}
    question = f'which "{phrase}" -zzz'
    plainly = LongRetriever(**options).invoke(question)
    found = LongRetriever(operators=True, **options).invoke(question)
    assert best.id in {each.id for each in found}
    assert len(found) < len(plainly)
    assert all(phrase in " ".join(each.page_content.split()) for each in found)


def test_adaptive_stops_at_the_gap(topics: Library) -> None:
    """Fewer come than would fit."""
    options: dict[str, Any] = {"library": topics, "returns": "documents", "filter": SHORT}
    few = LongRetriever(adaptive=True, **options).invoke(QUERY)
    assert 0 < len(few) < len(LongRetriever(k=50, **options).invoke(QUERY))


async def test_a_call_may_say_how_many_and_which(topics: Library) -> None:
    """K and filter of a call take the place of the retriever's own, sync and async."""
    retriever = LongRetriever(library=topics, k=4, filter=SHORT, passages_per_document=1)
    assert len(retriever.invoke(QUERY)) == 4
    for found in (
        retriever.invoke(QUERY, k=1, filter={"page": 7}),
        await retriever.ainvoke(QUERY, k=1, filter={"page": 7}),
    ):
        assert _names(found) == ["notes"]
    with pytest.raises(TypeError, match="limit"):
        retriever.invoke(QUERY, limit=3)


async def test_chains_and_batches(topics: Library) -> None:
    """A retriever is a Runnable: it pipes, and takes many queries at once."""
    retriever = LongRetriever(library=topics, k=1, filter=SHORT)
    chain = retriever | (lambda found: found[0].page_content)
    assert chain.invoke(QUERY) == TOPICS["lease"]
    queries = list(TOPICS.values())
    assert chain.batch(queries) == queries
    assert await chain.abatch(queries) == queries
    results = await asyncio.gather(*(retriever.ainvoke(query) for query in queries))
    assert [_names(found)[0] for found in results] == list(TOPICS)


async def test_ainvoke_does_not_block_the_loop(
    topics: Library, leaves_the_loop_free: Frees
) -> None:
    """While the library searches on another thread, the loop runs on."""
    retriever = LongRetriever(library=topics, k=1, filter=SHORT)
    found = await leaves_the_loop_free(topics, "search", retriever.ainvoke(QUERY))
    assert _names(found) == ["lease"]


def test_fields_can_be_configured(topics: Library) -> None:
    """LangChain makes a retriever anew with other fields, over the same library."""
    retriever = LongRetriever(library=topics, returns="documents")
    chosen = retriever.configurable_fields(k=ConfigurableField(id="k"))
    assert len(chosen.with_config(configurable={"k": 2}).invoke(QUERY)) == 2


class Recorder(BaseCallbackHandler):
    """Writes down what a retriever reports."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def on_retriever_start(self, serialized: Any, query: str, **details: Any) -> None:
        self.events.append(("start", query))
        self.events.append(("metadata", details["metadata"]["ls_retriever_name"]))

    def on_retriever_end(self, documents: Any, **details: Any) -> None:
        self.events.append(("end", len(documents)))

    def on_retriever_error(self, error: BaseException, **details: Any) -> None:
        self.events.append(("error", type(error)))


async def test_callbacks_are_told(topics: Library, tmp_path: Path) -> None:
    """Of the start, the end and of an error, sync and async."""
    recorder = Recorder()
    retriever = LongRetriever(library=topics, k=2, returns="documents")
    expected = [("start", QUERY), ("metadata", "long"), ("end", 2)]
    retriever.invoke(QUERY, config={"callbacks": [recorder]})
    assert recorder.events == expected
    await retriever.ainvoke(QUERY, config={"callbacks": [recorder]})
    assert recorder.events == expected * 2
    with (
        LongRetriever.open(tmp_path / "nothing") as empty,
        pytest.raises(CollectionNotFoundError),
    ):
        empty.invoke(QUERY, config={"callbacks": [recorder]})
    assert recorder.events[-1] == ("error", CollectionNotFoundError)


def test_open_holds_the_folder_until_closed(tmp_path: Path) -> None:
    """And lets it go where an option is wrong; a library that was handed in stays open."""
    path = tmp_path / "store"
    with LongVectorStore.open(path) as store:
        store.add_texts([LONG_TEXT], ids=["notes"])
        with LongRetriever(library=store.library) as retriever:
            assert retriever.invoke(QUERY)
        assert store.similarity_search(QUERY)
    with pytest.raises(SettingsError, match="mode"):
        LongRetriever.open(path, mode="magic")  # type: ignore[typeddict-item]
    with LongRetriever.open(path, k=1) as retriever:
        assert _names(retriever.invoke(QUERY)) == ["notes"] * 3
        with pytest.raises(StoreLockedError):
            LongRetriever.open(path)
    with pytest.raises(SettingsError, match="path and url are both given"):
        LongRetriever.open(path, url="http://localhost:6333")


def test_a_key_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the library, as pydantic's SecretStr or as it is, and no further."""
    given: list[Any] = []
    opening = Library.open

    def noting(*place: Any, **options: Any) -> Library:
        given.append(options.get("api_key"))
        return opening(*place, **options)

    monkeypatch.setattr(Library, "open", noting)
    key, url = "sesame-123", "https://qdrant.example"
    for api_key in (SecretStr(key), key):
        with (
            LongRetriever.open(url=url, api_key=api_key) as retriever,
            LongVectorStore.open(url=url, api_key=api_key) as store,
        ):
            of_store = VectorStoreRetriever(vectorstore=store)
            for each in (retriever, of_store):
                shown = [repr(each), str(each), dumps(each), str(each.model_dump())]
                assert not any(key in text for text in shown)
    assert given == [key] * 4
