"""Shards, and the nodes that hold them: what a collection on several of them answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.models import models as rest

from tests.points.fake_rules import READS, SELECTING, Action, Body, RefusedError

#: The node that is asked, and the number of the first of the others.
_OWN_PEER = 1
_ERROR = "Service internal error: "
_WRITING = ("points", "points/vectors", *SELECTING)


def shard_of(identity: object, shards: int) -> int:
    """The shard of a point."""
    return zlib.crc32(str(identity).encode()) % shards


def ids_by_shard(client: QdrantClient, name: str, shards: int) -> list[list[Any]]:
    """The ids of a collection's points, shard by shard."""
    spread: list[list[Any]] = [[] for _ in range(shards)]
    records, _ = client.scroll(name, limit=10**9, with_payload=False, with_vectors=False)
    for record in records:
        spread[shard_of(record.id, shards)].append(record.id)
    return spread


def collection_cluster(
    client: QdrantClient, name: str, shards: int, missing: Mapping[int, str]
) -> Body:
    """Which shards a collection has, and where; those of missing nodes are not ours.

    Args:
        client: What holds the points.
        name: The collection.
        shards: How many it has.
        missing: The shards whose only node does not answer, with the node's address.
    """
    counts = [len(ids) for ids in ids_by_shard(client, name, shards)]
    nodes = _peers(missing)
    return {
        "peer_id": _OWN_PEER,
        "shard_count": shards,
        "local_shards": [
            {"shard_id": shard, "points_count": counts[shard], "state": "Active"}
            for shard in range(shards)
            if shard not in missing
        ],
        # The last replica of a shard is never given up, whether its node answers or not.
        "remote_shards": [
            {"shard_id": shard, "peer_id": nodes[missing[shard]], "state": "Active"}
            for shard in range(shards)
            if shard in missing
        ],
        "shard_transfers": [],
    }


def cluster(url: str, missing: Mapping[int, str]) -> Body:
    """The cluster as the node that is asked sees it."""
    if not missing:
        return {"status": "disabled"}
    nodes = _peers(missing)
    return {
        "status": "enabled",
        "peer_id": _OWN_PEER,
        "peers": {
            str(_OWN_PEER): {"uri": url},
            **{str(peer): {"uri": node} for node, peer in nodes.items()},
        },
        "raft_info": {
            "term": 2,
            "commit": 30,
            "pending_operations": 0,
            "leader": _OWN_PEER,
            "role": "Leader",
            "is_voter": True,
        },
        "consensus_thread_status": {
            "consensus_thread_status": "working",
            "last_update": "2026-11-28T12:00:00Z",
        },
        "message_send_failures": {
            node: {
                "count": 1,
                "latest_error": f"Failed to connect to {node}",
                "latest_error_timestamp": "2026-11-28T12:00:00Z",
            }
            for node in nodes
        },
    }


def _peers(missing: Mapping[int, str]) -> dict[str, int]:
    nodes = dict.fromkeys(missing.values())
    return {node: number for number, node in enumerate(nodes, start=_OWN_PEER + 1)}


def require_living(
    action: Action, body: Body, shards: int, missing: Mapping[int, str], *, resolves: bool
) -> None:
    """Fail as a node does that cannot reach the only replica of a shard that is needed.

    Args:
        action: What is asked for.
        body: The body.
        shards: How many shards the collection has.
        missing: The shards whose only node does not answer, with the node's address.
        resolves: Whether its name still leads somewhere; else the address is not told.

    Raises:
        RefusedError: With status 500.
    """
    gone = {shard: node for shard, node in missing.items() if shard < shards}
    if action == ("GET", "") or action in READS:
        for node in gone.values():
            told = f"1 of 1 read operations failed:\n  {_unreachable(node, resolves)}"
            raise RefusedError(500, f"{_ERROR}{told}")
    for shard in _written(action, body, shards):
        if shard in gone:
            told = "1 out of 1 shards failed to apply operation. First error captured: "
            raise RefusedError(500, f"{_ERROR}{told}{_unreachable(gone[shard], resolves)}")


def _unreachable(node: str, resolves: bool) -> str:
    told = f"Failed to connect to {node}, error: transport error" if resolves else "dns error"
    return (
        f"{_ERROR}Tonic status error: code: 'The service is currently unavailable', "
        f'message: "{told}"'
    )


def _written(action: Action, body: Body, shards: int) -> Iterable[int]:
    """The shards that a request writes to: those of its points, or all where it has a filter."""
    if action[1] not in _WRITING or action in READS:
        return ()
    points = body.get("points")
    if points is None:
        return range(shards)
    ids = [point["id"] if isinstance(point, dict) else point for point in points]
    return sorted({shard_of(identity, shards) for identity in ids})


def query(client: QdrantClient, name: str, searches: list[Body], shards: int) -> list[Any]:
    """Answer queries; words weigh in each shard what they are worth there.

    Args:
        client: What holds the points.
        name: The collection.
        searches: The queries.
        shards: How many shards it has.
    """
    spread = ids_by_shard(client, name, shards) if shards > 1 else []
    answers = []
    for search in searches:
        request = _runnable(search)
        if shards > 1 and request.query is not None and not request.prefetch:
            parts = [_of_shard(request, ids) for ids in spread if ids]
            answers.append(_merged(client.query_batch_points(name, requests=parts), request))
        else:
            (answer,) = client.query_batch_points(name, requests=[request])
            answers.append(json.loads(answer.model_dump_json()))
    return answers


def _runnable(search: Body) -> rest.QueryRequest:
    """A query without what is about a server's own index, of which the store behind would warn."""
    params = {key: value for key, value in (search.get("params") or {}).items() if key == "idf"}
    return rest.QueryRequest(**{**search, "params": params or None})


def _of_shard(request: rest.QueryRequest, ids: list[Any]) -> rest.QueryRequest:
    own = models.HasIdCondition(has_id=ids)
    asked = [own] if request.filter is None else [own, request.filter]
    corpus = models.IdfCorpusParams(corpus=models.Filter(must=[own]))
    return request.model_copy(
        update={
            "filter": models.Filter(must=asked),
            "params": request.params or models.SearchParams(idf=corpus),
            "limit": _limit(request) + (request.offset or 0),
            "offset": None,
        }
    )


def _merged(answers: list[Any], request: rest.QueryRequest) -> Body:
    points = [
        point for answer in answers for point in json.loads(answer.model_dump_json())["points"]
    ]
    points.sort(key=lambda point: -(point["score"] or 0.0))
    start = request.offset or 0
    return {"points": points[start : start + _limit(request)]}


def _limit(request: rest.QueryRequest) -> int:
    return 10 if request.limit is None else request.limit
