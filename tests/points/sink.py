"""A server that keeps points by their ids, for collections that are too large for the fake one.

It speaks the same protocol, over the same handler, for what an ingest asks; what is searched for,
and what is refused, the fake knows. Points are kept as JSON, found by id, document or kind.

    python -m tests.points.sink     serves until it is ended, and prints its address
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.points.fake_collections import DONE
from tests.points.fake_qdrant import FakeQdrant, serving
from tests.points.fake_rules import Action, Body, RefusedError

#: Fields by whose values points are found.
_INDEXED = ("longembed.document", "kind", "longembed.kind")


@dataclass
class Points:
    """The points of a collection.

    Attributes:
        kept: Payload and vectors of each by its id, as JSON.
        by_value: Ids by an indexed field and its value.
        order: The ids in order; None where that has to be found anew.
    """

    kept: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_value: dict[tuple[str, Any], set[str]] = field(default_factory=dict)
    order: list[str] | None = None

    def payload(self, identity: str) -> Body:
        """What is stored beside the vectors of a point."""
        payload: Body = json.loads(self.kept[identity][0])
        return payload

    def put(self, identity: str, payload: Body, vectors: str) -> None:
        """Write a point."""
        self.remove(identity)
        self.kept[identity] = (json.dumps(payload), vectors)
        self.order = None
        for key in _keys(payload):
            self.by_value.setdefault(key, set()).add(identity)

    def remove(self, identity: str) -> None:
        """Remove a point, if it is there."""
        if identity in self.kept:
            for key in _keys(self.payload(identity)):
                self.by_value[key].discard(identity)
            del self.kept[identity]
            self.order = None

    def among(self, asked: Body | None) -> list[str]:
        """Ids that a filter lets through, in order."""
        if self.order is None:
            self.order = sorted(self.kept)
        if not asked:
            return self.order
        ids: Any = self.order
        for each in _list(asked.get("must")):
            if each.get("key") in _INDEXED:
                wanted = _values(each)
                ids = sorted(
                    set().union(*(self.by_value.get((each["key"], v), ()) for v in wanted))
                )
                break
        return [each for each in ids if _fits(self.payload(each), each, asked)]


def _keys(payload: Body) -> list[tuple[str, Any]]:
    found = ((key, value_at(payload, key)) for key in _INDEXED)
    return [(key, value) for key, value in found if value is not None]


def value_at(payload: Any, key: str) -> Any:
    """A field of a payload, by its dotted name."""
    for part in key.split("."):
        payload = payload.get(part) if isinstance(payload, dict) else None
    return payload


def _list(given: Any) -> list[Body]:
    return [given] if isinstance(given, dict) else list(given or ())


def _values(condition: Body) -> list[Any]:
    match = condition["match"]
    return match["any"] if "any" in match else [match["value"]]


def _fits(payload: Body, identity: str, asked: Body) -> bool:
    def holds(each: Body) -> bool:
        if "has_id" in each:
            return identity in each["has_id"]
        if "must" in each or "must_not" in each:
            return _fits(payload, identity, each)
        return value_at(payload, each["key"]) in _values(each)

    return all(map(holds, _list(asked.get("must")))) and not any(
        map(holds, _list(asked.get("must_not")))
    )


@dataclass
class Sink(FakeQdrant):
    """The server; what it is asked is not noted down."""

    held: dict[str, Points] = field(default_factory=dict)

    def _points(self, action: Action, name: str, body: Body) -> Any:
        self.requests.clear()
        points = self.held.setdefault(name, Points())
        if action == ("PUT", "index"):
            self._index(name, body["field_name"], body["field_schema"])
            return DONE
        answer = _ACTIONS.get(action)
        if answer is None:
            raise RefusedError(404, f"the sink does not know {action}")
        return answer(points, body)

    def _info(self, name: str) -> Body:
        count = len(self.held.get(name, Points()).kept)
        return {**super()._info(name), "points_count": count}


def _upsert(points: Points, body: Body) -> Any:
    for each in body["points"]:
        there, asked = points.kept.get(each["id"]), body.get("update_filter")
        if there is None or not asked or _fits(json.loads(there[0]), each["id"], asked):
            points.put(each["id"], each.get("payload") or {}, json.dumps(each.get("vector") or {}))
    return DONE


def _revise(points: Points, body: Body) -> Any:
    for each in body["points"]:
        payload, vectors = points.kept[each["id"]]
        points.kept[each["id"]] = (payload, json.dumps({**json.loads(vectors), **each["vector"]}))
    return DONE


def _set_payload(points: Points, body: Body) -> Any:
    for identity in body["points"]:
        payload = points.payload(identity)
        payload.setdefault(body["key"], {}).update(body["payload"])
        points.kept[identity] = (json.dumps(payload), points.kept[identity][1])
    return DONE


def _delete(points: Points, body: Body) -> Any:
    ids = body["points"] if body.get("points") is not None else points.among(body["filter"])
    for identity in list(ids):
        points.remove(identity)
    return DONE


def _record(points: Points, identity: str, body: Body) -> Body:
    payload, vectors = points.kept[identity]
    asked: Any = body.get("with_payload", True)
    keys = asked.get("include") if isinstance(asked, dict) else asked
    if isinstance(keys, list):
        whole, told = json.loads(payload), dict[str, Any]()
        for key in keys:
            if (value := value_at(whole, key)) is not None:
                *above, last = key.split(".")
                at = told
                for part in above:
                    at = at.setdefault(part, {})
                at[last] = value
    else:
        told = json.loads(payload) if keys else {}
    wanted = body.get("with_vector", False)
    found = json.loads(vectors) if wanted else {}
    if isinstance(wanted, list):
        found = {name: found[name] for name in wanted if name in found}
    return {"id": identity, "payload": told, "vector": found}


def _retrieve(points: Points, body: Body) -> Any:
    return [_record(points, each, body) for each in body["ids"] if each in points.kept]


def _scroll(points: Points, body: Body) -> Any:
    ids, limit = points.among(body.get("filter")), body.get("limit") or 10
    start = bisect_left(ids, body["offset"]) if body.get("offset") else 0
    page = ids[start : start + limit]
    following = ids[start + limit] if start + limit < len(ids) else None
    return {
        "points": [_record(points, each, body) for each in page],
        "next_page_offset": following,
    }


def _count(points: Points, body: Body) -> Any:
    return {"count": len(points.among(body.get("filter")))}


def _facet(points: Points, body: Body) -> Any:
    counts = Counter(value_at(points.payload(each), body["key"]) for each in points.kept)
    return {"hits": [{"value": v, "count": n} for v, n in counts.items() if v is not None]}


_ACTIONS = {
    ("PUT", "points"): _upsert,
    ("PUT", "points/vectors"): _revise,
    ("POST", "points/payload"): _set_payload,
    ("POST", "points/delete"): _delete,
    ("POST", "points"): _retrieve,
    ("POST", "points/scroll"): _scroll,
    ("POST", "points/count"): _count,
    ("POST", "facet"): _facet,
}


def main() -> None:
    """Serve until ended."""
    with serving(Sink()) as sink:
        print(sink.url, flush=True)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
