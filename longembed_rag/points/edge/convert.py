"""Filters and selectors, to the engine's classes; pure functions.

Taken are those of :mod:`longembed_rag.points.filters` and of ``qdrant_client.models``, which are
called alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.points.filters import clause_of

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models

    from longembed_rag.points.filters import Filter

_BOUNDS = ("lt", "gt", "lte", "gte")
Converter = Callable[[Any], Any]


def convert_filter(given: Filter | models.Filter | None) -> edge.Filter | None:
    """A filter for the engine.

    Args:
        given: The filter; None is none.

    Raises:
        ValueError: It holds a condition that the engine does not know, or that says nothing.
    """
    if given is None:
        return None
    if type(given).__name__ != "Filter":
        raise ValueError(f"a filter must be a models.Filter, not {type(given).__name__}")
    import qdrant_edge as edge

    return edge.Filter(
        must=_conditions(given.must),
        should=_conditions(given.should),
        must_not=_conditions(given.must_not),
        min_should=_min_should(getattr(given, "min_should", None)),
    )


def _conditions(given: Any) -> list[Any] | None:
    if given is None:
        return None
    return [_condition(each) for each in clause_of(given)]


def _condition(given: Any) -> Any:
    return _convert(given, _condition_table(), what="condition")


def _min_should(given: Any) -> edge.MinShould | None:
    if given is None:
        return None
    if given.min_count < 1:
        raise ValueError(f"min_count value {given.min_count} is invalid. Must be 1 or larger.")
    import qdrant_edge as edge

    conditions = _conditions(given.conditions) or []
    if given.min_count > len(conditions):
        # The engine lets everything through; as with servers, more than there is never holds.
        return edge.MinShould([edge.HasIdCondition(set())], 1)
    return edge.MinShould(conditions, given.min_count)


def _convert(given: Any, table: Mapping[str, Converter], *, what: str) -> Any:
    # By the name of the class: the tables then hold for versions of qdrant-client without some.
    name = type(given).__name__
    if name not in table:
        raise ValueError(f"{what} {name} is not supported here; these are: {', '.join(table)}")
    return table[name](given)


@cache
def _condition_table() -> dict[str, Converter]:
    import qdrant_edge as edge

    return {
        "FieldCondition": _field_condition,
        "HasIdCondition": lambda given: edge.HasIdCondition(set(point_ids(given.has_id))),
        "HasVectorCondition": lambda given: edge.HasVectorCondition(given.has_vector),
        "IsEmptyCondition": lambda given: edge.IsEmptyCondition(given.is_empty.key),
        "IsNullCondition": lambda given: edge.IsNullCondition(given.is_null.key),
        "NestedCondition": lambda given: edge.NestedCondition(
            given.nested.key, convert_filter(given.nested.filter) or edge.Filter()
        ),
        "Filter": convert_filter,
    }


def _field_condition(given: Any) -> edge.FieldCondition:
    import qdrant_edge as edge

    stated: dict[str, Any] = {
        name: converter(value)
        for name, converter in _field_table().items()
        if (value := getattr(given, name, None)) is not None
    }
    if not stated:
        raise ValueError(f"the condition on {given.key!r} says nothing about it")
    return edge.FieldCondition(given.key, **stated)


@cache
def _field_table() -> dict[str, Converter]:
    """What a condition on a field may say, by the name of the argument, which both share."""
    import qdrant_edge as edge

    return {
        "match": lambda given: _convert(given, _match_table(), what="match"),
        "range": lambda given: _convert(given, _range_table(), what="range"),
        "values_count": lambda given: edge.ValuesCount(**_bounds(given)),
        "is_empty": bool,
        "is_null": bool,
        "geo_radius": lambda given: edge.GeoRadius(_geo_point(given.center), given.radius),
        "geo_bounding_box": lambda given: edge.GeoBoundingBox(
            _geo_point(given.top_left), _geo_point(given.bottom_right)
        ),
        "geo_polygon": lambda given: edge.GeoPolygon(
            _ring(given.exterior), [_ring(each) for each in given.interiors or []]
        ),
    }


@cache
def _match_table() -> dict[str, Converter]:
    import qdrant_edge as edge

    return {
        "MatchValue": lambda given: edge.MatchValue(_exact(given.value)),
        "MatchAny": lambda given: edge.MatchAny(list(given.any)),
        "MatchExcept": lambda given: edge.MatchExcept(given.except_),
        "MatchText": lambda given: edge.MatchText(given.text),
        "MatchTextAny": lambda given: edge.MatchTextAny(given.text_any),
        "MatchPhrase": lambda given: edge.MatchPhrase(given.phrase),
        "MatchPrefix": lambda given: edge.MatchPrefix(given.prefix),
        "MatchSubstring": lambda given: edge.MatchSubstring(given.substring),
    }


def _exact(value: Any) -> Any:
    """A value as the engine's MatchValue has to be given it.

    It takes Python's True for the number 1, which no field that holds true matches; numpy's True
    is no number, and it takes that for what it is.
    """
    if isinstance(value, bool):
        import numpy as np

        return np.bool_(value)
    return value


@cache
def _range_table() -> dict[str, Converter]:
    import qdrant_edge as edge

    return {
        "Range": lambda given: edge.RangeFloat(**_bounds(given)),
        "DatetimeRange": lambda given: edge.RangeDateTime(
            **{name: _moment(value) for name, value in _bounds(given).items()}
        ),
    }


def _bounds(given: Any) -> dict[str, Any]:
    found = {name: getattr(given, name) for name in _BOUNDS}
    return {name: value for name, value in found.items() if value is not None}


def _moment(value: datetime | date | str) -> str:
    """A moment as the engine reads it; as with servers, one without a time zone is in UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value if isinstance(value, str) else value.isoformat()


def _geo_point(given: Any) -> edge.GeoPoint:
    import qdrant_edge as edge

    return edge.GeoPoint(given.lon, given.lat)


def _ring(given: Any) -> list[edge.GeoPoint]:
    return [_geo_point(point) for point in given.points]


def point_ids(given: Iterable[int | str | UUID]) -> list[int | str | UUID]:
    """Point ids, checked.

    Raises:
        ValueError: One of them is neither a number from 0 to 2^64-1 nor a UUID.
    """
    return [point_id(each) for each in given]


def point_id(given: int | str | UUID) -> int | str | UUID:
    """A point id, checked; see :func:`point_ids`."""
    if isinstance(given, int) and not isinstance(given, bool):
        if 0 <= given < 2**64:
            return given
    elif isinstance(given, (str, UUID)):
        try:
            return given if isinstance(given, UUID) else UUID(given)
        except ValueError:
            pass
    raise ValueError(f"Point id {given} is not a valid UUID or a number from 0 to 2^64-1")


def plain_id(given: int | str | UUID) -> int | str:
    """A point id as a QdrantClient gives it back."""
    return given if isinstance(given, int) else str(given)


def convert_payload_selector(given: Any) -> bool | list[str] | edge.PayloadSelector:
    """What of the payload to give back.

    Raises:
        ValueError: It is neither a bool, nor a list of keys, nor a selector.
    """
    if given is None or isinstance(given, bool):
        return bool(given)
    if isinstance(given, (list, tuple)):
        return list(given)
    import qdrant_edge as edge

    for name, make in (
        ("include", edge.PayloadSelector.Include),
        ("exclude", edge.PayloadSelector.Exclude),
    ):
        if hasattr(given, name):
            return make(getattr(given, name))
    raise ValueError(
        "with_payload must be a bool, a list of payload keys or a PayloadSelector, "
        f"got {type(given).__name__}: {given!r}"
    )
