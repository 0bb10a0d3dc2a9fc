"""What only a fake server can be told to do: fail by nodes, spread points, ask for two keys.

Whether it answers otherwise as a real one does is asked in ``test_real_server.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.points.fake_cluster import shard_of
from tests.points.fake_qdrant import FakeQdrant, Fault
from tests.points.real_qdrant import Server, asking, only, point, sparse

NODE = "http://10.0.0.3:6335/"
DENSE = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture
def asked(server: FakeQdrant) -> Iterator[Server]:
    """The fake, over plain HTTP."""
    with asking("fake", server.url, None) as opened:
        yield opened
        server.missing = {}


def test_a_missing_node_fails_what_needs_it(server: FakeQdrant, asked: Server) -> None:
    """Reads ask every shard and fail; writes fail for points of the shard that is gone."""
    server.shards = 3
    path = asked.make()
    assert asked.done("GET", path)["config"]["params"]["shard_number"] == 3
    asked.put(path, *(point(each, dense=DENSE, payload={"k": 1}) for each in range(30)))
    server.missing = {1: NODE}
    search = {"query": DENSE, "using": "dense"}
    for method, below, body in (
        ("GET", "", None),
        ("POST", "/points", {"ids": [0]}),
        ("POST", "/points/scroll", {}),
        ("POST", "/points/count", {}),
        ("POST", "/points/query", search),
        ("POST", "/points/query/batch", {"searches": [search]}),
    ):
        answer = asked.ask(method, f"{path}{below}", body)
        assert answer.status_code == 500, below
        told = answer.json()["status"]["error"]
        assert "1 of 1 read operations failed" in told
        assert f"Failed to connect to {NODE}" in told
    server.resolves = False
    assert NODE not in asked.ask("POST", f"{path}/points/count", {}).text
    assert asked.done("GET", f"{path}/exists") == {"exists": True}
    for each in range(30):
        body = {"points": [point(each)]}
        expected = 500 if shard_of(each, 3) == 1 else 200
        assert asked.ask("PUT", f"{path}/points", body).status_code == expected
    by_filter = {"filter": only("k", match={"value": 1})}
    assert asked.ask("POST", f"{path}/points/delete", by_filter).status_code == 500


def test_a_cluster_tells_its_nodes(server: FakeQdrant, asked: Server) -> None:
    """Which shards lie where, and where the nodes are; one server alone is no cluster."""
    path = asked.make(shard_number=2)
    asked.put(path, *(point(each) for each in range(20)))
    assert asked.done("GET", "/cluster") == {"status": "disabled"}
    server.missing = {1: NODE}
    told = asked.done("GET", f"{path}/cluster")
    (here,), (away,) = told["local_shards"], told["remote_shards"]
    count = sum(shard_of(each, 2) == 0 for each in range(20))
    assert here == {"shard_id": 0, "points_count": count, "state": "Active"}
    peers = asked.done("GET", "/cluster")["peers"]
    assert peers[str(away["peer_id"])] == {"uri": NODE}
    assert str(told["peer_id"]) in peers


def test_a_collection_without_the_missing_shard_goes_on(server: FakeQdrant, asked: Server) -> None:
    """Who has one shard misses nothing of the second."""
    path = asked.make(shard_number=1)
    server.missing = {1: NODE}
    assert asked.done("POST", f"{path}/points/count", {}) == {"count": 0}


def test_pages_of_a_query_go_over_all_shards(server: FakeQdrant, asked: Server) -> None:
    """Offset and limit count what the shards found together, under a filter, too."""
    server.shards = 4
    path = asked.make()
    points = [
        point(each, dense=[1.0, each / 20, 0.0, 0.0], words=sparse(1), payload={"odd": each % 2})
        for each in range(20)
    ]
    asked.put(path, *points)
    search = {"query": DENSE, "using": "dense", "filter": only("odd", match={"value": 1})}
    found = [
        each["id"]
        for offset in (0, 4, 8)
        for each in asked.done(
            "POST", f"{path}/points/query", {**search, "limit": 4, "offset": offset}
        )["points"]
    ]
    assert found == list(range(1, 20, 2))


def test_collections_begin_in_the_servers_strict_mode(server: FakeQdrant, asked: Server) -> None:
    """As on a server that is configured so, unless a collection says otherwise."""
    server.strict_mode = {"enabled": True, "max_query_limit": 5}
    for name, settings, status in (
        ("a", {}, 400),
        ("b", {"strict_mode_config": {"enabled": False}}, 200),
    ):
        path = asked.make(name, **settings)
        assert asked.ask("POST", f"{path}/points/scroll", {"limit": 6}).status_code == status


@pytest.mark.parametrize(
    ("key", "reads", "writes"),
    [(None, 401, 401), ("wrong", 401, 401), ("reader", 200, 403), ("secret", 200, 200)],
)
def test_a_key_may_have_less_than_all_rights(
    server: FakeQdrant, asked: Server, key: str | None, reads: int, writes: int
) -> None:
    """None and a wrong one are told apart from one that may only read."""
    path = asked.make()
    server.api_key, server.read_key = "secret", "reader"
    headers = {} if key is None else {"api-key": key}
    requests = (
        ("GET", "", None, reads),
        ("POST", "/points/scroll", {}, reads),
        ("POST", "/points/query", {"query": DENSE, "using": "dense"}, reads),
        ("PUT", "/points", {"points": [point(1)]}, writes),
        ("POST", "/points/delete", {"points": [1]}, writes),
        ("PATCH", "", {"metadata": {"a": 1}}, writes),
        ("DELETE", "", None, writes),
    )
    answers = [
        asked.ask(method, f"{path}{below}", body, headers=headers).status_code
        for method, below, body, _ in requests
    ]
    server.api_key = None
    assert answers == [status for *_, status in requests]


def test_vectors_payload_and_indexes_can_be_taken_away(asked: Server) -> None:
    """One by one, and nothing else with them."""
    path = asked.make()
    asked.put(path, point(1, dense=DENSE, words=sparse(1), payload={"a": 1, "b": 2}))
    asked.index(path, "a", "integer")
    asked.done("POST", f"{path}/points/vectors/delete", {"points": [1], "vector": ["words"]})
    asked.done("POST", f"{path}/points/payload/delete", {"points": [1], "keys": ["a"]})
    asked.done("DELETE", f"{path}/index/a")
    (left,) = asked.done("POST", f"{path}/points", {"ids": [1], "with_vector": True})
    assert (left["vector"], left["payload"]) == ({"dense": DENSE}, {"b": 2})
    assert asked.done("GET", path)["payload_schema"] == {}


def test_a_field_has_one_index(asked: Server) -> None:
    """The last one made, whatever its kind, is told and serves."""
    path = asked.make()
    asked.index(path, "a", "keyword")
    asked.done("PUT", f"{path}/index", {"field_name": "a", "field_schema": {"type": "integer"}})
    assert asked.done("GET", path)["payload_schema"]["a"]["data_type"] == "integer"
    assert asked.ask("POST", f"{path}/points/scroll", {"order_by": "a"}).status_code == 200


def test_a_search_may_say_how_it_is_done(asked: Server) -> None:
    """What is about a server's index changes no answer of one that compares with everything."""
    path = asked.make()
    asked.put(path, point(1, dense=DENSE))
    search = {"query": DENSE, "using": "dense", "params": {"hnsw_ef": 64, "exact": True}}
    assert len(asked.done("POST", f"{path}/points/query", search)["points"]) == 1


def test_a_removed_collection_leaves_nothing_to_the_next(server: FakeQdrant, asked: Server) -> None:
    """Indexes, limits, shards and aliases go with it."""
    path = asked.make(shard_number=3, strict_mode_config={"enabled": True, "max_query_limit": 5})
    asked.index(path, "a", "integer")
    action = {"collection_name": asked.name(), "alias_name": asked.name("alias")}
    asked.done("POST", "/collections/aliases", {"actions": [{"create_alias": action}]})
    assert asked.ask("PUT", asked.path("alias"), {}).status_code == 400
    assert asked.done("DELETE", path) is True
    assert asked.ask("GET", asked.path("alias")).status_code == 404
    info = asked.done("GET", asked.make())
    assert info["payload_schema"] == {}
    assert info["config"]["params"]["shard_number"] == 1
    assert info["config"].get("strict_mode_config") is None


def test_what_it_does_not_know_is_not_found(server: FakeQdrant, asked: Server) -> None:
    """No path is answered by chance, and a body that is no JSON is logged all the same."""
    path = asked.make()
    for below in ("/elsewhere", "/collections/", f"{path}/points/recommend"):
        assert asked.ask("POST", below, {}).status_code == 404
    assert asked.ask("PUT", f"{path}/points", content=b"{").status_code == 400
    assert (server.requests[-1].body, server.requests[-1].size) == ({}, 1)
    assert asked.ask("PUT", f"{path}/points", {"elsewhere": []}).status_code == 400


def test_a_fault_may_be_carried_out_all_the_same(server: FakeQdrant, asked: Server) -> None:
    """An answer that is lost is not a write that is."""
    path = asked.make()
    for applied, count in ((False, 0), (True, 1)):
        server.faults.append(Fault("/points", 503, applied=applied))
        assert asked.ask("PUT", f"{path}/points", {"points": [point(1)]}).status_code == 503
        assert asked.done("POST", f"{path}/points/count", {}) == {"count": count}
