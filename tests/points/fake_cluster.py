"""Shards, and the nodes that hold them: what a collection on several of them answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.models import models as rest

from tests.points.fake_rules import READS, SELECTING, Action, Body, RefusedError

#: The node that is asked, and the number of the first of the others.
_OWN_PEER = 1
_ERROR = "Service internal error: "
_WRITING = ("points", "points/vectors", *SELECTING)


@dataclass
class Spread:
    """How a collection is spread over nodes.

    Attributes:
        shards: How many it has.
        replicas: Nodes that are to hold each.
        write_consistency: Replicas that have to take a write.
        dead: Shards of which the replica on the node that is away has missed a write.
    """

    shards: int = 1
    replicas: int = 1
    write_consistency: int = 1
    dead: set[int] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """The nodes beside the one that is asked.

    Attributes:
        living: Addresses of those that answer.
        missing: Shards of which a replica, or the only one, lies on a node that does not answer,
            with its address.
        resolves: Whether the names of those still lead somewhere; else no address is told.
        leads: Whether the one that is asked is the cluster's leader.
    """

    living: tuple[str, ...] = ()
    missing: Mapping[int, str] = field(default_factory=dict)
    resolves: bool = True
    leads: bool = True

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each node, by its address."""
        every = dict.fromkeys([*self.living, *self.missing.values()])
        return {node: number for number, node in enumerate(every, start=_OWN_PEER + 1)}


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


def collection_cluster(client: QdrantClient, name: str, spread: Spread, nodes: Nodes) -> Body:
    """Which shards a collection has, and where.

    Args:
        client: What holds the points.
        name: The collection.
        spread: How it is spread.
        nodes: The other nodes.
    """
    counts = [len(ids) for ids in ids_by_shard(client, name, spread.shards)]
    local, remote = [], []
    for shard in range(spread.shards):
        for peer in _holders(shard, spread, nodes):
            is_away = peer == nodes.numbers.get(nodes.missing.get(shard, ""))
            state = "Dead" if is_away and shard in spread.dead else "Active"
            if peer == _OWN_PEER:
                here = {"shard_id": shard, "points_count": counts[shard], "state": state}
                local.append(here)
            else:
                remote.append({"shard_id": shard, "peer_id": peer, "state": state})
    return {
        "peer_id": _OWN_PEER,
        "shard_count": spread.shards,
        "local_shards": local,
        # The last replica of a shard is never given up, whether its node answers or not.
        "remote_shards": remote,
        "shard_transfers": [],
    }


def _holders(shard: int, spread: Spread, nodes: Nodes) -> list[int]:
    """The nodes that a shard's replicas lie on: one that is away, the one that is asked, others."""
    away = nodes.missing.get(shard)
    first = [] if away is None else [nodes.numbers[away]]
    return [*first, _OWN_PEER, *(nodes.numbers[each] for each in nodes.living)][: spread.replicas]


def cluster(url: str, nodes: Nodes) -> Body:
    """The cluster as the node that is asked sees it."""
    if not nodes.numbers:
        return {"status": "disabled"}
    return {
        "status": "enabled",
        "peer_id": _OWN_PEER,
        "peers": {
            str(_OWN_PEER): {"uri": url},
            **{str(peer): {"uri": node} for node, peer in nodes.numbers.items()},
        },
        "raft_info": {
            "term": 2,
            "commit": 30,
            "pending_operations": 0,
            "leader": _OWN_PEER if nodes.leads else _OWN_PEER + 1,
            "role": "Leader" if nodes.leads else "Follower",
            "is_voter": True,
        },
        "consensus_thread_status": {
            "consensus_thread_status": "working",
            "last_update": "2026-11-28T12:00:00Z",
        },
        # Followers send each other nothing, and learn of nobody's silence.
        "message_send_failures": {
            node: {
                "count": 1,
                "latest_error": f"Failed to connect to {node}",
                "latest_error_timestamp": "2026-11-28T12:00:00Z",
            }
            for node in dict.fromkeys(nodes.missing.values())
            if nodes.leads
        },
    }


def require_living(
    action: Action, body: Body, spread: Spread, nodes: Nodes, *, everybody: bool
) -> None:
    """Fail as a node does that cannot reach as many replicas of a shard as are needed.

    Args:
        action: What is asked for.
        body: The body.
        spread: How the collection is spread; learns which replicas have missed a write.
        nodes: The other nodes.
        everybody: Whether every replica is to answer a read (``consistency=all``).

    Raises:
        RefusedError: With status 500.
    """
    gone = {shard: node for shard, node in nodes.missing.items() if shard < spread.shards}
    count = len(_holders(0, spread, nodes))
    if action == ("GET", "") or action in READS:
        for shard, node in gone.items() if everybody or spread.replicas == 1 else ():
            if shard in spread.dead:
                told = f"The replica set for shard {shard} on peer {_OWN_PEER} does not have enough"
                raise RefusedError(500, f"{_ERROR}{told} active replicas")
            told = f"1 of {count} read operations failed:\n  {_unreachable(node, nodes.resolves)}"
            raise RefusedError(500, f"{_ERROR}{told}")
    for shard in _written(action, body, spread.shards):
        if shard in gone and len(_holders(shard, spread, nodes)) - 1 < spread.write_consistency:
            told = "1 out of 1 shards failed to apply operation. First error captured: "
            raise RefusedError(500, f"{_ERROR}{told}{_unreachable(gone[shard], nodes.resolves)}")
        if shard in gone:
            spread.dead.add(shard)


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
