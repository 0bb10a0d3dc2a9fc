"""What a Qdrant server refuses before it carries a request out, with which status and words.

Measured on Qdrant 1.19. A body that cannot be read is a 400, one that can be read and says what
makes no sense is a 422; what does not fit the collection is a 400 again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

Body = dict[str, Any]
#: Method of a request, and its path below the collection.
Action = tuple[str, str]

MOST_BYTES = 32 * 1024 * 1024
_INTEGERS = (-(2**63), 2**64)
_NAME = r'(?:"[^"]+"|[\w-]+)(?:\[\d*\])*'
_KEY = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
_CLAUSES = ("must", "should", "must_not")
#: Requests that name points by their ids under ``points``.
SELECTING = ("points/payload", "points/delete", "points/payload/delete", "points/vectors/delete")
#: Requests that answer with points, at most so many.
LIMITED = ("points/scroll", "points/query", "points/query/batch", "facet")
#: Requests that change nothing.
READS = tuple(("POST", path) for path in ("points", "points/count", *LIMITED))


class RefusedError(Exception):
    """The server says no.

    Attributes:
        status: The answer's status.
        told: What it says.
    """

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status
        self.told = told


def malformed(told: str) -> RefusedError:
    """A body that does not say what it should in the form that it should."""
    return RefusedError(400, f"Format error in JSON body: {told}")


def invalid(told: str) -> RefusedError:
    """A body that is well formed, and makes no sense."""
    return RefusedError(422, f"Validation error in JSON body: [{told}]")


def parsed(data: bytes) -> Body:
    """The body of a request, read as strictly as a server reads it.

    Raises:
        RefusedError: It is too large, no JSON, or no Unicode.
    """
    if len(data) > MOST_BYTES:
        raise RefusedError(
            400, f"JSON payload ({len(data)} bytes) is larger than allowed (limit: {MOST_BYTES})."
        )
    if not data:
        return {}
    try:
        body = json.loads(data.decode(), parse_constant=_no_number, parse_int=_integer)
        if b"\\ud" in data or b"\\uD" in data:
            json.dumps(body, ensure_ascii=False).encode()  # half of a pair cannot be
    except ValueError as error:
        raise malformed(str(error)) from error
    if not isinstance(body, dict):
        raise malformed("expected a map")
    return body


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> float:
    value = int(digits)
    return value if _INTEGERS[0] <= value < _INTEGERS[1] else float(value)


def require_name(name: str) -> None:
    """Refuse names that no new collection may have."""
    for sign in '<>:"/\\|?*\0\x1f':
        if sign in name:
            raise invalid(f"collection name cannot contain {sign!r} char")
    if not 1 <= len(name) <= 255:
        raise invalid("value is longer than 255 characters, or empty")


def require_body(action: Action, body: Body) -> None:
    """Refuse what a server refuses without a look at the collection.

    Args:
        action: What is asked for.
        body: The body.

    Raises:
        RefusedError: It says so.
    """
    method, path = action
    if path.startswith("points") or path == "facet":
        for given in filters_of(body):
            _require_filter(given)
        for key in _keys(body):
            require_key(key)
    if action == ("PUT", "index"):
        require_key(body["field_name"])
    if path in LIMITED:
        for place, limit in limits_of(body):
            _require_limit(place, limit)
    if action == ("POST", "points"):
        _require_ids(body["ids"])
    elif action == ("PUT", "points"):
        _require_points(body["points"])
    elif action == ("PUT", "points/vectors"):
        _require_updates(body["points"])
    elif path in SELECTING and method == "POST":
        _require_selected(body)
    for search in searches_of(body):
        _require_query(search)


def require_key(key: str) -> None:
    """Refuse what is not the path of a field: other signs have to stand in double quotes."""
    if not _KEY.fullmatch(key):
        raise malformed(f"Invalid json path: '{key}'")


def _keys(body: Body) -> Iterator[str]:
    order = body.get("order_by")
    asked = [body.get("key"), order.get("key") if isinstance(order, dict) else order]
    for search in [body, *searches_of(body)]:
        payload = search.get("with_payload")
        if isinstance(payload, dict):
            payload = payload.get("include") or payload.get("exclude")
        asked.extend(payload if isinstance(payload, list) else [])
    return (key for key in asked if key is not None)


def searches_of(body: Body) -> list[Body]:
    """The queries in a body, with those that they are prepared by."""
    found: list[Body] = []
    waiting = [*body.get("searches", ())] if "searches" in body else [body]
    while waiting:
        search = waiting.pop(0)
        if "searches" in body or "query" in search or "prefetch" in search:
            found.append(search)
        before = search.get("prefetch") or []
        waiting.extend(before if isinstance(before, list) else [before])
    return found


def limits_of(body: Body) -> Iterator[tuple[str, Any]]:
    """Every limit that a body states, with where it stands."""
    searches = searches_of(body)
    for index, each in enumerate(searches or [body]):
        place = f"searches[{index}].limit" if "searches" in body else "limit"
        yield place, 10 if each.get("limit") is None else each["limit"]


def _require_limit(place: str, limit: Any) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise malformed(f"{place}: invalid value {limit!r}, expected usize")
    if limit == 0:
        raise invalid(f"{place}: value 0 invalid, must be 1 or larger")


def _require_ids(ids: Iterable[Any]) -> None:
    for identity in ids:
        if isinstance(identity, bool) or not isinstance(identity, int | str):
            valid = False
        elif isinstance(identity, int):
            valid = 0 <= identity < _INTEGERS[1]
        else:
            valid = is_uuid(identity)
        if not valid:
            raise malformed(
                f"value {identity} is not a valid point ID, valid values are either an unsigned "
                "integer or a UUID"
            )


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _require_points(points: list[Body]) -> None:
    _require_ids(point["id"] for point in points)
    for index, point in enumerate(points):
        vector = point["vector"]
        for each in vector.values() if isinstance(vector, dict) else [vector]:
            _require_sparse(each, f"points[{index}].vector")


def _require_updates(points: list[Body]) -> None:
    if not points:
        raise invalid("points: must specify points to update")
    for index, point in enumerate(points):
        vector = point["vector"]
        given = vector.values() if isinstance(vector, dict) else [vector]
        # One vector with something in it is enough.
        if all(_is_empty(each) for each in given):
            raise invalid(f"points[{index}].vector: must specify vectors to update for point")
    _require_points(points)


def _is_empty(vector: Any) -> bool:
    return not (vector.get("indices") if isinstance(vector, dict) else vector)


def _require_query(search: Body) -> None:
    times = ((search.get("params") or {}).get("quantization") or {}).get("oversampling")
    if times is not None and times < 1.0:
        raise invalid("params.quantization.oversampling: must be 1.0 or larger")
    query = search.get("query")
    if isinstance(query, dict):
        _require_sparse(query.get("nearest", query), "query")
    elif isinstance(query, int | str):
        _require_ids([query])


def _require_sparse(vector: Any, place: str) -> None:
    if not isinstance(vector, dict) or "indices" not in vector:
        return
    indices = vector["indices"]
    if len(indices) != len(vector["values"]):
        raise invalid(f"{place}.values: must be the same length as indices")
    if len(set(indices)) != len(indices):
        raise invalid(f"{place}.indices: must be unique")


def _require_selected(body: Body) -> None:
    points = body.get("points")
    if points is None and body.get("filter") is None:
        raise malformed("No filter or points provided")
    if points is not None:
        _require_ids(points)
        if not points:
            raise RefusedError(400, "Wrong input: Empty update request")


def filters_of(body: Body) -> Iterator[Body]:
    """Every filter that a body states."""
    for each in [body, *(search for search in searches_of(body) if search is not body)]:
        for given in (each.get("filter"), each.get("update_filter"), _corpus(each)):
            if given:
                yield given


def _corpus(search: Body) -> Any:
    scope = (search.get("params") or {}).get("idf")
    return scope.get("corpus") if isinstance(scope, dict) else None


def conditions(given: Body, prefix: str = "") -> Iterator[tuple[str | None, Body]]:
    """Every condition in a filter, with the path of its field; None where it is of no field."""
    stated = [given.get(clause) or [] for clause in _CLAUSES]
    stated.append((given.get("min_should") or {}).get("conditions", []))
    for clause in stated:
        for each in clause if isinstance(clause, list) else [clause]:
            yield from _condition(each, prefix)


def _condition(each: Body, prefix: str) -> Iterator[tuple[str | None, Body]]:
    if nested := each.get("nested"):
        inner = f"{prefix}{nested['key'].removesuffix('[]')}[]."
        yield from conditions(nested["filter"], inner)
    elif "key" in each:
        yield f"{prefix}{each['key']}", each
    elif field := each.get("is_empty") or each.get("is_null"):
        yield f"{prefix}{field['key']}", each
    elif any(clause in each for clause in (*_CLAUSES, "min_should")):
        yield from conditions(each, prefix)
    else:
        yield None, each


def _require_filter(given: Body) -> None:
    for key, condition in conditions(given):
        if key is not None:
            require_key(key)
        _require_ids(condition.get("has_id") or ())
        bounds = [each for each in (condition.get("range") or {}).values() if each is not None]
        texts = [each for each in bounds if isinstance(each, str)]
        if texts and not (len(texts) == len(bounds) and all(map(_DATE.fullmatch, texts))):
            raise malformed(f"{bounds} is neither a range of numbers nor one of dates")
