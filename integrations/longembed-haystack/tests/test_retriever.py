"""LongRetriever: what it finds, in which form, and with which options."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from haystack import Document
from haystack.components.retrievers import SentenceWindowRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import FilterPolicy
from haystack.errors import FilterError

from haystack_integrations.components.retrievers.longembed import LongRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore
from longembed_rag import LongEmbedding
from longembed_rag.errors import CollectionMismatchError, InputError, SettingsError

LEASE = " ".join(
    [f"Paragraph {number} of the lease tells of room {number}." for number in range(30)]
    + ["The deposit of two thousand crowns was paid by the widow Svoboda."]
    + [f"Paragraph {number} of the lease tells of room {number}." for number in range(30, 60)]
)
QUESTION = "who paid the deposit of two thousand crowns?"
PAGES = "A title page.\fThe second page tells of apples.\fThe third page tells of submarines."
DOCUMENTS = [
    Document(id="lease", content=LEASE, meta={"kind": "deed", "year": 2003, "source": "archive"}),
    Document(id="garden", content="Apples and pears grow in the garden.", meta={"kind": "note"}),
    Document(id="pages", content=PAGES, meta={"kind": "book", "page_number": 7}),
    Document(id="tale", content="A tenant pays a deposit in this tale.", meta={"kind": "note"}),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongDocumentStore]:
    """A store with the documents, in passages of some sentences."""
    made = LongDocumentStore(tmp_path_factory.mktemp("retriever") / "store", passage_tokens=32)
    made.write_documents(DOCUMENTS)
    yield made
    made.close()


def test_passages_of_a_long_document(filled: LongDocumentStore) -> None:
    """A passage says where it stands in its document, which is found by what it says."""
    retriever = LongRetriever(filled, top_k=1)
    found = retriever.run(QUESTION)["documents"]
    assert 1 < len(found) <= 3
    best = found[0]
    start, end = best.meta["longembed"]["span"]
    assert "widow Svoboda" in (best.content or "")
    assert best.content == LEASE[start:end]
    assert best.id == f"lease#{start}-{end}"
    assert best.meta["start_index"] == best.meta["split_idx_start"] == start > 0
    assert best.meta["document_id"] == best.meta["source_id"] == "lease"
    (document,) = filled.filter_documents(
        {"field": "id", "operator": "==", "value": best.meta["document_id"]}
    )
    assert document.content == LEASE


def test_metadata_of_a_passage(filled: LongDocumentStore) -> None:
    """A passage carries its document's metadata, also a source, and what the search found out."""
    (best, *others) = LongRetriever(filled, top_k=1).run(QUESTION)["documents"]
    own = best.meta["longembed"]
    assert (best.meta["kind"], best.meta["source"]) == ("deed", "archive")
    assert "**deposit**" in own["snippet"]
    assert own["score"] == best.score
    assert sum(own["parts"].values()) == pytest.approx(best.score)
    assert [each.score for each in others] == [best.score] * len(others)
    scores = [each.meta["longembed"]["passage_score"] for each in (best, *others)]
    assert scores == sorted(scores, reverse=True)
    assert "page" not in best.meta


def test_source_of_a_document_without_one(filled: LongDocumentStore) -> None:
    """Where a document names no source, its id is it."""
    found = LongRetriever(filled, top_k=1).run("pears in the garden")["documents"]
    assert [each.meta["source"] for each in found] == ["garden"]


def test_pages(tmp_path: Path) -> None:
    """Pages are counted by form feeds from the document's own on, as Haystack's splitters do."""
    store = LongDocumentStore(tmp_path / "store", passage_tokens=8)
    store.write_documents([DOCUMENTS[2], Document(id="first", content="Cover.\fPears and plums.")])
    retriever = LongRetriever(store, mode="passages", passages_per_document=1)
    found = {each.meta["document_id"]: each for each in retriever.run("submarines")["documents"]}
    assert "submarines" in (found["pages"].content or "")
    assert found["pages"].meta["page_number"] == found["pages"].meta["page"] == 9
    assert found["first"].meta["page_number"] in (1, 2)
    store.close()


def test_passages_merge_as_splits_do(filled: LongDocumentStore) -> None:
    """Haystack puts passages of one document together by the names that its splitters use."""
    retriever = LongRetriever(filled, top_k=1, passages_per_document=100)
    found = retriever.run(QUESTION)["documents"]
    merged = SentenceWindowRetriever.merge_documents_text(found)
    assert "".join(merged.split()) == "".join(LEASE.split())


def test_whole_documents(filled: LongDocumentStore) -> None:
    """Documents come whole, under their ids, with what the search found out."""
    retriever = LongRetriever(filled, returns="documents", top_k=2)
    first, second = retriever.run(QUESTION)["documents"]
    assert (first.id, first.content) == ("lease", LEASE)
    assert first.score is not None
    assert second.score is not None
    assert first.score >= second.score
    spans = [each["span"] for each in first.meta["longembed"]["passages"]]
    assert "Svoboda" in LEASE[spans[0][0] : spans[0][1]]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse", "passages"])
def test_modes(filled: LongDocumentStore, mode: Any) -> None:
    """Every mode finds the garden, asked for once or always."""
    query = "Apples and pears grow in the garden."
    for retriever, asked in (
        (LongRetriever(filled, mode=mode, top_k=1), {}),
        (LongRetriever(filled), {"mode": mode, "top_k": 1}),
    ):
        (found,) = retriever.run(query, **asked)["documents"]
        assert found.meta["document_id"] == "garden"


def test_operators_are_read_where_they_are_asked_for(filled: LongDocumentStore) -> None:
    """Off, a quoted word in a question narrows nothing; on, only what holds it comes."""
    question = 'two thousand "apples and pears" -crowns'
    plainly = LongRetriever(filled, returns="documents")
    exact = LongRetriever(filled, returns="documents", operators=True)
    assert len(plainly.run(question)["documents"]) > 1
    assert [each.id for each in exact.run(question)["documents"]] == ["garden"]
    assert LongRetriever.from_dict(exact.to_dict()).operators


def test_adaptive(filled: LongDocumentStore) -> None:
    """With adaptive the answer ends at the largest gap between scores."""
    always = LongRetriever(filled, mode="sparse", returns="documents")
    adaptive = LongRetriever(filled, mode="sparse", returns="documents", adaptive=True)
    query = "two thousand crowns deposit"
    assert len(always.run(query)["documents"]) == 2
    assert [each.id for each in adaptive.run(query)["documents"]] == ["lease"]


@pytest.mark.parametrize(
    ("policy", "expected"), [("replace", {"tale", "garden"}), (FilterPolicy.MERGE, {"tale"})]
)
def test_filter_policies(
    filled: LongDocumentStore, policy: str | FilterPolicy, expected: set[str]
) -> None:
    """Filters of a query take the place of the retriever's own, or are joined with them."""
    own = {"field": "id", "operator": "!=", "value": "garden"}
    note = {"field": "meta.kind", "operator": "==", "value": "note"}
    retriever = LongRetriever(filled, filters=own, filter_policy=policy, returns="documents")
    assert {each.id for each in retriever.run("deposit", filters=note)["documents"]} == expected
    assert "garden" not in {each.id for each in retriever.run("deposit")["documents"]}


def test_vectors_come_when_asked_for(filled: LongDocumentStore) -> None:
    """Passages and documents come with the vectors that they are compared by, if wanted."""
    for returns in ("passages", "documents"):
        with_vectors = LongRetriever(filled, returns=returns, return_embedding=True, top_k=1)
        (found, *_) = with_vectors.run(QUESTION)["documents"]
        assert len(found.embedding or []) == 384
        (found, *_) = LongRetriever(filled, returns=returns).run("the deposit")["documents"]
        assert found.embedding is None


def test_nothing_is_found_in_an_empty_store(
    store: LongDocumentStore, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A store that nothing has been written to gives nothing, and the log says where that is."""
    with caplog.at_level(logging.WARNING):
        assert LongRetriever(store).run("anything") == {"documents": []}
    assert str(tmp_path / "store") in caplog.text


def test_a_collection_without_passages(tmp_path: Path) -> None:
    """Passages are not asked of a collection that keeps none; its documents are found."""
    store = LongDocumentStore(tmp_path / "store", passages=False)
    store.write_documents([DOCUMENTS[1]])
    with pytest.raises(SettingsError, match="keeps no passages"):
        LongRetriever(store).run("apples")
    (found,) = LongRetriever(store, returns="documents").run("apples")["documents"]
    assert found.id == "garden"
    store.close()


@pytest.mark.parametrize(
    ("options", "error", "named"),
    [
        ({"mode": "magic"}, SettingsError, "magic"),
        ({"top_k": 0}, SettingsError, "0"),
        ({"returns": "chunks"}, SettingsError, "chunks"),
        ({"passages_per_document": 0}, SettingsError, "passages_per_document"),
        ({"filters": {"operator": "AND"}}, FilterError, "conditions"),
        ({"filter_policy": "mix"}, ValueError, "mix"),
    ],
)
def test_wrong_options_are_refused_at_once(
    filled: LongDocumentStore, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    """Whoever makes a retriever with a wrong option is told which."""
    with pytest.raises(error, match=named):
        LongRetriever(filled, **options)


def test_another_store_is_refused() -> None:
    """Only a LongDocumentStore can be searched."""
    with pytest.raises(SettingsError, match="InMemoryDocumentStore"):
        LongRetriever(InMemoryDocumentStore())


def test_an_empty_query_is_refused(filled: LongDocumentStore) -> None:
    """An empty query is the caller's mistake, and not one that finds everything."""
    with pytest.raises(InputError, match="empty"):
        LongRetriever(filled).run(" ")


async def test_async_leaves_the_event_loop_free(
    filled: LongDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a search runs, other coroutines go on; what it finds is the same."""
    retriever = LongRetriever(filled, top_k=1)
    expected = retriever.run(QUESTION)
    released, search = threading.Event(), filled.library.search

    def waits(*args: Any, **options: Any) -> Any:
        assert released.wait(timeout=20)
        return search(*args, **options)

    async def release() -> None:
        released.set()

    monkeypatch.setattr(filled.library, "search", waits)
    found, _ = await asyncio.gather(retriever.run_async(QUESTION), release())
    assert found == expected


def test_warming_up_loads_the_model(
    filled: LongDocumentStore, model: LongEmbedding, tmp_path: Path
) -> None:
    """The model is loaded, and checked, before the first query, unless words alone are compared."""
    LongRetriever(filled).warm_up()
    assert filled.library.encoder is model.encoder
    filled_otherwise = LongDocumentStore(tmp_path / "store")
    filled_otherwise.write_documents([DOCUMENTS[1]])
    filled_otherwise.close()
    other = LongDocumentStore(tmp_path / "store", max_length=1024)
    LongRetriever(other, mode="sparse").warm_up()
    with pytest.raises(CollectionMismatchError, match="1024"):
        LongRetriever(other).warm_up()
    other.close()


async def test_closing_lets_others_in(tmp_path: Path) -> None:
    """A retriever that is closed closes its store, and opens it again when it is used."""
    store = LongDocumentStore(tmp_path / "store")
    store.write_documents([DOCUMENTS[1]])
    retriever = LongRetriever(store)
    retriever.close()
    other = LongDocumentStore(tmp_path / "store", passage_tokens=256, max_length=32768)
    assert other.count_documents() == 1
    await other.close_async()
    assert len(retriever.run("apples")["documents"]) == 1
    await retriever.close_async()
