"""EdgeClient against QdrantClient(path=...): told the same, both answer the same."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from longembed_rag.points.edge_client.client import EdgeClient
from tests.points.edge_client.twins import NAME, SIZE, Twins, assert_same, make_points, sparse

RNG = np.random.default_rng(7)
QUERIES: dict[str, Any] = {
    "dense": RNG.standard_normal(SIZE),
    "dot": RNG.standard_normal(SIZE).tolist(),
    "far": RNG.standard_normal(SIZE).tolist(),
    "rows": RNG.standard_normal((3, SIZE)).tolist(),
    "words": sparse(RNG),
    "plain": sparse(RNG),
}
TAGGED = models.Filter(
    must=[models.FieldCondition(key="tag", match=models.MatchValue(value="tag 1"))]
)


@pytest.mark.parametrize("using", QUERIES)
def test_scores_are_equal(filled: Twins, using: str) -> None:
    """Dense, sparse (with IDF and without) and multivector searches rank and score alike."""
    hits = filled.same_hits(query=QUERIES[using], using=using, limit=30)
    assert len(hits) >= 20
    filled.same_hits(query=QUERIES[using], using=using, limit=5, offset=3, query_filter=TAGGED)


def test_score_threshold_cuts_alike(filled: Twins) -> None:
    """Hits below a score are left out; for distances, those above."""
    for using in ("dense", "far", "words"):
        scores = [hit.score for hit in filled.same_hits(query=QUERIES[using], using=using)]
        threshold = (scores[4] + scores[5]) / 2
        hits = filled.same_hits(query=QUERIES[using], using=using, score_threshold=threshold)
        assert len(hits) == 5


@pytest.mark.parametrize(
    "with_payload",
    [
        True,
        False,
        ["tag", "inner.tags"],
        [],
        models.PayloadSelectorInclude(include=["number"]),
        models.PayloadSelectorExclude(exclude=["inner"]),
    ],
)
@pytest.mark.parametrize("with_vectors", [True, False, ["dense", "words", "unknown"]])
def test_answers_hold_what_was_asked_for(
    filled: Twins, with_payload: Any, with_vectors: Any
) -> None:
    """Payloads and vectors come back whole, in part or not at all, as asked."""
    wanted = {"with_payload": with_payload, "with_vectors": with_vectors}
    filled.same_hits(query=QUERIES["dense"], using="dense", **wanted)
    assert_same(*filled.ask("retrieve", ids=[5, 3, 99, 1], **wanted))
    (ours, _), (theirs, _) = filled.ask("scroll", **wanted)
    assert_same(ours, theirs)


def test_a_point_can_be_the_query(filled: Twins) -> None:
    """A search by id leaves that point out; one that is not there is refused."""
    assert 4 not in [hit.id for hit in filled.same_hits(query=4, using="dense")]
    filled.same_hits(query=4, using="words", query_filter=TAGGED)
    with pytest.raises(ValueError, match="Point 99 is not there"):
        filled.edge.query_points(NAME, 99, using="dense")


def test_without_a_query_points_come_by_id(filled: Twins) -> None:
    """With a filter and no query, points come in the order of their ids."""
    assert [hit.id for hit in filled.same_hits(query_filter=TAGGED)] == [*range(1, 50, 5)]


@pytest.mark.parametrize("fusion", list(models.Fusion))
def test_fused_searches_are_equal(filled: Twins, fusion: models.Fusion) -> None:
    """Searches by meaning and by words, fused by rank, give what local mode gives."""
    prefetch = [
        models.Prefetch(query=QUERIES[using], using=using, limit=15) for using in ("dot", "words")
    ]
    ours, theirs = filled.ask(
        "query_points", prefetch=prefetch, query=models.FusionQuery(fusion=fusion), limit=40
    )
    scores = [{hit.id: hit.score for hit in answer.points} for answer in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_batches_of_queries(filled: Twins) -> None:
    """Each request of a batch is answered as if it were the only one."""
    requests = [
        models.QueryRequest(query=QUERIES["dot"], using="dot", limit=4, with_payload=True),
        models.QueryRequest(query=QUERIES["words"], using="words", filter=TAGGED),
    ]
    for our, their in zip(*filled.ask("query_batch_points", requests=requests), strict=True):
        assert_same(our.points, their.points)


@pytest.mark.parametrize("group_by", ["tag", "number", "inner.tags[]", "missing"])
def test_groups_are_equal(filled: Twins, group_by: str) -> None:
    """Hits come in groups of a field's value; a value that few points have is looked for."""
    for limit, size in ((2, 2), (5, 9), (50, 1)):
        ours, theirs = filled.ask(
            "query_points_groups",
            query=QUERIES["dense"],
            using="dense",
            group_by=group_by,
            limit=limit,
            group_size=size,
            with_vectors=["dot"],
        )
        assert [group.id for group in ours.groups] == [group.id for group in theirs.groups]
        for our, their in zip(ours.groups, theirs.groups, strict=True):
            assert_same(our.hits, their.hits)


def test_pages_are_equal(twins: Twins) -> None:
    """Paging through numbers and UUIDs gives each point once, in the same order."""
    points = make_points(9)
    for point in points[::2]:
        point.id = str(UUID(int=int(point.id) * 10**30 + 1))
    twins.write("upsert", points=points)
    offset, seen = None, []
    while True:
        (ours, our_next), (theirs, their_next) = twins.ask("scroll", limit=2, offset=offset)
        assert_same(ours, theirs)
        assert our_next == their_next
        seen += [point.id for point in ours]
        offset = our_next
        if offset is None:
            break
    assert len(seen) == len(set(seen)) == 9


def test_pages_in_the_order_of_a_field(client: EdgeClient) -> None:
    """With an index on it, a field's order can be asked for, from a value on."""
    client.create_collection(NAME, {})
    client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
    client.upsert(NAME, [models.PointStruct(id=i, vector={}, payload={"n": -i}) for i in range(5)])
    order = models.OrderBy(key="n", direction=models.Direction.DESC, start_from=-1)
    found, _ = client.scroll(NAME, order_by=order)
    assert [(point.id, point.order_value) for point in found] == [
        (1, -1),
        (2, -2),
        (3, -3),
        (4, -4),
    ]


def test_facets_and_counts_are_equal(filled: Twins) -> None:
    """Values are counted alike, with a filter and without; a field without an index is refused."""
    for limit in (2, 10):
        ours, theirs = filled.ask("facet", key="tag", limit=limit)
        assert ours == theirs
    many = models.Filter(
        must=[models.FieldCondition(key="number", range=models.Range(gt=3, lte=20))]
    )
    ours, theirs = filled.ask("facet", key="tag", facet_filter=many)
    assert ours == theirs
    ours, theirs = filled.ask("count", count_filter=many)
    assert ours == theirs == models.CountResult(count=17)
    with pytest.raises(ValueError, match="index"):
        filled.edge.facet(NAME, "number")


@pytest.mark.parametrize(
    "selector",
    [
        [1, 2, 99],
        models.PointIdsList(points=[4]),
        TAGGED,
        models.FilterSelector(filter=TAGGED),
        models.Filter(must_not=[models.HasIdCondition(has_id=[0, 1])]),
    ],
    ids=["list", "PointIdsList", "Filter", "FilterSelector", "must_not"],
)
def test_deleting(twins: Twins, selector: Any) -> None:
    """Points go by id and by filter; those that are not there do not matter."""
    twins.write("upsert", points=make_points(12))
    answers = twins.ask("delete", points_selector=selector)
    assert answers[0].status == answers[1].status == models.UpdateStatus.COMPLETED
    assert 0 < len(twins.same_points()) < 12
    twins.same_hits(query=QUERIES["plain"], using="plain")
    # As on a server, IDF counts deleted points for a while: here, until the collection is opened.
    twins.reopen()
    twins.same_hits(query=QUERIES["words"], using="words")


def test_points_are_replaced_whole(twins: Twins) -> None:
    """Written again, a point keeps nothing of what it was."""
    twins.write("upsert", points=make_points(6))
    twins.write("upsert", points=make_points(3, seed=5))
    twins.write("upsert", points=[models.PointStruct(id=4, vector={"dot": [1.0] * SIZE})])
    assert sorted(twins.same_points()[4].vector or []) == ["dot"]
    twins.same_hits(query=QUERIES["words"], using="words")


@pytest.mark.parametrize("mode", list(models.UpdateMode))
def test_conditional_writes(twins: Twins, mode: models.UpdateMode) -> None:
    """Modes and filters of writing let through what local mode lets through."""
    twins.write("upsert", points=make_points(6))
    twins.write("upsert", points=make_points(9, seed=5), update_mode=mode)
    twins.write("upsert", points=make_points(9, seed=6), update_filter=TAGGED)
    twins.same_points()


def test_vectors_are_replaced_and_removed(twins: Twins) -> None:
    """Vectors change by name; payloads and other vectors stay."""
    twins.write("upsert", points=make_points(6))
    changes = [
        models.PointVectors(id=1, vector={"dense": [1.0] * SIZE, "words": sparse(RNG)}),
        models.PointVectors(id=3, vector={"rows": [[1.0] * SIZE, [2.0] * SIZE]}),
    ]
    twins.write("update_vectors", points=changes)
    twins.write("delete_vectors", vectors=["dot", "words"], points=[0, 2])
    assert len(twins.same_points()) == 6
    twins.same_hits(query=QUERIES["plain"], using="plain")
    twins.reopen()  # see test_deleting
    twins.same_hits(query=QUERIES["words"], using="words")
    with pytest.raises(ValueError, match="No point with id 99"):
        twins.edge.update_vectors(NAME, [models.PointVectors(id=99, vector={})])


def test_payloads_change(twins: Twins) -> None:
    """Fields are set, replaced and removed, by id and by filter, also inside others."""
    twins.write("upsert", points=make_points(12))
    twins.write("set_payload", payload={"new": {"a": 1}, "tag": "other"}, points=[1, 2])
    twins.write("set_payload", payload={"b": None, "c": 2}, points=[1, 2], key="new")
    twins.write("set_payload", payload={"seen": True}, points=TAGGED)
    twins.write("overwrite_payload", payload={"only": "this"}, points=[3])
    twins.write("overwrite_payload", payload={}, points=models.FilterSelector(filter=TAGGED))
    twins.write("delete_payload", keys=["inner.tags", "number"], points=[0, 7])
    twins.write("clear_payload", points_selector=models.PointIdsList(points=[8]))
    twins.same_points()


def test_every_shape_of_input(client: EdgeClient, tmp_path: Path) -> None:
    """Arrays, batches, one unnamed vector and points without vectors are all taken."""
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    with_arrays = models.PointStruct.model_construct(
        id=uuid4(), vector=np.array([1, 2], dtype=np.float32), payload=None
    )
    client.create_collection(NAME, params)
    client.upsert(NAME, [with_arrays])
    client.upsert(NAME, models.Batch(ids=[1, 2], vectors=[[1, 0], [0, 1]], payloads=[{"a": 1}, {}]))
    client.upsert(NAME, [models.PointStruct(id=3, vector={"": [3, 3]})])
    client.upload_points(NAME, (models.PointStruct(id=i, vector=[0, i]) for i in range(4, 9)), 2)
    found = client.query_points(NAME, np.array([1.0, 0.5]), limit=3, with_vectors=True).points
    assert [(hit.id, hit.vector) for hit in found[:2]] == [(3, [3, 3]), (8, [0, 8])]
    assert client.retrieve(NAME, [with_arrays.id])[0].payload == {}
    assert isinstance(client.get_collection(NAME).config.params.vectors, models.VectorParams)
    assert client.count(NAME).count == 9


def test_payloads_come_back_as_json(client: EdgeClient) -> None:
    """Times and UUIDs become strings, as with local mode; numbers keep their kind."""
    payload = {
        "when": datetime(2024, 5, 17, tzinfo=timezone.utc),
        "who": UUID(int=5),
        "text": "ß\u0000😀",
        "deep": [None, {"a": [1, 1.0, True, -(2**63), 2**64 - 1]}],
    }
    client.create_collection(NAME, {})
    client.upsert(NAME, [models.PointStruct(id=1, vector={}, payload=payload)])
    kept = client.retrieve(NAME, [1])[0].payload or {}
    assert kept["when"].startswith("2024-05-17T00:00:00")
    assert kept["who"] == str(UUID(int=5))
    assert (kept["text"], kept["deep"]) == (payload["text"], payload["deep"])
    assert [type(number) for number in kept["deep"][1]["a"]] == [int, float, bool, int, int]


def point(vector: Any, *, identity: Any = 1, payload: Any = None) -> models.PointStruct:
    """A point that nobody has checked."""
    return models.PointStruct.model_construct(id=identity, vector=vector, payload=payload)


def terms(indices: Any, values: Any) -> models.SparseVector:
    """A sparse vector that nobody has checked."""
    return models.SparseVector.model_construct(indices=indices, values=values)


MALFORMED: list[tuple[models.PointStruct, str]] = [
    (point({"nobody": [1.0]}), "Not existing vector name"),
    (point([1.0] * SIZE), "Not existing vector name"),
    (point({"dense": [1.0]}), "expected dim: 6, got 1"),
    (point({"dense": []}), "not empty"),
    (point({"dense": [[1.0] * SIZE]}), "one-dimensional"),
    (point({"dense": ["a"] * SIZE}), "must be numbers"),
    (point({"dense": [float("nan")] * SIZE}), "NaN"),
    (point({"dense": [1e300] * SIZE}), "infinite"),
    (point({"rows": [[1.0] * SIZE, [1.0]]}), "rows of one length"),
    (point({"rows": []}), "not empty"),
    (point({"rows": np.zeros((0, SIZE))}), "not empty"),
    (point({"rows": [[1.0, 2.0]]}), "expected dim: 6, got 2"),
    (point({"dense": terms([1], [1.0])}), "Conversion between sparse and regular"),
    (point({"words": [1.0]}), "Conversion between sparse and regular"),
    (point({"words": terms([1, 2], [1.0])}), "same length"),
    (point({"words": terms([1, 1], [1.0, 2.0])}), "unique"),
    (point({"words": terms([-1], [1.0])}), "between 0 and"),
    (point({"words": terms([2**32], [1.0])}), "between 0 and"),
    (point({"words": terms([1.5], [1.0])}), "between 0 and"),
    (point({"words": terms([1], [float("nan")])}), "NaN"),
    (point({}, identity="not a uuid"), "Point id"),
    (point({}, identity=-1), "Point id"),
    (point({}, identity=2**64), "Point id"),
    (point({}, payload={"a": object()}), "JSON"),
    (point({}, payload={"a": float("nan")}), "payload number"),
    (point({}, payload={"a": "\ud800"}), "JSON"),
]


@pytest.mark.parametrize(("wrong", "message"), MALFORMED)
def test_malformed_points_are_refused(
    filled: Twins, wrong: models.PointStruct, message: str
) -> None:
    """A wrong point is a ValueError that says what is wrong with it."""
    with pytest.raises(ValueError, match=message):
        filled.edge.upsert(NAME, [wrong])
    if not wrong.payload and wrong.vector:
        with pytest.raises(ValueError, match=message):
            filled.edge.update_vectors(NAME, [wrong])  # type: ignore[list-item]


def test_refused_points_leave_nothing_in_the_log(twins: Twins) -> None:
    """None of a batch with a wrong point is written, and the collection still opens."""
    good = models.PointStruct(id=7, vector={"dense": [1.0] * SIZE})
    for wrong, message in MALFORMED:
        with pytest.raises(ValueError, match=message):
            twins.edge.upsert(NAME, [good, wrong])
    twins.reopen()
    assert twins.edge.count(NAME).count == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": [1.0], "using": "dense"}, "expected dim: 6, got 1"),
        ({"query": [1.0] * SIZE, "using": "nobody"}, "Not existing vector name"),
        ({"query": [1.0] * SIZE}, "Not existing vector name"),
        ({"query": terms([1, 2], [1.0]), "using": "words"}, "same length"),
        ({"query": [1.0] * SIZE, "using": "words"}, "Conversion between sparse"),
        ({"query": [[1.0] * SIZE, [1.0]], "using": "rows"}, "rows of one length"),
        ({"query": [1.0] * SIZE, "using": "dense", "limit": 0}, "limit value 0"),
        ({"query": [1.0] * SIZE, "using": "dense", "offset": -1}, "offset value -1"),
        ({"query": "word", "using": "dense"}, "Point id word"),
        ({"score_threshold": 0.5}, "A query is needed"),
        ({"prefetch": models.Prefetch(query=[1.0] * SIZE)}, "A query is needed"),
        ({"query": [1.0] * SIZE, "using": "dense", "with_payload": "tag"}, "with_payload"),
        ({"query": [1.0] * SIZE, "using": "dense", "with_vectors": "dot"}, "with_vectors"),
        ({"query": models.FormulaQuery(formula=1.0)}, "FormulaQuery is not supported"),
        ({"query": models.Document(text="a", model="b")}, "Document is not supported"),
        ({"lookup_from": models.LookupLocation(collection="x")}, "lookup_from"),
    ],
)
def test_malformed_queries_are_refused(
    filled: Twins, arguments: dict[str, Any], message: str
) -> None:
    """A wrong query is a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=message):
        filled.edge.query_points(NAME, **arguments)


def test_missing_collections_are_named_as_in_local_mode(client: EdgeClient) -> None:
    """The gateway knows them by the end of the message."""
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("get_collection", ()),
        ("count", ()),
        ("scroll", ()),
        ("query_points", ([1.0],)),
        ("upsert", ([point({})],)),
        ("upload_points", ([],)),
        ("delete", ([1],)),
        ("update_collection", ()),
        ("create_payload_index", ("a", "keyword")),
    ]
    for method, arguments in calls:
        with pytest.raises(ValueError, match=r"^Collection nowhere not found$"):
            getattr(client, method)("nowhere", *arguments)
    assert not client.collection_exists("nowhere")
    assert not client.delete_collection("nowhere")


NAMES = ["a", "A", "a.b", "a b", "ä", "con", "%41", "_", "x" * 255, "x" * 254 + "y", "😀" * 255]


def test_every_name_is_a_collection_of_its_own(tmp_path: Path) -> None:
    """Names that file systems would confuse or refuse stay apart, and come back after closing."""
    client = EdgeClient(tmp_path)
    for number, name in enumerate(NAMES):
        client.create_collection(name, {}, metadata={"number": number})
    with pytest.raises(ValueError, match="Collection a already exists"):
        client.create_collection("a", {})
    for name in ("", "..", "a/b", "x" * 256):
        with pytest.raises(ValueError, match="Collection name"):
            client.create_collection(name, {})
    client.close()
    client = EdgeClient(tmp_path)
    assert {each.name for each in client.get_collections().collections} == set(NAMES)
    for number, name in enumerate(NAMES):
        assert client.get_collection(name).config.metadata == {"number": number}
    assert client.delete_collection("a")
    assert client.collection_exists("A")
    client.close()


def test_a_collection_says_what_it_is(twins: Twins) -> None:
    """Vectors, metadata and indexes come back as they were given, also after closing."""
    twins.write("upsert", points=make_points(3))
    twins.edge.create_payload_index(
        NAME,
        "text",
        models.TextIndexParams(
            type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True
        ),
    )
    twins.write("update_collection", metadata={"more": {"a": None}, "when": 1})
    twins.write("update_collection", metadata={"when": None})
    path = Path(twins.edge.init_options["path"])
    twins.edge.close()
    again = EdgeClient(path)
    ours, theirs = again.get_collection(NAME), twins.local.get_collection(NAME)
    again.delete_payload_index(NAME, "text")
    left = again.get_collection(NAME).payload_schema
    again.close()
    assert ours.config.metadata == theirs.config.metadata
    assert ours.config.params.vectors == theirs.config.params.vectors
    assert ours.config.params.sparse_vectors == theirs.config.params.sparse_vectors
    assert ours.points_count == theirs.points_count == 3
    assert ours.payload_schema["tag"].data_type == models.PayloadSchemaType.KEYWORD
    assert ours.payload_schema["text"].params.lowercase  # type: ignore[union-attr]
    assert list(left) == ["tag"]


def test_a_folder_is_held_by_one_client(client: EdgeClient, tmp_path: Path) -> None:
    """A folder that a client holds, ours or qdrant-client's, is refused until that is closed."""
    path = Path(client.init_options["path"])
    local = QdrantClient(path=str(tmp_path / "local"))
    for held in (path, tmp_path / "local"):
        with pytest.raises(RuntimeError, match="already accessed"):
            EdgeClient(held)
    local.close()
    EdgeClient(tmp_path / "local").close()
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.count(NAME)
    EdgeClient(path).close()


def test_threads_read_and_write_at_once(client: EdgeClient) -> None:
    """Writers and readers in many threads lose nothing and see no errors."""
    client.create_collection(NAME, models.VectorParams(size=SIZE, distance=models.Distance.COSINE))
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(20):
                vector = np.full(SIZE, 1.0 + step)
                client.upsert(NAME, [point(vector, identity=number * 100 + step)])
                assert client.query_points(NAME, vector, limit=1).points
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert client.count(NAME).count == 120


def test_llama_index_works_on_it(client: EdgeClient) -> None:
    """LlamaIndex's own QdrantVectorStore adds, finds, lists and deletes."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.core.vector_stores.types import (
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
    )
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    def words(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        found = [sorted({len(word) for word in text.split()}) for text in texts]
        return found, [[1.0] * len(each) for each in found]

    nodes = [
        TextNode(
            id_=str(UUID(int=number)),
            text=f"text number {'n' * number}",
            metadata={"year": 2000 + number},
            embedding=[1.0, float(number)],
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc {number % 2}")},
        )
        for number in range(1, 5)
    ]
    store = QdrantVectorStore(
        NAME,
        client=client,  # type: ignore[arg-type]
        enable_hybrid=True,
        sparse_doc_fn=words,
        sparse_query_fn=words,
    )
    assert store.add(nodes) == [node.node_id for node in nodes]
    answer = store.query(VectorStoreQuery(query_embedding=[1.0, 4.0], similarity_top_k=2))
    assert answer.ids == [nodes[3].node_id, nodes[2].node_id]
    filters = MetadataFilters(filters=[MetadataFilter(key="year", value=2002)])
    hybrid = store.query(
        VectorStoreQuery(
            query_embedding=[1.0, 4.0],
            query_str="nn",
            similarity_top_k=2,
            mode=VectorStoreQueryMode.HYBRID,
            filters=filters,
        )
    )
    assert hybrid.ids == [nodes[1].node_id]
    assert [node.node_id for node in store.get_nodes([nodes[0].node_id])] == [nodes[0].node_id]
    store.delete("doc 1")
    assert {node.node_id for node in store.get_nodes()} == {nodes[1].node_id, nodes[3].node_id}
    again = QdrantVectorStore(NAME, client=client)  # type: ignore[arg-type]
    again.delete_nodes([nodes[1].node_id])
    assert [node.get_content() for node in again.get_nodes()] == [nodes[3].text]
    again.clear()
    assert not client.collection_exists(NAME)


def test_llama_index_makes_a_collection_with_one_vector(client: EdgeClient) -> None:
    """Without hybrid search its collection has one vector without a name."""
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    store = QdrantVectorStore(NAME, client=client)  # type: ignore[arg-type]
    store.add([TextNode(id_=str(UUID(int=1)), text="one", embedding=[1.0, 0.0])])
    answer = store.query(VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=1))
    assert answer.similarities == pytest.approx([1.0])
    assert store.get_nodes()[0].embedding == [1.0, 0.0]


def test_a_folder_keeps_what_is_not_ours(tmp_path: Path) -> None:
    """What a killed process left of a collection goes; folders that hold anything else stay."""
    leftover, theirs = tmp_path / "left.edge", tmp_path / "theirs.edge"
    (leftover / "shard" / "wal").mkdir(parents=True)
    (leftover / "collection.json.x1").touch()
    (theirs / "photos").mkdir(parents=True)
    (tmp_path / "collection" / "shard").mkdir(parents=True)
    EdgeClient(tmp_path).close()
    assert not leftover.exists()
    assert (theirs / "photos").exists()
    assert (tmp_path / "collection" / "shard").exists()


def test_a_damaged_collection_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is an error with its path, and the folder is let go."""
    client = EdgeClient(tmp_path)
    client.create_collection(NAME, {})
    client.close()
    (file,) = tmp_path.glob("*/collection.json")
    for content in ("", "{", "[]", '{"format": 2}'):
        file.write_text(content)
        for _ in range(2):
            with pytest.raises(ValueError, match=r"collection\.json cannot be read"):
                EdgeClient(tmp_path)


def test_a_panic_of_the_engine_is_a_runtime_error() -> None:
    """Where the engine's own code fails, an error that can be caught comes out; Ctrl-C stays."""
    from longembed_rag.points.edge.engine import engine_errors

    kind = type("PanicException", (BaseException,), {})
    with pytest.raises(RuntimeError, match=r"out of bounds$"), engine_errors():
        raise kind("index out of bounds\nnote: run with RUST_BACKTRACE=1")
    with pytest.raises(KeyboardInterrupt), engine_errors():
        raise KeyboardInterrupt


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without qdrant-edge-py the error says how to install it."""
    import sys

    from longembed_rag.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    with pytest.raises(MissingDependencyError, match="pip install qdrant-edge-py"):
        EdgeClient(tmp_path)
