"""LongVectorStore: LlamaIndex's store over a library's collection, in every engine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import Document as TheirDocument
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.qdrant.utils import relative_score_fusion
from qdrant_client import QdrantClient

from longembed_rag import Document, Library, WholeDocument
from longembed_rag.errors import SettingsError
from longembed_rag.llama_index import LongVectorStore
from longembed_rag.store.values import document_id
from tests.points.fake_qdrant import running_fake
from tests.store.fakes import FakeEncoder, vector_of
from tests.stores import make_local

LEASE = "the tenant signs the lease of the house every year"
GARDEN = "apples and pears grow in the garden"
BOAT = "a boat on the cold lake"
NOTE = "a note on the lease"
DOCUMENTS = [
    Document(id="lease", text=LEASE, metadata={"year": 2001, "area": 1.5, "kind": "legal"}),
    Document(id="garden", text=GARDEN, metadata={"year": 2002, "area": 2.0, "tags": ["a", "b"]}),
    Document(id="boat", text=BOAT, metadata={"year": 2003, "tags": ["b"], "title": "Lake Boats"}),
]
# A client's in-memory collection is one that a program hands in.
PLACES = ("edge", "local", "server", "client")
Operator = FilterOperator


@contextmanager
def opened(place: str, folder: Path, **options: Any) -> Iterator[Library]:
    """An empty library in a place."""
    with ExitStack() as stack:
        where: dict[str, Any] = {"path": folder}
        if place == "server":
            where = {"url": stack.enter_context(running_fake()).url}
        elif place == "client":
            client = QdrantClient(":memory:")
            stack.callback(client.close)
            where = {"client": client}
        elif place == "local":
            make_local(folder)
        encoder = FakeEncoder()
        with Library.open(**where, encoder=encoder, passage_tokens=4, **options) as library:
            yield library


# In memory, local mode reads as it does in a folder.
@pytest.fixture(
    scope="module", params=["edge", "server", pytest.param("client", marks=pytest.mark.slow)]
)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LongVectorStore]:
    """A store over a library with three documents, and one node that was added to it; to read."""
    with opened(request.param, tmp_path_factory.mktemp("store")) as library:
        library.add(DOCUMENTS)
        store = LongVectorStore(library)
        store.add([node(NOTE, "note", year=2004, tags=["c"])])
        yield store


@pytest.fixture(
    params=[
        pytest.param(each, marks=pytest.mark.slow if each == "local" else ()) for each in PLACES
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LongVectorStore]:
    """A store over a library with three documents."""
    with opened(request.param, tmp_path / "store") as library:
        library.add(DOCUMENTS)
        yield LongVectorStore(library)


def node(text: str, document: str, *, identity: str | None = None, **metadata: Any) -> TextNode:
    """A node with its embedding."""
    return TextNode(
        id_=identity or str(uuid4()),
        text=text,
        embedding=vector_of(text).tolist(),
        metadata=metadata,
        excluded_embed_metadata_keys=list(metadata),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)},
    )


def asked(text: str, mode: str = "default", **options: Any) -> VectorStoreQuery:
    """A query as an index makes it."""
    return VectorStoreQuery(
        query_embedding=vector_of(text).tolist(),
        query_str=text,
        mode=VectorStoreQueryMode(mode),
        **{"similarity_top_k": 9, **options},
    )


def names(nodes: Any) -> list[str]:
    """The documents of nodes, in order."""
    return [each.ref_doc_id for each in nodes or []]


def passages_in(store: LongVectorStore) -> int:
    return int(store.client.count("documents.passages").count)


def passages_of(text: str) -> int:
    """How many passages of four words a text has."""
    return -(-len(text.split()) // 4)


def where(key: str, operator: FilterOperator, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, operator=operator, value=value)


def both(*filters: Any, condition: str = "and") -> MetadataFilters:
    return MetadataFilters(filters=list(filters), condition=FilterCondition(condition))


FILTERS: list[tuple[MetadataFilter | MetadataFilters, set[str]]] = [
    (where("kind", Operator.EQ, "legal"), {"lease"}),
    (where("year", Operator.EQ, 2001), {"lease"}),
    (where("area", Operator.EQ, 1.5), {"lease"}),
    (where("area", Operator.EQ, 2), {"garden"}),
    (where("tags", Operator.EQ, "b"), {"garden", "boat"}),
    (where("year", Operator.NE, 2001), {"garden", "boat", "note"}),
    (where("kind", Operator.NE, "legal"), {"garden", "boat", "note"}),
    (where("area", Operator.NE, 1.5), {"garden", "boat", "note"}),
    (where("year", Operator.GT, 2002), {"boat", "note"}),
    (where("area", Operator.GT, 1.5), {"garden"}),
    (where("year", Operator.LT, 2002), {"lease"}),
    (where("year", Operator.GTE, 2002), {"garden", "boat", "note"}),
    (where("year", Operator.LTE, 2002), {"lease", "garden"}),
    (where("kind", Operator.IN, ["legal", "other"]), {"lease"}),
    (where("kind", Operator.IN, "legal,other"), {"lease"}),
    (where("year", Operator.IN, [2001, 2003]), {"lease", "boat"}),
    (where("area", Operator.IN, [1.5]), {"lease"}),
    (where("year", Operator.NIN, [2001, 2003]), {"garden", "note"}),
    (where("area", Operator.NIN, [1.5]), {"garden", "boat", "note"}),
    (where("tags", Operator.ANY, ["a", "c"]), {"garden", "note"}),
    (where("tags", Operator.ALL, ["a", "b"]), {"garden"}),
    (where("title", Operator.TEXT_MATCH, "lake"), {"boat"}),
    (where("title", Operator.TEXT_MATCH_INSENSITIVE, "BOATS lake"), {"boat"}),
    (where("title", Operator.TEXT_MATCH, "mountain"), set()),
    (where("tags", Operator.CONTAINS, "b"), {"garden", "boat"}),
    (where("tags", Operator.IS_EMPTY, None), {"lease"}),
    (
        both(where("year", Operator.GT, 2001), where("tags", Operator.CONTAINS, "b")),
        {"garden", "boat"},
    ),
    (
        both(
            where("kind", Operator.EQ, "legal"), where("tags", Operator.ANY, ["c"]), condition="or"
        ),
        {"lease", "note"},
    ),
    (
        both(
            where("kind", Operator.EQ, "legal"), where("year", Operator.EQ, 2003), condition="not"
        ),
        {"garden", "note"},
    ),
    (
        both(
            both(
                where("year", Operator.LT, 2002), where("year", Operator.GT, 2003), condition="or"
            ),
            both(where("tags", Operator.IS_EMPTY, None), condition="not"),
        ),
        {"note"},
    ),
    (
        both(
            both(where("year", Operator.GT, 2001), where("year", Operator.LT, 2004)),
            where("kind", Operator.EQ, "legal"),
            condition="not",
        ),
        {"note"},
    ),
    (both(), {"lease", "garden", "boat", "note"}),
    (both(both()), {"lease", "garden", "boat", "note"}),
]


def test_no_operator_and_no_condition_is_left_out() -> None:
    """The cases below are all that LlamaIndex has."""

    def walk(given: Any) -> Iterator[Any]:
        yield given
        for each in getattr(given, "filters", ()):
            yield from walk(each)

    met = [each for case, _ in FILTERS for each in walk(case)]
    assert {each.operator for each in met if hasattr(each, "operator")} == set(FilterOperator)
    assert {each.condition for each in met if hasattr(each, "filters")} == set(FilterCondition)


@pytest.mark.parametrize(("chosen", "expected"), FILTERS)
def test_filters(filled: LongVectorStore, chosen: Any, expected: set[str]) -> None:
    """Every operator lets the same through when nodes are got and when they are searched for."""
    filters = chosen if isinstance(chosen, MetadataFilters) else both(chosen)
    assert set(names(filled.get_nodes(filters=filters))) == expected
    for mode in ("default", "hybrid"):
        assert set(names(filled.query(asked("lake", mode, filters=filters)).nodes)) == expected
    sparse = filled.query(asked("lease garden lake", "sparse", filters=filters))
    assert set(names(sparse.nodes)) == expected


def test_a_filter_that_says_nothing_is_refused(filled: LongVectorStore) -> None:
    """A comparison with a word is an error of ours that names the field."""
    with pytest.raises(SettingsError, match="year"):
        filled.query(asked("lake", filters=both(where("year", Operator.GT, "soon"))))


def test_filters_and_node_ids_have_to_fit_both(filled: LongVectorStore) -> None:
    """Ids asked for beside alternatives are not one alternative more."""
    ids = [document_id("lease"), document_id("boat")]
    filters = both(
        where("year", Operator.EQ, 2001), where("year", Operator.EQ, 2002), condition="or"
    )
    assert names(filled.get_nodes(node_ids=ids, filters=filters)) == ["lease"]
    assert sorted(names(filled.get_nodes(node_ids=ids))) == ["boat", "lease"]
    assert filled.get_nodes(node_ids=[]) == []
    assert len(filled.get_nodes()) == 4


def test_nodes_of_a_query_by_ids_and_documents(filled: LongVectorStore) -> None:
    """Queries may be held to some nodes, or to the nodes of some documents."""
    only_ids = asked("the lease", node_ids=[document_id("boat")])
    assert names(filled.query(only_ids).nodes) == ["boat"]
    of_documents = asked("a lake", "hybrid", doc_ids=["note", "lease"])
    assert set(names(filled.query(of_documents).nodes)) == {"note", "lease"}


def test_a_node_that_is_got_is_whole(filled: LongVectorStore) -> None:
    """Text, metadata and embedding of documents and nodes come back."""
    (ours,) = filled.get_nodes(node_ids=[document_id("garden")])
    assert ours.get_content() == GARDEN
    assert ours.metadata["tags"] == ["a", "b"]
    assert ours.embedding == pytest.approx(vector_of(GARDEN).tolist(), abs=1e-5)


def test_words_weigh_as_in_the_library(filled: LongVectorStore) -> None:
    """``sparse`` gives the documents, the order and the scores of the library's own search."""
    answer = filled.query(asked("the lease of a boat", "sparse"))
    found = filled.library.search("the lease of a boat", mode="sparse", limit=9)
    assert names(answer.nodes) == [each.source for each in found]
    assert answer.similarities == pytest.approx([each.score for each in found], abs=1e-5)


def test_a_text_weighs_the_same_as_a_node_and_as_a_document(store: LongVectorStore) -> None:
    """A node's words are weighed by the average of the library's documents."""
    twin = node(LEASE, "twin")
    store.add([twin])
    points = store.client.retrieve(
        "documents", [document_id("lease"), twin.node_id], with_vectors=True
    )
    ours, theirs = (each.vector["text-sparse-new"] for each in points)
    assert sorted(ours.indices) == sorted(theirs.indices)
    weights = [dict(zip(each.indices, each.values, strict=True)) for each in (ours, theirs)]
    assert weights[1] == pytest.approx(weights[0], rel=0.05)


@pytest.mark.parametrize(("alpha", "first"), [(0.0, "lease"), (1.0, "boat")])
async def test_hybrid(filled: LongVectorStore, alpha: float, first: str) -> None:
    """Alpha weighs meaning against words, down to nothing, and async gives the same."""
    query = asked(BOAT, "hybrid", alpha=alpha)
    query.query_str = "every tenant"
    answer = filled.query(query)
    assert names(answer.nodes)[0] == first
    again = await filled.aquery(query)
    assert names(again.nodes) == names(answer.nodes)


def test_nothing_but_stopwords(store: LongVectorStore) -> None:
    """Without a word of its own a query is one by meaning, and a node is found by that."""
    store.add([node("the of and", "empty")])
    assert names(store.query(asked("the of and", "sparse")).nodes) == []
    assert names(store.query(asked("the of and", "hybrid")).nodes)[0] == "empty"


def test_the_library_finds_what_is_added(store: LongVectorStore) -> None:
    """A node is found by the library's search, by meaning, by words and by both."""
    assert store.add([node(NOTE, "note"), node("plums", "plums")])
    for mode in ("dense", "sparse", "hybrid"):
        hit = store.library.search("a note", mode=mode, limit=1)[0]
        assert (hit.source, hit.text) == ("note", NOTE)
    assert hit.signals["terms"] > 0  # in hybrid, too, words find it
    assert store.library.verify().findings == ()
    assert store.library.info().documents == 3


def test_a_node_takes_the_place_of_a_document(store: LongVectorStore) -> None:
    """What had its id is gone with its passages, and comes back when it is added again."""
    identity = document_id("lease")
    store.add([node(NOTE, "lease", identity=identity)])
    hits = store.library.search("every year", mode="passages", limit=9)
    assert {hit.source for hit in hits} == {"garden", "boat"}
    assert store.library.verify().findings == ()
    assert store.library.add(DOCUMENTS).added == 1
    assert [each.get_content() for each in store.get_nodes([identity])] == [LEASE]
    assert store.library.verify().findings == ()


def test_delete(store: LongVectorStore) -> None:
    """By document, nodes go, and a document of the library with all that belongs to it."""
    store.add([node(NOTE, "lease"), node(NOTE, "other")])
    store.delete("lease")
    store.delete("unknown")
    assert sorted(names(store.get_nodes())) == ["boat", "garden", "other"]
    assert passages_in(store) == passages_of(GARDEN) + passages_of(BOAT)
    assert store.library.verify().findings == ()
    assert store.library.info().documents == 2


def test_delete_nodes(store: LongVectorStore) -> None:
    """By ids, by filters, and by both, of which the ones that fit both go."""
    kept, gone = node(NOTE, "kept", year=2001), node(NOTE, "gone", year=2001)
    store.add([kept, gone])
    either = both(where("year", Operator.EQ, 2001), where("year", Operator.EQ, 2), condition="or")
    store.delete_nodes([gone.node_id, document_id("boat")], either)
    assert sorted(names(store.get_nodes())) == ["boat", "garden", "kept", "lease"]
    store.delete_nodes(filters=both(where("tags", Operator.ALL, ["a", "b"])))
    assert sorted(names(store.get_nodes())) == ["boat", "kept", "lease"]
    store.delete_nodes([document_id("lease"), kept.node_id])
    assert names(store.get_nodes()) == ["boat"]
    store.delete_nodes([])
    assert names(store.get_nodes()) == ["boat"]
    assert store.library.verify().findings == ()
    assert passages_in(store) == passages_of(BOAT)


def test_clear(store: LongVectorStore) -> None:
    """All goes but the collection, into which nodes and documents can be put again."""
    store.add([node(NOTE, "note")])
    store.clear()
    assert store.get_nodes() == []
    assert store.library.info().documents == 0
    assert passages_in(store) == 0
    store.add([node(NOTE, "note")])
    assert store.library.add(DOCUMENTS).added == 3
    assert len(store.get_nodes()) == 4
    assert names(store.query(asked("a note", "sparse")).nodes)[0] == "note"


async def test_async(store: LongVectorStore) -> None:
    """Every async method does what its twin does."""
    first, second = node(NOTE, "first"), node("plums and pears", "second")
    assert await store.async_add([first, second]) == [first.node_id, second.node_id]
    assert names(await store.aget_nodes([first.node_id])) == ["first"]
    assert len(await store.aget_nodes(filters=both(where("year", Operator.GT, 2001)))) == 2
    for mode in ("default", "sparse", "hybrid"):
        answer = await store.aquery(asked("plums", mode, similarity_top_k=1))
        assert names(answer.nodes) == ["second"]
    await store.adelete("second")
    await store.adelete_nodes([document_id("boat")])
    assert sorted(names(await store.aget_nodes())) == ["first", "garden", "lease"]
    await store.aclear()
    assert await store.aget_nodes() == []
    assert store.library.verify().findings == ()


async def test_many_at_once(store: LongVectorStore) -> None:
    """Coroutines add and ask at the same time."""
    nodes = [node(f"text {number} of the lake", f"n{number}") for number in range(12)]
    await asyncio.gather(
        *(store.async_add([each]) for each in nodes),
        *(store.aquery(asked("the lake", "hybrid")) for _ in range(12)),
    )
    assert len(await store.aget_nodes()) == 15


async def test_the_event_loop_is_left_free(store: LongVectorStore) -> None:
    """Async methods work on another thread, whatever fuses what they find."""
    threads = []

    def fuse(dense_result: Any, sparse_result: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return relative_score_fusion(dense_result, sparse_result, **options)

    own = LongVectorStore(store.library, hybrid_fusion_fn=fuse)
    await own.aquery(asked("lake", "hybrid"))
    own.query(asked("lake", "hybrid"))
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


@pytest.mark.parametrize("place", ["edge", "server"])
def test_a_collection_is_made_where_there_is_none(place: str, tmp_path: Path) -> None:
    """Over an empty place it makes the library's collection, for both to write to."""
    with opened(place, tmp_path / "store", language="none") as library:
        store = LongVectorStore(library)
        store.add([node(NOTE, "note")])
        assert library.info().documents == 0
        assert library.store.existing_record().options.language == "none"
        assert library.add(DOCUMENTS).added == 3
        assert names(store.query(asked("note", "sparse")).nodes) == ["note"]


class FakeEmbedding(BaseEmbedding):
    """The embedding of the tests' encoder."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(each) for each in vector_of(query)]

    _get_text_embedding = _get_query_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


async def test_an_index_over_it(store: LongVectorStore) -> None:
    """An index inserts, updates, refreshes and deletes whole documents beside the library's."""
    index = VectorStoreIndex.from_documents(
        [TheirDocument(id_="note", text=NOTE)],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[WholeDocument()],
        embed_model=FakeEmbedding(),
    )
    retrieve = index.as_retriever(vector_store_query_mode="sparse", similarity_top_k=2).retrieve
    found = retrieve("a note on the lease")
    assert [each.node.ref_doc_id for each in found] == ["note", "lease"]
    index.update_ref_doc(TheirDocument(id_="note", text="a note on plums"))
    assert retrieve("plums")[0].node.text == "a note on plums"
    index.delete_ref_doc("note")
    await index.ainsert(TheirDocument(id_="other", text="another note"))
    found = await index.as_retriever(vector_store_query_mode="hybrid").aretrieve("another note")
    assert found[0].node.ref_doc_id == "other"
    assert sorted(names(store.get_nodes())) == ["boat", "garden", "lease", "other"]
    assert store.library.verify().findings == ()


def test_nodes_go_along_with_a_copy(store: LongVectorStore, tmp_path: Path) -> None:
    """A copy of the library has the nodes, too."""
    store.add([node(NOTE, "note")])
    store.library.copy(tmp_path / "copy")
    with Library.open(tmp_path / "copy", encoder=FakeEncoder()) as copy:
        assert len(LongVectorStore(copy).get_nodes()) == 4
        assert copy.search("a note", mode="sparse", limit=1)[0].source == "note"


def test_it_is_imported_when_it_is_asked_for() -> None:
    """The other plugs do without qdrant-client, and only what there is can be imported."""
    program = (
        "import sys; from longembed_rag.llama_index import LongEmbedding, LongRetriever; "
        "assert 'qdrant_client' not in sys.modules; print(LongRetriever.__name__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "LongRetriever"
    assert LongVectorStore.class_name() == "LongVectorStore"
    with pytest.raises(ImportError, match="LongStore"):
        from longembed_rag.llama_index import LongStore  # type: ignore[attr-defined]  # noqa: F401
