"""Which replicas of a server's collections take no part in its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.points.client.retries import is_of_shards, reason, unreached_node
from longembed_rag.points.spread import MissingReplicas, Spread

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

Result = TypeVar("Result")

#: Seconds for which what was seen is taken to be so.
FRESH = 10.0
# States of a replica that is read from.
_READABLE = ("Active", "ActiveRead", "ReshardingScaleDown")
# An id that no point has: to look it up takes every shard.
_NOBODY = "00000000-0000-0000-0000-000000000000"
_PATIENCE = 2  # seconds for the nodes' answers, together


@dataclass(frozen=True)
class _Replica:
    shard: int
    peer: int
    readable: bool


class Replicas:
    """Looks after the replicas of collections, now and then and never in the way of an answer.

    A node knows of each replica whether it is dead, but of one that has only just gone away it
    need not know: the cluster's leader sends it messages that fail, others send it none. So a read
    that wants every replica's answer is tried, too.

    Args:
        client: The client; each request is tried once.
        clock: Tells the seconds.
    """

    def __init__(
        self, client: QdrantClient, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._seen: dict[tuple[str, ...], tuple[float, MissingReplicas | None]] = {}
        self._lock = Lock()

    def missing(self, spreads: Mapping[str, Spread]) -> MissingReplicas | None:
        """What is missing of collections, together; None where nothing is, or nobody says.

        Args:
            spreads: How each collection is spread, by name.
        """
        names = tuple(name for name, spread in spreads.items() if spread.replicas > 1)
        if not names:
            return None
        seen = self._seen.get(names)
        is_fresh = seen is not None and self._clock() - seen[0] < FRESH
        # One looks, and nobody waits for it: a node that is away may take its time.
        if not is_fresh and self._lock.acquire(blocking=False):
            try:
                seen = self._seen[names] = (self._clock(), self._look(names, spreads))
            finally:
                self._lock.release()
        return None if seen is None else seen[1]

    def _look(
        self, names: tuple[str, ...], spreads: Mapping[str, Spread]
    ) -> MissingReplicas | None:
        addresses, away = self._nodes()
        missing = wanted = 0
        nodes: set[str] = set()
        for name in names:
            replicas = self._replicas(name)
            if replicas is None:
                continue
            failed, node = self._unanswered(name)
            unreached = {peer for peer, where in addresses.items() if where in {*away, node}}
            lacking = [each for each in replicas if not each.readable or each.peer in unreached]
            nodes |= {addresses[each.peer] for each in lacking if each.peer in unreached}
            should_be = max(len(replicas), spreads[name].shards * spreads[name].replicas)
            # A node whose name leads nowhere any more is not told by the read that fails for it.
            missing += max(len(lacking) + should_be - len(replicas), int(failed))
            wanted += should_be
        if not missing:
            return None
        return MissingReplicas(missing=missing, wanted=wanted, nodes=tuple(sorted(nodes)))

    def _nodes(self) -> tuple[dict[int, str], set[str]]:
        """The addresses of the nodes, by number, and those that messages do not reach."""
        told = self._told(lambda: self._client.http.distributed_api.cluster_status().result)
        peers: Mapping[str, Any] = getattr(told, "peers", None) or {}
        failures: Mapping[str, Any] = getattr(told, "message_send_failures", None) or {}
        addresses = {int(peer): _plain(each.uri) for peer, each in peers.items()}
        return addresses, {_plain(address) for address in failures}

    def _replicas(self, name: str) -> list[_Replica] | None:
        api = self._client.http.distributed_api
        told = self._told(lambda: api.collection_cluster_info(collection_name=name).result)
        if told is None:
            return None
        local = [_replica(each, told.peer_id) for each in told.local_shards]
        return [*local, *(_replica(each, each.peer_id) for each in told.remote_shards)]

    def _unanswered(self, name: str) -> tuple[bool, str | None]:
        """Whether some replica does not answer, and the address of its node, where it is told."""
        from qdrant_client.http.exceptions import UnexpectedResponse
        from qdrant_client.models import ReadConsistencyType

        everybody = ReadConsistencyType.ALL
        try:
            self._told(
                lambda: self._client.retrieve(
                    name, ids=[_NOBODY], consistency=everybody, timeout=_PATIENCE
                ),
                raising=UnexpectedResponse,
            )
        except UnexpectedResponse as error:
            told = reason(error)
            found = unreached_node(told)
            return is_of_shards(told), None if found is None else _plain(found)
        return False, None

    def _told(
        self, ask: Callable[[], Result], *, raising: type[Exception] | tuple[()] = ()
    ) -> Result | None:
        """An answer, if there is one; what keeps it away is not what anybody has asked for."""
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException

        try:
            return ask()
        except (ApiException, QdrantException, ValueError) as error:
            if isinstance(error, raising):
                raise
            return None


def _replica(told: Any, peer: int) -> _Replica:
    state = getattr(told.state, "value", told.state)
    return _Replica(told.shard_id, peer, state in _READABLE)


def _plain(address: str) -> str:
    return address.rstrip("/")
