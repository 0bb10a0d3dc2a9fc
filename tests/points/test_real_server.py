"""What a Qdrant server answers: the fake always, a real one where LONGEMBED_TEST_QDRANT names it.

First the answers that this package relies on, over plain HTTP; then the store over them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from longembed_rag.errors import CollectionMismatchError
from longembed_rag.search.filters import parse_filters
from longembed_rag.search.search import MODES
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import manifest_collection, passages_collection
from longembed_rag.words.lengths import TOLERANCE
from tests.points.real_qdrant import LAYOUT, Json, Server, guarded, only, point, qdrant, sparse
from tests.store.corpora import everything, random_documents
from tests.store.fakes import make_document
from tests.stores import ENCODER, ensure, find

__all__ = ["guarded", "qdrant"]

DENSE = [1.0, 0.0, 0.0, 0.0]
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.fixture
def path(qdrant: Server) -> str:
    """A collection with nothing in it."""
    return qdrant.make()


def told(answer: httpx.Response) -> str:
    """What a refusal says."""
    return str(answer.json()["status"]["error"])


def test_a_collection_is_made_once(qdrant: Server, path: str) -> None:
    """Who comes second is told that it is there."""
    answer = qdrant.ask("PUT", path, LAYOUT)
    assert (answer.status_code, "already exists" in told(answer)) == (409, True)


def test_what_is_not_there_cannot_be_read_and_need_not_be_removed(qdrant: Server) -> None:
    """Reading a missing collection is a 404, removing it only says that there was nothing."""
    path = qdrant.path("nothing")
    assert qdrant.ask("GET", path).status_code == 404
    assert qdrant.ask("POST", f"{path}/points/count", {}).status_code == 404
    assert qdrant.done("GET", f"{path}/exists") == {"exists": False}
    assert qdrant.done("DELETE", path) is False


@pytest.mark.parametrize("sign", list('/:*?"<>|'))
def test_signs_that_names_must_not_have(qdrant: Server, sign: str) -> None:
    """A collection's name becomes a folder's."""
    assert qdrant.ask("PUT", qdrant.path(f"a{sign}b"), LAYOUT).status_code == 422


def test_names_of_other_kinds(qdrant: Server) -> None:
    """Too long is a 422, a dot leads elsewhere, and spaces and umlauts are names."""
    assert qdrant.ask("PUT", f"/collections/{'x' * 256}", LAYOUT).status_code == 422
    for dots in (".", ".."):
        assert qdrant.ask("PUT", f"/collections/{dots}", LAYOUT).status_code == 404
    path = qdrant.make("two words ü")
    assert qdrant.done("GET", path)["points_count"] == 0


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"exact": True}, 200),
        ({"hnsw_ef": 256, "quantization": {"rescore": True, "oversampling": 2.0}}, 200),
        ({"quantization": {"oversampling": 0.5}}, 422),
    ],
)
def test_how_vectors_are_to_be_compared(
    qdrant: Server, path: str, params: Json, status: int
) -> None:
    """Exactly, or widely; what would look up fewer points than are wanted makes no sense."""
    qdrant.put(path, point(1, dense=DENSE))
    search = {"query": DENSE, "using": "dense", "params": params}
    assert qdrant.ask("POST", f"{path}/points/query", search).status_code == status
    assert len(qdrant.done("POST", f"{path}/points?consistency=all", {"ids": [1]})) == 1


@pytest.mark.parametrize("vectors", [{}, {"words": sparse()}])
def test_a_point_may_lack_vectors(qdrant: Server, path: str, vectors: Json) -> None:
    """A point without any, or with an empty one of words, can be written."""
    qdrant.put(path, point(1, **vectors))
    assert qdrant.done("POST", f"{path}/points/count", {"exact": True}) == {"count": 1}


def test_a_write_is_done_only_where_it_is_waited_for(qdrant: Server, path: str) -> None:
    """Otherwise the server has taken note of it."""
    for wait, status in (("", "acknowledged"), ("?wait=true", "completed")):
        answer = qdrant.done("PUT", f"{path}/points{wait}", {"points": [point(1)]})
        assert answer["status"] == status


@pytest.mark.parametrize(
    ("method", "below", "body", "status"),
    [
        ("PUT", "points", {"points": []}, 400),
        ("POST", "points/payload", {"payload": {"a": 1}, "points": []}, 400),
        ("POST", "points/delete", {"points": []}, 400),
        ("PUT", "points/vectors", {"points": []}, 422),
    ],
)
def test_a_write_of_no_points_is_refused(
    qdrant: Server, path: str, method: str, below: str, body: Json, status: int
) -> None:
    """There is nothing to do; vectors without points are not even understood."""
    answer = qdrant.ask(method, f"{path}/{below}?wait=true", body)
    assert answer.status_code == status
    assert ("Empty update request" in told(answer)) is (status == 400)


@pytest.mark.parametrize("vectors", [{}, {"words": sparse()}])
def test_vectors_to_update_must_not_be_empty(qdrant: Server, path: str, vectors: Json) -> None:
    """Not even an empty vector of words may take the place of one, unlike in a new point."""
    qdrant.put(path, point(1, words=sparse(3)))
    body = {"points": [{"id": 1, "vector": vectors}]}
    answer = qdrant.ask("PUT", f"{path}/points/vectors", body)
    assert answer.status_code == 422
    assert "must specify vectors to update for point" in told(answer)


def test_one_vector_with_something_in_it_is_enough(qdrant: Server, path: str) -> None:
    """An empty vector of words beside another vector is taken."""
    qdrant.put(path, point(1, dense=DENSE, words=sparse(3)))
    body = {"points": [{"id": 1, "vector": {"dense": DENSE, "words": sparse()}}]}
    assert qdrant.ask("PUT", f"{path}/points/vectors?wait=true", body).status_code == 200


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PUT", "points/vectors", {"points": [{"id": 9, "vector": {"dense": DENSE}}]}),
        ("POST", "points/payload", {"payload": {"a": 1}, "points": [9]}),
    ],
)
def test_what_is_not_there_cannot_be_changed(
    qdrant: Server, path: str, method: str, below: str, body: Json
) -> None:
    """Vectors or payload of a point that is not there are a 404."""
    qdrant.put(path, point(1))
    assert qdrant.ask(method, f"{path}/{below}?wait=true", body).status_code == 404


@pytest.mark.parametrize(
    ("vector", "status"),
    [
        ({"indices": [3, 3], "values": [1.0, 1.0]}, 422),
        ({"indices": [3, 4], "values": [1.0]}, 422),
        ({"indices": [4, 3], "values": [1.0, 1.0]}, 200),
    ],
)
def test_vectors_of_words_name_each_word_once(
    qdrant: Server, path: str, vector: Json, status: int
) -> None:
    """In any order, with as many weights as words."""
    body = {"points": [point(1, words=vector)]}
    assert qdrant.ask("PUT", f"{path}/points?wait=true", body).status_code == status


@pytest.mark.parametrize("vectors", [{"dense": [1.0, 2.0]}, {"other": DENSE}])
def test_vectors_must_fit_the_collection(qdrant: Server, path: str, vectors: Json) -> None:
    """A vector of another length, or of a name that there is not, is refused."""
    body = {"points": [point(1, **vectors)]}
    assert qdrant.ask("PUT", f"{path}/points?wait=true", body).status_code == 400


def scores(server: Server, path: str, query: Any, **options: Any) -> dict[Any, float | None]:
    """Scores by id."""
    using = "words" if isinstance(query, dict) else "dense"
    body = {"query": query, "using": using, "limit": 1000, **options}
    found = server.done("POST", f"{path}/points/query", body)["points"]
    return {each["id"]: each["score"] for each in found}


def test_a_vector_of_zeros_is_like_nothing(qdrant: Server, path: str) -> None:
    """It can be stored and asked for, and scores zero."""
    qdrant.put(path, point(1, dense=[0.0] * 4), point(2, dense=DENSE))
    assert scores(qdrant, path, DENSE) == {1: 0.0, 2: pytest.approx(1.0)}
    assert scores(qdrant, path, [0.0] * 4) == {1: 0.0, 2: 0.0}


def send(server: Server, path: str, body: str) -> int:
    """The status of a write whose body is not made by a JSON library."""
    answer = server.ask(
        "PUT",
        f"{path}/points?wait=true",
        content=body.encode(),
        headers={"content-type": "application/json"},
    )
    return answer.status_code


def test_what_is_no_finite_number(qdrant: Server, path: str) -> None:
    """NaN is no JSON; what is infinite only as float32 is taken, and scores null."""
    body = json.dumps({"points": [point(1, dense=[math.nan, 0.0, 0.0, 0.0])]})
    assert "NaN" in body
    assert send(qdrant, path, body) == 400
    assert send(qdrant, path, body.replace("NaN", "1e39")) == 200
    assert scores(qdrant, path, DENSE) == {1: None}


@pytest.mark.parametrize("identity", [-1, "abc", 2**64, 1.5, True])
def test_ids_are_uuids_or_whole_numbers(qdrant: Server, path: str, identity: Any) -> None:
    """Anything else cannot be written, read or filtered by."""
    for method, below, body in (
        ("PUT", "points", {"points": [point(identity)]}),
        ("POST", "points", {"ids": [identity]}),
        ("POST", "points/delete", {"points": [identity]}),
        ("POST", "points/count", {"filter": {"must": [{"has_id": [identity]}]}}),
    ):
        assert qdrant.ask(method, f"{path}/{below}", body).status_code == 400, below


def test_the_largest_id_is_one(qdrant: Server, path: str) -> None:
    """All 64 bits count, and a UUID is one in any spelling."""
    qdrant.put(path, point(2**64 - 1), point(UUID.upper()))
    found = qdrant.done("POST", f"{path}/points", {"ids": [2**64 - 1, UUID]})
    assert {each["id"] for each in found} == {2**64 - 1, UUID}


def test_what_a_payload_may_hold(qdrant: Server, path: str) -> None:
    """Half of a surrogate pair is refused; NUL and large numbers are taken, those as floats."""
    body = '{"points": [{"id": 1, "vector": {}, "payload": {"a": %s}}]}'
    assert send(qdrant, path, body % r'"\ud800"') == 400
    for given, kept in ((r'"\ud83d\ude00"', "\U0001f600"), (r'"\u0000"', "\0"), (2**70, 2.0**70)):
        assert send(qdrant, path, body % given) == 200
        assert qdrant.payloads(path) == {1: {"a": kept}}


def test_a_body_has_a_largest_size(qdrant: Server, path: str) -> None:
    """Above 32 MiB the server says so, with a 400."""
    body = {"points": [point(1, payload={"a": "x" * 32 * 1024 * 1024})]}
    answer = qdrant.ask("PUT", f"{path}/points", body)
    assert (answer.status_code, "larger than allowed" in answer.text) == (400, True)
    body["points"][0]["payload"]["a"] = "x" * (32 * 1024 * 1024 - 200)
    assert qdrant.ask("PUT", f"{path}/points?wait=true", body).status_code == 200


def test_nothing_asked_for_is_nothing_found(qdrant: Server, path: str) -> None:
    """No words, no ids and no values let nothing through, without a complaint."""
    qdrant.put(path, point(1, dense=DENSE, words=sparse(3), payload={"a": "b"}))
    assert scores(qdrant, path, sparse()) == {}
    for given in ({"must": [{"has_id": []}]}, only("a", match={"any": []})):
        assert scores(qdrant, path, DENSE, filter=given) == {}
        assert qdrant.done("POST", f"{path}/points/count", {"filter": given}) == {"count": 0}
    assert qdrant.done("POST", f"{path}/points/query/batch", {"searches": []}) == []


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (10**9, 200), (2**63, 200), (-1, 400)])
def test_limits_begin_at_one(qdrant: Server, path: str, limit: int, status: int) -> None:
    """And end nowhere, where no strict mode says otherwise."""
    qdrant.put(path, point(1, dense=DENSE))
    search = {"query": DENSE, "using": "dense", "limit": limit}
    for below, body in (
        ("points/query", search),
        ("points/query/batch", {"searches": [search]}),
        ("points/scroll", {"limit": limit}),
    ):
        assert qdrant.ask("POST", f"{path}/{below}", body).status_code == status, below


@pytest.mark.parametrize(
    ("key", "status"), [("b c", 400), ('a."b c".d', 200), ("a[].b", 200), ("a..b", 400)]
)
def test_names_of_fields_with_other_signs_are_quoted(
    qdrant: Server, path: str, key: str, status: int
) -> None:
    """A space in a name ends it, unless the name stands in double quotes."""
    qdrant.put(path, point(1, payload={"a": {"b c": {"d": 1}}}), point(2))
    answer = qdrant.ask("POST", f"{path}/points/count", {"filter": only(key, match={"value": 1})})
    assert answer.status_code == status
    if "c" in key and status == 200:
        assert answer.json()["result"] == {"count": 1}


@pytest.mark.parametrize(
    ("bound", "status"), [("abc", 400), ("10", 400), (10, 200), ("2026-01-31T00:00:00Z", 200)]
)
def test_ranges_are_of_numbers_or_dates(qdrant: Server, path: str, bound: Any, status: int) -> None:
    """Text, even that of a number, is neither."""
    body = {"filter": only("a", range={"gte": bound})}
    assert qdrant.ask("POST", f"{path}/points/count", body).status_code == status


def test_order_and_facets_need_an_index(qdrant: Server, path: str) -> None:
    """Refused without, and with one of another kind; done with one that serves."""
    qdrant.put(path, *(point(each, payload={"n": 10 - each, "k": "a"}) for each in range(3)))
    order = ("POST", f"{path}/points/scroll", {"order_by": "n", "with_vector": True})
    facet = ("POST", f"{path}/facet", {"key": "k"})
    assert [qdrant.ask(*each).status_code for each in (order, facet)] == [400, 400]
    qdrant.index(path, "n", "keyword")
    qdrant.index(path, "k", "text")
    assert [qdrant.ask(*each).status_code for each in (order, facet)] == [400, 400]
    for field, kind in (("n", "integer"), ("k", "keyword")):
        qdrant.done("DELETE", f"{path}/index/{field}?wait=true")
        qdrant.index(path, field, kind)
    assert [each["id"] for each in qdrant.done(*order)["points"]] == [2, 1, 0]
    assert qdrant.done(*facet)["hits"] == [{"value": "a", "count": 3}]


def test_pages_tell_where_the_next_one_begins(qdrant: Server, path: str) -> None:
    """With vectors and payloads where asked for."""
    qdrant.put(path, *(point(each, dense=DENSE, payload={"n": each}) for each in range(3)))
    body: Json = {"limit": 2, "with_vector": True, "with_payload": ["n"]}
    page = qdrant.done("POST", f"{path}/points/scroll", body)
    assert page["next_page_offset"] == 2
    body["offset"] = page["next_page_offset"]
    (last,) = qdrant.done("POST", f"{path}/points/scroll", body)["points"]
    assert (last["payload"], last["vector"]) == ({"n": 2}, {"dense": DENSE})


def test_metadata_is_merged(qdrant: Server) -> None:
    """A field that is null goes, others stay."""
    path = qdrant.make(metadata={"a": 1, "b": {"c": 2}})
    qdrant.done("PATCH", path, {"metadata": {"a": None, "d": 3}})
    assert qdrant.done("GET", path)["config"]["metadata"] == {"b": {"c": 2}, "d": 3}


def test_a_write_may_depend_on_what_is_there(qdrant: Server, path: str) -> None:
    """``update_filter`` makes it a compare-and-set, which answers 200 either way."""
    qdrant.put(path, point(1, payload={"owner": "a"}))
    free = only("owner", match={"value": "nobody"})
    qdrant.put(path, point(1, payload={"owner": "b"}), point(2), update_filter=free)
    assert qdrant.payloads(path) == {1: {"owner": "a"}, 2: {}}
    ours = only("owner", match={"value": "a"})
    qdrant.put(path, point(1, payload={"owner": "b"}), update_filter=ours)
    assert qdrant.payloads(path)[1] == {"owner": "b"}


def test_a_write_may_only_add_or_only_change(qdrant: Server, path: str) -> None:
    """``update_mode`` says which of the two."""
    qdrant.put(path, point(1, payload={"a": 1}))
    changed = [point(each, payload={"a": 2}) for each in (1, 2)]
    qdrant.put(path, *changed, update_mode="insert_only")
    assert qdrant.payloads(path) == {1: {"a": 1}, 2: {"a": 2}}
    qdrant.put(path, point(1), point(3), update_mode="update_only")
    assert qdrant.payloads(path) == {1: {}, 2: {"a": 2}}


def alias(server: Server, collection: str = "points", name: str = "alias") -> str:
    """Give a collection another name, and answer with the path by it."""
    action = {"collection_name": server.name(collection), "alias_name": server.name(name)}
    server.done("POST", "/collections/aliases", {"actions": [{"create_alias": action}]})
    return server.path(name)


def test_an_alias_is_taken_in_place_of_a_name(qdrant: Server, path: str) -> None:
    """For writing and reading, and both lists of aliases name it."""
    other = alias(qdrant)
    qdrant.put(other, point(1, dense=DENSE))
    qdrant.index(other, "a", "keyword")
    assert scores(qdrant, other, DENSE) == scores(qdrant, path, DENSE) == {1: pytest.approx(1.0)}
    assert qdrant.done("GET", f"{other}/exists") == {"exists": True}
    info = qdrant.done("GET", other)
    assert (info["points_count"], list(info["payload_schema"])) == (1, ["a"])
    known = {"alias_name": qdrant.name("alias"), "collection_name": qdrant.name()}
    assert known in qdrant.done("GET", "/aliases")["aliases"]
    assert qdrant.done("GET", f"{path}/aliases")["aliases"] == [known]
    names = [each["name"] for each in qdrant.done("GET", "/collections")["collections"]]
    assert qdrant.name("alias") not in names


INDEXED = {
    "enabled": True,
    "unindexed_filtering_retrieve": False,
    "unindexed_filtering_update": False,
}


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("keyword", {"match": {"value": "a"}}),
        ("keyword", {"match": {"any": ["a"]}}),
        ("integer", {"match": {"value": 1}}),
        ("integer", {"range": {"gt": 1}}),
        ("float", {"range": {"gt": 1}}),
        ("datetime", {"range": {"gt": "2026-01-31T00:00:00Z"}}),
        ("text", {"match": {"text": "a"}}),
        ("bool", {"match": {"value": True}}),
    ],
)
def test_strict_mode_wants_an_index_of_the_right_kind(
    qdrant: Server, kind: str, condition: Json
) -> None:
    """Filters for reading and for writing are refused without one, or with one of another kind."""
    path = qdrant.make(strict_mode_config=INDEXED)
    qdrant.put(path, point(1, dense=DENSE))
    given = {"filter": only("year", **condition)}
    requests = (
        ("points/query", {"query": DENSE, "using": "dense", **given}),
        ("points/scroll", given),
        ("points/count", given),
        ("points/delete?wait=true", given),
        ("points/payload?wait=true", {"payload": {"a": 1}, **given}),
    )
    for other in (None, "geo"):
        if other is not None:
            qdrant.index(path, "year", other)
        for below, body in requests:
            answer = qdrant.ask("POST", f"{path}/{below}", body)
            assert answer.status_code == 400, below
            said = 'Index required but not found for "year" of one of the following types: ['
            assert said in told(answer)
            assert kind in told(answer).partition("types: [")[2].partition("]")[0]
    qdrant.done("DELETE", f"{path}/index/year?wait=true")
    qdrant.index(path, "year", kind)
    for below, body in requests:
        assert qdrant.ask("POST", f"{path}/{below}", body).status_code == 200, below
    schema = qdrant.done("GET", path)["payload_schema"]
    assert {field: each["data_type"] for field, each in schema.items()} == {"year": kind}


def test_ids_need_no_index(qdrant: Server) -> None:
    """In strict mode, too, points are found and removed by their ids."""
    path = qdrant.make(strict_mode_config=INDEXED)
    qdrant.put(path, point(1, dense=DENSE), point(2, dense=DENSE))
    assert list(scores(qdrant, path, DENSE, filter={"must": [{"has_id": [2]}]})) == [2]
    qdrant.done("POST", f"{path}/points/delete?wait=true", {"points": [1]})
    assert list(qdrant.payloads(path)) == [2]


def test_strict_mode_limits_what_is_asked_for(qdrant: Server) -> None:
    """Points, facets, writes and queries at once; the collection's info tells the limits."""
    limits = {"max_query_limit": 20, "upsert_max_batchsize": 3, "search_max_batchsize": 2}
    path = qdrant.make()
    qdrant.done("PATCH", path, {"strict_mode_config": {"enabled": True, **limits}})
    said = qdrant.done("GET", path)["config"]["strict_mode_config"]
    assert {name: said[name] for name in ("enabled", *limits)} == {"enabled": True, **limits}
    qdrant.index(path, "k", "keyword")

    def tried(method: str, below: str, body: Json) -> bool:
        answer = qdrant.ask(method, f"{path}/{below}", body)
        assert answer.status_code == 200 or (
            answer.status_code == 400 and "Limit exceeded" in told(answer)
        )
        return answer.status_code == 200

    search = {"query": DENSE, "using": "dense"}
    for limit in (20, 21):
        assert tried("POST", "points/scroll", {"limit": limit}) is (limit == 20)
        assert tried("POST", "points/query", {**search, "limit": limit}) is (limit == 20)
        assert tried("POST", "facet", {"key": "k", "limit": limit}) is (limit == 20)
    for count in (3, 4):
        points = [point(each, dense=DENSE) for each in range(count)]
        assert tried("PUT", "points?wait=true", {"points": points}) is (count == 3)
    for count in (2, 3):
        assert tried("POST", "points/query/batch", {"searches": [search] * count}) is (count == 2)


@pytest.mark.parametrize("shards", [1, 3])
def test_words_weigh_in_each_shard_what_they_are_worth_there(qdrant: Server, shards: int) -> None:
    """With one shard a word has one weight; with three, documents of the same words differ."""
    path = qdrant.make(shard_number=shards)
    info = qdrant.done("GET", path)
    assert info["config"]["params"]["shard_number"] == shards
    words = 10
    qdrant.put(path, *(point(each, words=sparse(each % words)) for each in range(6 * words)))
    found = [scores(qdrant, path, sparse(word)) for word in range(words)]
    assert [len(each) for each in found] == [6] * words
    spread = [len({round(score or 0.0, 3) for score in each.values()}) for each in found]
    assert (max(spread) == 1) is (shards == 1)
    if shards == 1:  # ln(1 + (60 - 6 + 1/2) / (6 + 1/2))
        assert found[0][0] == pytest.approx(2.239, abs=1e-3)
    told = qdrant.done("GET", f"{path}/cluster")
    assert told["shard_count"] == shards
    counts = [each["points_count"] for each in told["local_shards"]]
    assert (len(counts), sum(counts)) == (shards, 60)


def test_a_key_is_asked_for(guarded: Server) -> None:
    """Nobody comes in without it; whether the server is ready may be asked by anyone."""
    assert guarded.done("GET", "/collections") is not None
    for headers in ({}, {"api-key": "wrong"}):
        answer = httpx.get(f"{guarded.url}/collections", headers=headers)
        assert answer.status_code == 401
        assert httpx.get(f"{guarded.url}/readyz", headers=headers).status_code == 200


# From here on: the store over these answers.


@pytest.fixture
def store(qdrant: Server) -> Iterator[DocumentStore]:
    """A store with the fake encoder's collection, of names of this test's own."""
    with qdrant.open() as opened:
        yield ensure(opened)


LEASE = make_document(
    "/lease.txt",
    "the tenant signs the lease every year",
    metadata={"kind": "contract", "year": 2003, "due": "2026-03-01T00:00:00+00:00"},
)
PLUMS = make_document(
    "/plums.txt", "plums and pears ripen late in a warm year", metadata={"kind": "note"}
)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_is_found(store: DocumentStore, mode: Any) -> None:
    """In every mode, with the passage that fits."""
    for document in (LEASE, PLUMS):
        store.upsert(document)
    best, *_ = find(store, "plums and pears ripen", mode=mode)
    assert (best.source, best.passage) == ("/plums.txt", "plums and pears ripen")
    assert best.score > 0


@pytest.mark.parametrize(
    ("expression", "sources"),
    [
        ("kind=contract", ["/lease.txt"]),
        ("kind!=contract", ["/plums.txt"]),
        ("year=2003", ["/lease.txt"]),
        ("year>=2004", []),
        ("due<2026-03-02", ["/lease.txt"]),
        ("missing:year", ["/plums.txt"]),
        ("kind~note", ["/plums.txt"]),
    ],
)
def test_filters_let_through_what_they_say(
    store: DocumentStore, expression: str, sources: list[str]
) -> None:
    """By text, number, date and words, and by what is not there."""
    for document in (LEASE, PLUMS):
        store.upsert(document)
    found = find(store, "year", filter=parse_filters([expression]))
    assert [each.source for each in found] == sources


def test_a_new_version_takes_the_place_of_the_old_one(store: DocumentStore) -> None:
    """Passages, manifest and listing are those of the new one; what is removed is gone."""
    for document in (LEASE, PLUMS, make_document("/lease.txt", "no more tenants")):
        store.upsert(document)
    assert list(store.entries()) == list(store.sources()) == list(store.complete_sources())
    assert store.info().passages == len(PLUMS.passages) + 1
    assert find(store, "tenants", mode="sparse")[0].text == "no more tenants"
    store.delete(["/lease.txt", "/never-there.txt"])
    assert list(store.sources()) == list(store.entries()) == ["/plums.txt"]
    assert store.info().passages == len(PLUMS.passages)


def test_what_was_interrupted_is_put_right(store: DocumentStore) -> None:
    """A document whose point is gone loses its passages; one without an entry gets it again."""
    for document in (LEASE, PLUMS):
        store.upsert(document)
    names = store.collection, manifest_collection(store.collection)
    stored = {source: each.document_id for source, each in store.sources().items()}
    store.client.delete(names[0], points_selector=[stored["/lease.txt"]], wait=True)
    store.client.delete(names[1], points_selector=[stored["/plums.txt"]], wait=True)
    assert sorted(store.recover()) == ["/lease.txt", "/plums.txt"]
    assert list(store.entries()) == list(store.complete_sources()) == ["/plums.txt"]
    assert store.recover() == []


def test_words_are_weighed_again(qdrant: Server, store: DocumentStore) -> None:
    """A collection that grew scores as one that was written when all was known."""
    documents = random_documents(12, seed=2, longest=80)
    for document in documents:
        store.upsert(document)
    assert store.reweigh() > 0
    grown = {each.source: each.score for each in find(store, "w0 w7", mode="sparse", limit=50)}
    assert store.reweigh() == 0
    with qdrant.open("final") as final:
        ensure(final)
        for document in documents * 2:
            final.upsert(document)
        exact = {each.source: each.score for each in find(final, "w0 w7", mode="sparse", limit=50)}
    assert grown == pytest.approx(exact, rel=TOLERANCE)


def test_the_record_is_kept(qdrant: Server, store: DocumentStore) -> None:
    """The next one to open the collection reads what made it, and is held to it."""
    store.upsert(LEASE)
    with qdrant.open() as again:
        assert again.existing_record().fingerprint == ENCODER.fingerprint
        with pytest.raises(CollectionMismatchError):
            again.check(fingerprint="another", description=ENCODER.describe())
        assert len(everything(again.place)[passages_collection(again.collection)]) == 2
