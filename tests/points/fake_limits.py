"""What a Qdrant server refuses in one collection: by its strict mode, and by its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.points.fake_rules import (
    LIMITED,
    READS,
    Action,
    Body,
    RefusedError,
    conditions,
    filters_of,
    is_uuid,
    limits_of,
    searches_of,
)

_KINDS = {bool: "bool", int: "integer", str: "keyword"}
#: Indexes that tell a field's values apart, and those that put them in order.
_FACETED = ("keyword", "integer", "uuid", "bool")
_ORDERED = ("integer", "float", "datetime", "uuid")


def require_indexes(action: Action, body: Body, kinds: Mapping[str, str]) -> None:
    """Refuse what no collection does without an index.

    Args:
        action: What is asked for.
        body: The body.
        kinds: The collection's indexes: field and kind.

    Raises:
        RefusedError: A facet or an order has no index of a kind that serves it.
    """
    if action == ("POST", "facet") and kinds.get(body["key"]) not in _FACETED:
        raise RefusedError(400, f"Bad request: No appropriate index for faceting: `{body['key']}`")
    order = body.get("order_by") if action == ("POST", "points/scroll") else None
    key = order["key"] if isinstance(order, dict) else order
    if key is not None and kinds.get(key) not in _ORDERED:
        raise RefusedError(400, f"Bad request: No range index for `order_by` key: `{key}`")


def require_strict(
    action: Action, body: Body, kinds: Mapping[str, str], strict: Mapping[str, Any]
) -> None:
    """Refuse what a collection's strict mode does not allow.

    Args:
        action: What is asked for.
        body: The body.
        kinds: The collection's indexes: field and kind.
        strict: Its ``strict_mode_config``.

    Raises:
        RefusedError: It does not allow it.
    """
    if not strict.get("enabled"):
        return
    method, path = action
    allowed = f"unindexed_filtering_{'retrieve' if action in READS else 'update'}"
    if path.startswith(("points", "facet")) and strict.get(allowed) is False:
        for given in filters_of(body):
            _require_indexed(given, kinds)
    for given in filters_of(body):
        for _, condition in conditions(given):
            size = len(condition.get("has_id") or (condition.get("match") or {}).get("any") or ())
            _require_at_most(size, strict.get("condition_max_size"), "condition limit")
    if path in LIMITED:
        for _, limit in limits_of(body):
            _require_at_most(limit, strict.get("max_query_limit"), "limit")
    if method == "PUT" and path in ("points", "points/vectors"):
        most, name = strict.get("upsert_max_batchsize"), "upsert" if path == "points" else "update"
        _require_at_most(len(body["points"]), most, f"{name} limit")
    for search in searches_of(body):
        _require_modest(search.get("params") or {}, strict)
    if path == "points/query/batch":
        most = strict.get("search_max_batchsize")
        _require_at_most(len(body["searches"]), most, "search batch size")


def _require_modest(params: Body, strict: Mapping[str, Any]) -> None:
    if params.get("exact") and strict.get("search_allow_exact") is False:
        raise RefusedError(400, "Bad request: Exact search disabled! Help: Set exact=false.")
    quantization = params.get("quantization") or {}
    times = quantization.get("oversampling")
    _require_at_most(times or 0, strict.get("search_max_oversampling"), "oversampling")
    _require_at_most(params.get("hnsw_ef") or 0, strict.get("search_max_hnsw_ef"), "hnsw_ef")


def _require_at_most(value: float, most: float | None, name: str) -> None:
    if most is not None and value > most:
        raise RefusedError(
            400,
            f'Bad request: Limit exceeded {value} > {most} for "{name}". '
            f'Help: Reduce the "{name}" parameter to or below {most}.',
        )


def _require_indexed(given: Body, kinds: Mapping[str, str]) -> None:
    for key, condition in conditions(given):
        serving = list(_serving(condition))
        # Whether a field is there is told by an index of any kind.
        found = kinds.get(key) in serving if serving else key in kinds
        if key is not None and not found:
            types = ", ".join(sorted(serving or {*_FACETED, *_ORDERED, "geo", "text"}))
            raise RefusedError(
                400,
                f'Bad request: Index required but not found for "{key}" of one of the following '
                f"types: [{types}]. Help: Create an index for this key or use a different filter.",
            )


def _serving(condition: Body) -> Iterator[str]:
    """The kinds of index that serve a condition; none where any does."""
    match = condition.get("match")
    if match is not None:
        if any(name in match for name in ("text", "text_any", "phrase")):
            yield "text"
            return
        several = match.get("any", match.get("except", [match.get("value")]))
        yield _KINDS.get(type(several[0]), "keyword") if several else "keyword"
        if several and all(isinstance(each, str) and is_uuid(each) for each in several):
            yield "uuid"
    elif bounds := condition.get("range"):
        dates = any(isinstance(each, str) for each in bounds.values())
        yield from ("datetime",) if dates else ("float", "integer")
    elif any(name.startswith("geo_") for name in condition):
        yield "geo"
