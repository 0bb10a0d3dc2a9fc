"""The collections of the fake Qdrant server: made, described, changed, and what is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from qdrant_client import QdrantClient
from qdrant_client.http.models import models as rest

from tests.points.fake_answers import ANSWERS, WRITES
from tests.points.fake_cluster import Nodes, Spread, collection_cluster, query, require_living
from tests.points.fake_limits import require_indexes, require_strict
from tests.points.fake_rules import (
    Action,
    Body,
    RefusedError,
    invalid,
    malformed,
    require_body,
    require_key,
    require_name,
)

#: The answer to a write that has been carried out.
DONE = {"operation_id": 1, "status": "completed"}


@dataclass
class Collections:
    """Collections on a server.

    Attributes:
        client: What holds the points.
        indexes: The payload indexes of each collection.
        keeps_metadata: Whether it knows collection metadata (Qdrant 1.16 and later).
        strict_mode: The ``strict_mode_config`` of collections that are made without one.
        shards: How many shards a collection gets that is made without a number.
        missing: Shards of which a replica, or the only one, lies on a node that does not answer,
            with the node's address.
        resolves: Whether the names of missing nodes still lead somewhere; else no address is told.
        living: Addresses of other nodes, which answer.
        leads: Whether this node is the cluster's leader.
    """

    client: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeps_metadata: bool = True
    strict_mode: Body = field(default_factory=dict)
    shards: int = 1
    missing: dict[int, str] = field(default_factory=dict)
    resolves: bool = True
    living: tuple[str, ...] = ()
    leads: bool = True
    _strict: dict[str, Body] = field(default_factory=dict)
    _spread: dict[str, Spread] = field(default_factory=dict)
    _quantized: dict[str, Body] = field(default_factory=dict)

    @property
    def nodes(self) -> Nodes:
        """The other nodes of the cluster, if it is one."""
        return Nodes(
            living=self.living, missing=self.missing, resolves=self.resolves, leads=self.leads
        )

    def of_all(self, action: Action, name: str, body: Body) -> Any:
        """Answer what is asked of all collections, or of all ``aliases``."""
        if action == ("GET", ""):
            told = self.client.get_aliases() if name else self.client.get_collections()
            return _plain(told)
        if action != ("POST", "") or not name:
            raise RefusedError(404, "")
        actions = rest.ChangeAliasesOperation(**body).actions
        return self.client.update_collection_aliases(actions)

    def of_one(self, action: Action, name: str, body: Body, *, everybody: bool = False) -> Any:
        """Answer what is asked of one collection, by its name or an alias.

        Args:
            action: What is asked for.
            name: The collection.
            body: The body.
            everybody: Whether every replica is to answer a read.

        Raises:
            RefusedError: The server says no.
        """
        if action == ("GET", "exists"):
            return {"exists": self.client.collection_exists(name)}
        if action == ("PUT", ""):
            return self._create(name, body)
        if action == ("DELETE", ""):
            self._forget(name)
            return self.client.delete_collection(name)
        if not self.client.collection_exists(name):
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        aliases = self.client.get_aliases().aliases
        real = {each.alias_name: each.collection_name for each in aliases}.get(name, name)
        spread = self._spread.setdefault(real, Spread())
        require_living(action, body, spread, self.nodes, everybody=everybody)
        if action == ("GET", ""):
            return self._info(real)
        if action == ("GET", "aliases"):
            return _plain(self.client.get_collection_aliases(real))
        if action == ("GET", "cluster"):
            return collection_cluster(self.client, real, spread, self.nodes)
        if action == ("PATCH", ""):
            return self._update(real, body)
        return self._points(action, real, body)

    def shards_of(self, name: str) -> int:
        """How many shards a collection has."""
        return self._spread.get(name, Spread()).shards

    def cut(self, shards: int, *names: str) -> None:
        """Cut collections into so many shards, as a server does that grows."""
        for name in names:
            self._spread[name] = replace(self._spread[name], shards=shards)

    def _create(self, name: str, body: Body) -> bool:
        require_name(name)
        asked = rest.CreateCollection(**body)
        if name in {each.name for each in self.client.get_collections().collections}:
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        for key in ("shard_number", "replication_factor", "write_consistency_factor"):
            if getattr(asked, key) == 0:
                raise invalid(f"{key}: value 0 invalid, must be 1 or larger")
        self._forget(name)
        self.client.create_collection(
            name,
            vectors_config=asked.vectors,
            sparse_vectors_config=asked.sparse_vectors,
            metadata=asked.metadata if self.keeps_metadata else None,
        )
        self._spread[name] = Spread(
            asked.shard_number or self.shards,
            asked.replication_factor or 1,
            asked.write_consistency_factor or 1,
        )
        self._quantized[name] = body.get("quantization_config") or {}
        self._strict[name] = {**self.strict_mode, **(body.get("strict_mode_config") or {})}
        return True

    def _forget(self, name: str) -> None:
        for known in (self.indexes, self._strict, self._spread, self._quantized):
            known.pop(name, None)

    def _update(self, name: str, body: Body) -> bool:
        asked = rest.UpdateCollection(**body)
        if asked.metadata is not None and self.keeps_metadata:
            self.client.update_collection(name, metadata=asked.metadata)
        # The store behind takes no such change, and looks at this for each query.
        behind: Any = self.client._client
        config = behind.collections[name].config.sparse_vectors or {}
        for vector, changed in (asked.sparse_vectors or {}).items():
            if vector not in config:
                raise RefusedError(400, f"Wrong input: Not existing vector name error: {vector}")
            config[vector].modifier = changed.modifier or config[vector].modifier
        self._strict.setdefault(name, {}).update(body.get("strict_mode_config") or {})
        return True

    def _info(self, name: str) -> Body:
        info: Body = _plain(self.client.get_collection(name))
        spread = self._spread.get(name, Spread())
        info["config"]["params"] |= {
            "shard_number": spread.shards,
            "replication_factor": spread.replicas,
            "write_consistency_factor": spread.write_consistency,
        }
        if quantized := self._quantized.get(name):
            info["config"]["quantization_config"] = quantized
        if strict := self._strict.get(name):
            info["config"]["strict_mode_config"] = strict
        return {**info, "payload_schema": self.indexes.get(name, {})}

    def _points(self, action: Action, name: str, body: Body) -> Any:
        kinds = {field: each["data_type"] for field, each in self.indexes.get(name, {}).items()}
        try:
            require_body(action, body)
            require_indexes(action, body, kinds)
            require_strict(action, body, kinds, self._strict.get(name, {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise malformed(f"missing, or of another type: {error}") from error
        if action == ("PUT", "index"):
            self._index(name, body["field_name"], body["field_schema"])
        elif action[0] == "DELETE" and action[1].startswith("index/"):
            self.indexes.get(name, {}).pop(unquote(action[1].removeprefix("index/")), None)
        elif action in WRITES:
            WRITES[action](self.client, name, body)
        elif action == ("POST", "points/query"):
            return query(self.client, name, [body], self.shards_of(name))[0]
        elif action == ("POST", "points/query/batch"):
            return query(self.client, name, body["searches"], self.shards_of(name))
        elif action in ANSWERS:
            return ANSWERS[action](self.client, name, body)
        else:
            raise RefusedError(404, "")
        return DONE

    def _index(self, name: str, key: str, schema: Any) -> None:
        """A field has one index: the last one made."""
        require_key(key)
        kind = schema["type"] if isinstance(schema, dict) else schema
        index = {"data_type": rest.PayloadSchemaType(kind).value, "points": 0}
        if isinstance(schema, dict):
            index["params"] = schema
        self.indexes.setdefault(name, {})[key] = index


def _plain(model: Any) -> Any:
    return json.loads(model.model_dump_json())
