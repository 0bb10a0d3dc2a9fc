"""LongRetriever over collections that an ingest filled, in both embedded engines."""

from __future__ import annotations

import asyncio
import inspect
import runpy
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest
from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client.models import FieldCondition, Filter, MatchValue

from longembed_rag import DocumentStore, Library, LongEmbedding, LongRetriever, SearchOptions
from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    InputError,
    SettingsError,
)
from longembed_rag.llama_index.retriever import RetrieverOptions
from longembed_rag.search.asking import embed_queries
from longembed_rag.search.filters import parse_filters
from longembed_rag.search.search import search_documents
from longembed_rag.store.values import document_id
from tests.llama_index.test_events import EventRecorder, Recorder
from tests.models import TinyModels
from tests.stores import make_local

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

ROOT = Path(__file__).parents[2]
TEXTS = {
    "lake.txt": "The cold lake. A fish and a bird. The moon on the lake and a boat. Salt and palm.",
    "jazz.txt": "A king of jazz. The bell and the band play jazz. A boat. The blue note, the hall.",
    "farm.txt": "Rain on the farm. Corn and cake. The bank of the farm. A cold door and a lamp.",
}
MODES = ("hybrid", "dense", "sparse", "passages")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents").resolve()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module", params=["edge", pytest.param("local", marks=pytest.mark.slow)])
def place(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    folder: Path,
    load_encoder: EncoderFactory,
) -> Path:
    """A store with a collection of passages, one without them, and one with tokens, too.

    What tokens of a random model say is noise, so that most tests do without.
    """
    place = tmp_path_factory.mktemp("store") / ".longembed"
    if request.param == "local":
        make_local(place)
    for options in (
        {"passage_tokens": 16, "late_interaction": "off"},
        {"passages": False, "collection": "bare"},
        {"collection": "tokens"},
    ):
        encoder = load_encoder("bert")
        with Library.open(place, encoder=encoder, **options) as library:
            assert library.ingest(folder).added == 3
    return place


@pytest.fixture(scope="module")
def embedding(tiny_models: TinyModels) -> LongEmbedding:
    """What the collection was made with; alive all along, so that its model loads once."""
    embedding = LongEmbedding(tiny_models.folder("bert"))
    embedding.get_query_embedding("the lake")
    return embedding


@pytest.fixture
def retriever(place: Path, embedding: LongEmbedding) -> Iterator[LongRetriever]:
    with LongRetriever.open(path=place, embedding=embedding) as opened:
        yield opened


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a model fails."""
    monkeypatch.setattr(
        "longembed_rag.encoder.sharing._load", lambda settings: pytest.fail("a model is loaded")
    )


def names(found: list[NodeWithScore]) -> list[str]:
    """The file of every node, in order."""
    return [node.node.metadata["file_name"] for node in found]


def own(found: NodeWithScore) -> dict[str, Any]:
    """What the search says of a node."""
    told: dict[str, Any] = found.node.metadata["longembed"]
    return told


def in_short(found: list[NodeWithScore]) -> list[Any]:
    """Ids and scores; numpy, behind local mode, does not round the same way every time."""
    return [(node.node_id, pytest.approx(node.score, rel=1e-5)) for node in found]


def another(retriever: LongRetriever, **options: Any) -> LongRetriever:
    """Another retriever from the same open store, with the same embedding."""
    return LongRetriever(retriever.library, **{"embedding": retriever.embedding, **options})


@pytest.mark.parametrize("mode", MODES)
def test_passages(retriever: LongRetriever, folder: Path, mode: Any) -> None:
    """Every mode gives passages by document, then by their own score, that know where they are."""
    found = another(retriever, mode=mode).retrieve("jazz, a boat")
    assert found
    assert all(before.score >= after.score for before, after in pairwise(found))
    assert len({node.node_id for node in found}) == len(found)
    for node in found:
        text = TEXTS[node.node.metadata["file_name"]]
        source = str(folder / node.node.metadata["file_name"])
        assert isinstance(node.node, TextNode)
        start, end = node.node.start_char_idx, node.node.end_char_idx
        assert node.text == text[start:end]
        assert own(node)["span"] == [start, end]
        assert UUID(node.node_id).version == 5
        assert node.node.ref_doc_id == source
        assert node.node.parent_node is not None
        assert node.node.parent_node.node_id == document_id(source)
        assert node.score == own(node)["score"] == pytest.approx(sum(own(node)["parts"].values()))
    for before, after in pairwise(found):
        if before.node.ref_doc_id == after.node.ref_doc_id:
            assert own(before)["passage_score"] >= own(after)["passage_score"]
    documents = [node.node.ref_doc_id for node in found]
    assert documents == sorted(documents, key=documents.index)


@pytest.mark.parametrize("mode", MODES)
def test_documents(retriever: LongRetriever, folder: Path, mode: Any) -> None:
    """Every mode gives whole texts under the ids of their points, with what was found in them."""
    found = another(retriever, mode=mode, returns="documents").retrieve("jazz, a boat")
    assert all(before.score >= after.score for before, after in pairwise(found))
    assert len(found) == (2 if mode == "sparse" else 3)
    for node in found:
        name = node.node.metadata["file_name"]
        assert node.text == TEXTS[name]
        assert node.node_id == document_id(str(folder / name)) == own(node)["document_id"]
        assert node.node.ref_doc_id == str(folder / name)
        assert own(node)["passages"]
        assert all(0 <= a < b <= len(node.text) for a, b in _spans(node))


def _spans(node: NodeWithScore) -> list[list[int]]:
    return [passage["span"] for passage in own(node)["passages"]]


def test_what_fits_comes_first(retriever: LongRetriever) -> None:
    """By words the passage with the word is found, and marked; by meaning the very same text."""
    (best, *_) = another(retriever, mode="sparse").retrieve("who plays jazz?")
    assert best.node.metadata["file_name"] == "jazz.txt"
    assert "**jazz**" in own(best)["snippet"]
    assert set(own(best)["signals"]) == {"terms"}
    (same, *_) = another(retriever, mode="dense").retrieve(TEXTS["farm.txt"])
    assert same.node.metadata["file_name"] == "farm.txt"
    assert same.score == pytest.approx(1.0, abs=0.02)
    assert names(retriever.retrieve("the band plays jazz"))[0] == "jazz.txt"


@pytest.mark.parametrize("mode", MODES)
def test_operators_are_read_where_they_are_asked_for(retriever: LongRetriever, mode: Any) -> None:
    """Off, a quoted word in a question narrows nothing; on, only what holds it is found."""
    question = 'what is the "king of jazz" -farm'
    plainly = another(retriever, mode=mode).retrieve(question)
    assert len({each.node.ref_doc_id for each in plainly}) > 1
    nodes = another(retriever, mode=mode, operators=True).retrieve(question)
    assert {Path(str(each.node.ref_doc_id)).name for each in nodes} == {"jazz.txt"}
    assert nodes
    for each in nodes:
        assert "king of jazz" in each.node.get_content()
        assert "**king of jazz**" in each.node.metadata["longembed"]["snippet"]
    with pytest.raises(InputError, match="says only what is not wanted"):
        another(retriever, mode=mode, operators=True).retrieve("-farm")


def test_the_same_node_has_the_same_id_and_hash(place: Path, embedding: LongEmbedding) -> None:
    """Another query, another day: a passage keeps its id and hash, though not its scores."""
    seen = []
    for query in ("jazz", "the king of jazz and his band"):
        with LongRetriever.open(path=place, embedding=embedding, passages_per_document=9) as each:
            seen.append({node.node_id: node for node in each.retrieve(query)})
    first, second = seen
    assert first.keys() == second.keys()
    for identity, node in first.items():
        assert node.node.hash == second[identity].node.hash
        assert own(node) != own(second[identity])
    assert len({node.node.hash for node in first.values()}) == len(first)


def test_a_document_is_the_node_that_llama_index_reads(retriever: LongRetriever) -> None:
    """Apart from what the search adds, it is the stored node: metadata, what a model sees, hash."""
    found = another(retriever, returns="documents").retrieve("jazz")[0].node
    (stored,) = QdrantVectorStore("documents", client=retriever.store.client).get_nodes(
        node_ids=[found.node_id]
    )
    assert {**found.metadata, "longembed": None} == {**stored.metadata, "longembed": None}
    assert found.hash == stored.hash
    for mode in (MetadataMode.LLM, MetadataMode.EMBED, MetadataMode.NONE):
        assert found.get_content(metadata_mode=mode) == stored.get_content(metadata_mode=mode)
    assert found.ref_doc_id == stored.ref_doc_id
    again = TextNode.from_dict(found.to_dict())
    assert again.metadata == found.metadata


def test_a_passage_carries_its_place(retriever: LongRetriever, folder: Path) -> None:
    """Source, document and first character stand in its metadata, out of what a model sees."""
    for found in retriever.retrieve("jazz, a boat"):
        told = found.node.metadata
        source = str(folder / told["file_name"])
        assert (told["source"], told["document_id"]) == (source, source)
        assert told["start_index"] == found.node.start_char_idx == own(found)["span"][0]
        assert told["lines"] == [1, 1]
        seen = found.node.get_content(metadata_mode=MetadataMode.LLM)
        assert not any(name in seen for name in ("start_index", "document_id", "lines"))


def test_word_search_loads_no_model(place: Path, no_model: None) -> None:
    """Mode sparse asks neither an embedding nor the collection which one it had."""
    with LongRetriever.open(path=place, mode="sparse") as retriever:
        assert names(retriever.retrieve("jazz"))[0] == "jazz.txt"
        assert retriever.retrieve("zebra") == []


def test_the_collections_own_record_makes_the_embedding(
    place: Path, embedding: LongEmbedding, tiny_models: TinyModels
) -> None:
    """Without an embedding, that of the collection is made, and its model shared with equals."""
    with LongRetriever.open(path=place) as opened:
        assert opened.embedding.model == str(tiny_models.folder("bert"))
        # What "auto" was is kept, whatever it may be in another version.
        assert opened.embedding.method == "pcw"
        assert opened.embedding.get_query_embedding("a") == embedding.get_query_embedding("a")
        assert names(opened.retrieve("jazz band")) == names(
            another(opened, embedding=embedding).retrieve("jazz band")
        )


def test_another_embedding_is_refused(
    place: Path, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model with other settings is refused before a search, each time, naming both."""
    monkeypatch.setattr(
        "longembed_rag.search.search.search_many", lambda *a, **k: pytest.fail("searched")
    )
    other = LongEmbedding(tiny_models.folder("roberta"), max_length=77)
    with LongRetriever.open(path=place, embedding=other) as opened:
        for _ in range(2):
            with pytest.raises(CollectionMismatchError) as caught:
                opened.retrieve("jazz")
    told = str(caught.value)
    assert other.encoder.fingerprint in told
    assert "bert" in told
    assert "roberta" in told
    assert "77" in told


def test_the_embedding_is_checked_once(
    retriever: LongRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first vector search looks at the fingerprint."""
    checked = []
    check = retriever.store.check
    monkeypatch.setattr(retriever.store, "check", lambda **k: checked.append(k) or check(**k))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(retriever.retrieve, ["jazz", "lake", "farm", "boat"]))
    assert len(checked) == 1


def test_how_many(retriever: LongRetriever) -> None:
    """Documents and passages are as many as asked for, and the former can be set later."""
    assert retriever.similarity_top_k == 5
    assert another(retriever, adaptive=True).similarity_top_k == 50
    few = another(retriever, similarity_top_k=2, passages_per_document=1)
    assert len(few.retrieve("jazz boat")) == 2
    few.similarity_top_k = 1
    assert few.similarity_top_k == 1
    assert len(few.retrieve("jazz boat")) == 1
    with pytest.raises(SettingsError, match="limit=0"):
        few.similarity_top_k = 0
    plain = another(retriever, returns="documents", passages_per_document=0).retrieve("jazz")
    assert own(plain[0])["passages"] == []
    adaptive = another(retriever, adaptive=True, mode="sparse").retrieve("king band bell boat")
    assert set(names(adaptive)) == {"jazz.txt"}


JAZZ = MetadataFilter(key="file_name", value="jazz.txt")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (MetadataFilters(filters=[JAZZ]), {"jazz.txt"}),
        (Filter(must_not=[FieldCondition(key="file_name", match=MatchValue(value="jazz.txt"))]), 2),
        (parse_filters(["file_name=farm.txt"]), {"farm.txt"}),
        (MetadataFilters(filters=[]), 3),
        (None, 3),
    ],
)
def test_filters(retriever: LongRetriever, filters: Any, expected: Any) -> None:
    """LlamaIndex's filters and Qdrant's sift documents; empty ones let everything through."""
    found = set(names(another(retriever, filters=filters).retrieve("a cold boat")))
    assert found == expected if isinstance(expected, set) else len(found) == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mode": "fuzzy"}, "mode='fuzzy' is not one of: hybrid, dense"),
        ({"returns": "nodes"}, "returns='nodes' is not one of: passages, documents"),
        ({"similarity_top_k": 0}, "limit=0"),
        ({"passages_per_document": 0}, "passages_per_document=0 must be at least 1"),
        ({"filters": 7}, "filters=int is neither"),
        ({"embedding": MockLLM()}, "embedding=MockLLM is not a LongEmbedding"),
    ],
)
def test_wrong_options_are_refused(place: Path, options: Any, told: str) -> None:
    """A wrong option is refused at once, and leaves the store free for others."""
    with pytest.raises(SettingsError, match=told):
        LongRetriever.open(path=place, **options)
    with DocumentStore.open(path=place):
        pass


def test_open_takes_the_options_of_the_class() -> None:
    """What ``open`` hands on is typed, and is exactly what the constructor takes."""
    parameters = inspect.signature(LongRetriever).parameters
    assert list(RetrieverOptions.__annotations__) == list(parameters)[1:]
    assert parameters["passages_per_document"].default == SearchOptions().most_passages


async def test_async_gives_the_same(retriever: LongRetriever) -> None:
    """Many coroutines at once get what they would get alone, and the event loop runs on."""
    queries = [f"{word} and a boat" for word in ("jazz", "lake", "farm", "moon", "rain")] * 3
    expected = [retriever.retrieve(query) for query in queries]
    answers = await asyncio.gather(*(retriever.aretrieve(query) for query in queries))
    for answer, alone in zip(answers, expected, strict=True):
        assert in_short(answer) == [(node.node_id, node.score) for node in alone]


async def test_the_event_loop_runs_on(
    retriever: LongRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search runs on another thread."""
    threads = []
    monkeypatch.setattr(
        "longembed_rag.search.search.search_many",
        lambda *a, **k: threads.append(threading.get_ident()) or [[]],
    )
    assert await retriever.aretrieve("jazz") == []
    assert threads != [threading.get_ident()]


def test_threads(place: Path) -> None:
    """Threads that come first, all at once, share one embedding and get the same answers."""
    with LongRetriever.open(path=place) as opened, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(opened.retrieve, ["the band plays jazz"] * 8))
    first = in_short(answers[0])
    assert all([(node.node_id, node.score) for node in each] == first for each in answers)


def test_the_querys_own_embedding_is_used(place: Path, embedding: LongEmbedding) -> None:
    """A vector that comes with the query is taken as it is, and left as it was."""
    vector = embedding.get_query_embedding(TEXTS["farm.txt"])
    with LongRetriever.open(path=place, mode="dense") as opened:
        opened._checked_embedding = lambda: pytest.fail("embedded")  # type: ignore[method-assign]
        found = opened.retrieve(QueryBundle("jazz", embedding=vector))
        assert names(found)[0] == "farm.txt"
        (best, *_) = opened.retrieve(QueryBundle("", embedding=vector))
        assert best.node_id == found[0].node_id
        for wrong in ([1.0, 2.0], [float("nan")] * len(vector)):
            with pytest.raises(InputError, match=r"of shape .* is not one of 32 finite numbers"):
                opened.retrieve(QueryBundle("jazz", embedding=wrong))


def test_texts_that_stand_for_the_query_are_embedded(
    retriever: LongRetriever, embedding: LongEmbedding
) -> None:
    """What HyDE writes is embedded in the query's place, and the bundle stays as it was."""
    texts = [TEXTS["farm.txt"], TEXTS["farm.txt"] + " A lamp."]
    bundle = QueryBundle("jazz", custom_embedding_strs=texts)
    dense = another(retriever, mode="dense")
    found = dense.retrieve(bundle)
    assert bundle.embedding is None
    mean = np.mean([embedding.get_query_embedding(text) for text in texts], axis=0).tolist()
    again = dense.retrieve(QueryBundle("jazz", embedding=mean))
    assert in_short(found) == [(node.node_id, node.score) for node in again]
    assert names(found)[0] == "farm.txt"


@pytest.mark.parametrize("query", ["", "  \n", QueryBundle(" ", custom_embedding_strs=["jazz"])])
async def test_an_empty_query_is_refused(retriever: LongRetriever, query: Any) -> None:
    """Nothing to look for is an error that says so, sync and async."""
    with pytest.raises(InputError, match="the query is empty"):
        retriever.retrieve(query)
    with pytest.raises(InputError, match="the query is empty"):
        await retriever.aretrieve(query)


def test_tokens_are_compared_where_they_are_kept(place: Path, embedding: LongEmbedding) -> None:
    """The embedding gives those of each sentence along; a vector that is given has none."""
    text = "the band plays jazz. Who reads long documents?"
    embed = embedding.encoder.encode_queries
    with LongRetriever.open(path=place, collection="tokens", embedding=embedding) as each:
        (best, *_) = each.retrieve(text)
        ((vector, tokens),) = embed_queries([text], embed)
        (same, *_) = search_documents(each.store, text, vector=vector, tokens=tokens)
        assert len(tokens) == 2
        assert own(best)["signals"] == pytest.approx(same.signals, abs=1e-5)
        vector = embedding.get_query_embedding("the band plays jazz")
        (by_vector, *_) = each.retrieve(QueryBundle("the band plays jazz", embedding=vector))
        assert "passage_late" not in own(by_vector)["signals"]


async def test_query_engine(retriever: LongRetriever) -> None:
    """A query engine answers from the passages, and its model sees texts and names, no scores."""
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    Settings.llm = MockLLM()
    engines = (engine, RetrieverQueryEngine.from_args(retriever))
    answers = [each.query("the band plays jazz") for each in engines]
    answers.append(await engine.aquery("the band plays jazz"))
    for answer in answers:
        assert names(answer.source_nodes)[0] == "jazz.txt"
        assert answer.source_nodes[0].text in str(answer)
        assert "file_name: jazz.txt" in str(answer)
        assert "longembed" not in str(answer)
        assert "file_path" not in str(answer)


async def test_events(place: Path) -> None:
    """Callbacks and instrumentation are told of each retrieval, and of the query's embedding."""
    recorder, handler = Recorder(), EventRecorder()
    Settings.callback_manager = CallbackManager([recorder])
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(handler)
    try:
        with LongRetriever.open(path=place) as opened:
            answers = [opened.retrieve("jazz"), await opened.aretrieve("jazz")]
    finally:
        dispatcher.event_handlers.remove(handler)
    kinds = [kind for kind, _ in recorder.starts]
    assert kinds == [CBEventType.RETRIEVE, CBEventType.EMBEDDING] * 2
    told = [payload for kind, payload in recorder.ends if kind == CBEventType.RETRIEVE]
    assert [payload[EventPayload.NODES] for payload in told] == answers
    ends = [event for event in handler.events if isinstance(event, RetrievalEndEvent)]
    assert [event.nodes for event in ends] == answers
    mine = CallbackManager([])
    with LongRetriever.open(path=place, mode="sparse", callback_manager=mine) as opened:
        assert opened.callback_manager is mine


def test_fusion_knows_a_node_again(retriever: LongRetriever, embedding: LongEmbedding) -> None:
    """LlamaIndex's fusion merges what our retriever and its own found, though scores differ."""
    whole = another(retriever, returns="documents")
    theirs = VectorStoreIndex.from_vector_store(
        QdrantVectorStore("documents", client=retriever.store.client), embed_model=embedding
    ).as_retriever(similarity_top_k=3)
    words = another(retriever, returns="documents", mode="sparse")
    fusion = QueryFusionRetriever(
        [whole, theirs, words],
        llm=MockLLM(),
        num_queries=1,
        mode="reciprocal_rerank",
        similarity_top_k=9,
        use_async=False,
    )
    found = fusion.retrieve("the band plays jazz")
    assert len(found) == 3
    assert names(found)[0] == "jazz.txt"


def test_a_collection_without_passages(place: Path, embedding: LongEmbedding) -> None:
    """It gives documents; passages are refused with the way out."""
    options: dict[str, Any] = {"path": place, "collection": "bare", "embedding": embedding}
    for wrong in ({}, {"returns": "documents", "mode": "passages"}):
        with pytest.raises(SettingsError, match=r"'bare' keeps no passages: .*'documents'"):
            LongRetriever.open(**options, **wrong)
    for mode in ("hybrid", "dense", "sparse"):
        with LongRetriever.open(**options, returns="documents", mode=mode) as opened:
            (best, *_) = opened.retrieve("jazz")
            assert own(best)["passages"] == []
            assert best.text in TEXTS.values()
            assert own(best)["snippet"]


def test_what_is_not_there_is_not_made(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong folder or collection is named, and no folder made."""
    with pytest.raises(CollectionNotFoundError, match=r"no store at .*wrong.*ingest"):
        LongRetriever.open(path=str(tmp_path / "wrong"))
    assert not (tmp_path / "wrong").exists()
    with pytest.raises(CollectionNotFoundError, match="no collection 'wrong'"):
        LongRetriever.open(path=str(place), collection="wrong")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CollectionNotFoundError, match=r"no store at .*\.longembed"):
        LongRetriever.open()
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="path and url are both given"):
        LongRetriever.open(path=tmp_path / "wrong", url="http://localhost:6333")


def test_closing(place: Path) -> None:
    """What the retriever opened it closes, and nothing else."""
    with Library.open(place) as library:
        with LongRetriever(library, mode="sparse") as lent:
            assert lent.retrieve("jazz")
        assert lent.retrieve("jazz")
        store = library.store
        with LongRetriever.open(client=store.client, mode="sparse") as over_client:
            assert over_client.retrieve("jazz")
        assert store.client.collection_exists("documents")
    opened = LongRetriever.open(path=place, mode="sparse")
    opened.close()
    opened.close()
    with DocumentStore.open(path=place):
        pass


def test_a_document_without_passages_comes_whole(
    tmp_path: Path, folder: Path, load_encoder: EncoderFactory, embedding: LongEmbedding
) -> None:
    """What LlamaIndex itself put beside ours has no passages, and is given as it is."""
    text = "their own zero, and a mask"
    with Library.open(tmp_path, encoder=load_encoder("bert")) as library:
        library.ingest(folder)
        theirs = TextNode(
            id_=document_id("theirs"),
            text=text,
            embedding=embedding.get_text_embedding(text),
            metadata={"file_name": "theirs"},
        )
        QdrantVectorStore("documents", client=library.store.client).add([theirs])
        found = LongRetriever(library, embedding=embedding).retrieve(text)
        (whole,) = [node for node in found if node.node_id == document_id("theirs")]
        assert whole.text == text
        assert own(whole)["passages"] == []


def test_llama_indexs_own_store_over_our_client(place: Path, folder: Path) -> None:
    """``DocumentStore.client`` works for QdrantVectorStore and an index, in both engines."""
    with LongRetriever.open(path=place) as opened:
        theirs = QdrantVectorStore("documents", client=opened.store.client)
        index = VectorStoreIndex.from_vector_store(theirs, embed_model=opened.embedding)
        filters = MetadataFilters(filters=[JAZZ])
        (best, *_) = index.as_retriever(similarity_top_k=3).retrieve(TEXTS["farm.txt"])
        assert best.node.ref_doc_id == str(folder / "farm.txt")
        assert best.score == pytest.approx(1.0, abs=0.02)
        (only,) = index.as_retriever(filters=filters).retrieve(TEXTS["farm.txt"])
        assert only.text == TEXTS["jazz.txt"]
        answer = index.as_query_engine(llm=MockLLM(), similarity_top_k=1).query(TEXTS["farm.txt"])
        assert TEXTS["farm.txt"] in str(answer)


def test_the_example_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The example reads the beginnings of two documents and names where its answers come from."""
    for name in ("gpl-3.txt", "hamlet.md"):
        text = (ROOT / "demo" / "documents" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text[:3000], encoding="utf-8")
    main = runpy.run_path(str(ROOT / "examples" / "retriever_app.py"))["main"]
    main([str(tmp_path), "--query", "freedom to share and change a program"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 documents")
    assert "gpl-3.txt" in lines[2]
    assert any("characters" in line for line in lines)
