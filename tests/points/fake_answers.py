"""What the fake Qdrant server does with points, once nothing speaks against it.

Behind it works qdrant-client's own in-memory store, so that answers mean what they say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.models import models as rest

from tests.points.fake_rules import Action, Body

Carried = dict[Action, Callable[[QdrantClient, str, Body], Any]]


def _filter(body: Body, name: str = "filter") -> models.Filter | None:
    return models.Filter(**body[name]) if body.get(name) else None


def _selector(body: Body) -> Any:
    if body.get("points") is not None:
        return models.PointIdsList(points=body["points"])
    return models.FilterSelector(filter=_filter(body))


def _page(answer: tuple[list[Any], Any]) -> Body:
    records, offset = answer
    return {"points": [_plain(record) for record in records], "next_page_offset": offset}


def _plain(model: Any) -> Any:
    """As JSON, in which what is no finite number is null."""
    return json.loads(model.model_dump_json())


def _scroll(client: QdrantClient, name: str, body: Body) -> Body:
    order = body.get("order_by")
    return _page(
        client.scroll(
            name,
            scroll_filter=_filter(body),
            limit=_limit(body),
            offset=body.get("offset"),
            order_by=models.OrderBy(**order) if isinstance(order, dict) else order,
            with_payload=_with_payload(body),
            with_vectors=body.get("with_vector", False),
        )
    )


def _limit(body: Body) -> int:
    return 10 if body.get("limit") is None else body["limit"]


def _with_payload(body: Body) -> Any:
    asked = body.get("with_payload", True)
    if not isinstance(asked, dict):
        return asked
    kind = models.PayloadSelectorInclude if "include" in asked else models.PayloadSelectorExclude
    return kind(**asked)


#: Writes; the server answers them with an operation and its state.
WRITES: Carried = {
    ("PUT", "points"): lambda client, name, body: client.upsert(
        name,
        points=[rest.PointStruct(**point) for point in body["points"]],
        update_filter=_filter(body, "update_filter"),
        update_mode=rest.UpdateMode(body.get("update_mode") or "upsert"),
    ),
    ("PUT", "points/vectors"): lambda client, name, body: client.update_vectors(
        name,
        points=[rest.PointVectors(**point) for point in body["points"]],
        update_filter=_filter(body, "update_filter"),
    ),
    ("POST", "points/vectors/delete"): lambda client, name, body: client.delete_vectors(
        name, vectors=body["vector"], points=_selector(body)
    ),
    ("POST", "points/payload"): lambda client, name, body: client.set_payload(
        name, payload=body["payload"], points=_selector(body), key=body.get("key")
    ),
    ("POST", "points/payload/delete"): lambda client, name, body: client.delete_payload(
        name, keys=body["keys"], points=_selector(body)
    ),
    ("POST", "points/delete"): lambda client, name, body: client.delete(
        name, points_selector=_selector(body)
    ),
}
#: Reads but queries, which depend on shards.
ANSWERS: Carried = {
    ("POST", "points"): lambda client, name, body: [
        _plain(record)
        for record in client.retrieve(
            name,
            ids=body["ids"],
            with_payload=_with_payload(body),
            with_vectors=body.get("with_vector", False),
        )
    ],
    ("POST", "points/scroll"): _scroll,
    ("POST", "points/count"): lambda client, name, body: _plain(
        client.count(name, count_filter=_filter(body), exact=body.get("exact", True))
    ),
    ("POST", "facet"): lambda client, name, body: _plain(
        client.facet(
            name, key=body["key"], facet_filter=_filter(body), limit=_limit(body), exact=True
        )
    ),
}
