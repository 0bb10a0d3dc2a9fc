"""AsyncEdgeClient, and LlamaIndex's own store over both twins."""

from __future__ import annotations

import copy
import inspect
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

from longembed_rag.points.edge_client.client import EdgeClient
from tests.points.edge_client.twins import NAME

PLAIN = {"dense": models.VectorParams(size=2, distance=models.Distance.COSINE)}


def methods_of(client: Any) -> set[str]:
    return {
        name for name in dir(client) if not name.startswith("_") and callable(getattr(client, name))
    }


async def test_every_method_is_there(client: EdgeClient) -> None:
    """What the client has, its twin has, to be awaited, under the names of AsyncQdrantClient's."""
    twin = client.aclient
    names = methods_of(client)
    assert {"query_points", "upsert", "scroll", "collection_exists", "close"} <= names
    for name in names:
        assert inspect.iscoroutinefunction(getattr(twin, name)), name
        assert callable(getattr(AsyncQdrantClient, name)), name
    assert twin.init_options == client.init_options


async def test_what_one_writes_the_other_reads(client: EdgeClient) -> None:
    """Both work on the same collections."""
    twin = client.aclient
    assert await twin.create_collection(NAME, vectors_config=PLAIN)
    point = models.PointStruct(id=1, vector={"dense": [1.0, 0.0]}, payload={"a": 1})
    await twin.upsert(NAME, points=[point], wait=True)
    assert client.count(NAME).count == (await twin.count(NAME)).count == 1
    answer = await twin.query_points(NAME, query=[1.0, 0.0], using="dense", limit=1)
    assert answer.points == client.query_points(NAME, query=[1.0, 0.0], using="dense").points


async def test_methods_run_on_another_thread(
    client: EdgeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop is left free."""
    threads: list[threading.Thread] = []
    monkeypatch.setattr(
        client, "get_collections", lambda **options: threads.append(threading.current_thread())
    )
    await client.aclient.get_collections()
    assert threads
    assert threads[0] is not threading.main_thread()


async def test_what_goes_wrong_is_raised(client: EdgeClient, tmp_path: Path) -> None:
    """Errors are the client's own, and names that it has not are no attributes."""
    twin = client.aclient
    with pytest.raises(ValueError, match="not found"):
        await twin.count("nothing")
    for name in ("no_such_method", "_collection"):
        with pytest.raises(AttributeError, match=name):
            getattr(twin, name)
    assert copy.copy(twin).init_options == client.init_options
    await twin.close()
    EdgeClient(tmp_path / "edge").close()


def words(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """Sparse vectors: the lengths of a text's words."""
    found = [sorted({len(word) for word in text.split()}) for text in texts]
    return found, [[1.0] * len(each) for each in found]


def nodes() -> list[Any]:
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    return [
        TextNode(
            id_=str(UUID(int=number)),
            text=f"text number {'n' * number}",
            metadata={
                "year": 2000 + number,
                "area": number / 2,
                "kind": "odd" if number % 2 else "even",
                "tags": [f"t{each}" for each in range(number - 1)],
            },
            embedding=[1.0, float(number)],
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc {number % 2}")},
        )
        for number in range(1, 5)
    ]


def store_over(client: Any, **options: Any) -> Any:
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    return QdrantVectorStore(
        NAME,
        client=client,
        enable_hybrid=True,
        sparse_doc_fn=words,
        sparse_query_fn=words,
        index_doc_id=False,
        **options,
    )


async def test_llama_index_works_on_it_asynchronously(client: EdgeClient) -> None:
    """LlamaIndex's own QdrantVectorStore does all that it does, awaited."""
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    store = store_over(client, aclient=client.aclient)
    given = nodes()
    assert await store.async_add(given) == [each.node_id for each in given]
    for mode in ("default", "sparse", "hybrid"):
        query = VectorStoreQuery(
            query_embedding=[1.0, 4.0],
            query_str="nnnn",
            similarity_top_k=1,
            mode=VectorStoreQueryMode(mode),
        )
        answer = await store.aquery(query)
        assert answer.ids == store.query(query).ids
    assert [each.node_id for each in await store.aget_nodes([given[0].node_id])] == [
        given[0].node_id
    ]
    await store.adelete("doc 1")
    assert {each.node_id for each in await store.aget_nodes()} == {
        given[1].node_id,
        given[3].node_id,
    }
    await store.adelete_nodes([given[1].node_id])
    assert [each.get_content() for each in await store.aget_nodes()] == [given[3].text]
    await store.aclear()
    assert not client.collection_exists(NAME)


VALUES: list[tuple[str, str, Any]] = [
    ("kind", "==", "odd"),
    ("area", "==", 1.5),
    ("tags", "==", "t1"),
    ("year", "!=", 2001),
    ("kind", "!=", "odd"),
    ("absent", "!=", "odd"),
    ("year", ">", 2002),
    ("year", "<", 2002),
    ("area", ">=", 1.0),
    ("area", "<=", 1.0),
    ("kind", "in", ["odd", "other"]),
    ("year", "in", [2001, 2004]),
    ("tags", "in", "t1,t2"),
    ("kind", "nin", ["odd"]),
    ("year", "nin", [2001, 2004]),
    ("kind", "text_match", "odd"),
    ("kind", "text_match_insensitive", "ODD"),
    ("tags", "is_empty", None),
    ("absent", "is_empty", None),
    # What LlamaIndex's store does not translate, it refuses over any client.
    ("tags", "any", ["t1"]),
    ("tags", "all", ["t0", "t1"]),
    ("tags", "contains", "t1"),
    ("area", "!=", 1.5),
]


@pytest.mark.parametrize("condition", ["and", "or", "not"])
def test_llama_indexs_filters_are_those_of_local_mode(client: EdgeClient, condition: str) -> None:
    """Every operator, alone and beside another, lets the same nodes through or is refused alike."""
    from llama_index.core.vector_stores.types import (
        FilterCondition,
        FilterOperator,
        MetadataFilter,
        MetadataFilters,
    )

    local = QdrantClient(":memory:")
    ours, theirs = store_over(client), store_over(local)
    for store in (ours, theirs):
        store.add(nodes())
    assert {operator for _, operator, _ in VALUES} == {each.value for each in FilterOperator}

    def answer(store: Any, filters: MetadataFilters) -> Any:
        try:
            return sorted(each.node_id for each in store.get_nodes(filters=filters))
        except (NotImplementedError, ValueError) as error:
            return type(error)

    late = MetadataFilter(key="year", value=2003, operator=FilterOperator.GTE)
    found = []
    for key, operator, value in VALUES:
        one = MetadataFilter(key=key, operator=FilterOperator(operator), value=value)
        filters = MetadataFilters(filters=[one, late], condition=FilterCondition(condition))
        for each in (filters, MetadataFilters(filters=[filters, one])):
            found.append(answer(ours, each))
            assert found[-1] == answer(theirs, each), (key, operator)
    assert any(isinstance(each, list) and 0 < len(each) < 4 for each in found)
    local.close()
