"""Which points a filter lets through, and which fields it asks for.

The classes and their attributes are called as those of ``qdrant_client.models``, so that whoever
knows one knows the other, and what takes one takes the other: a filter that somebody made with
qdrant-client goes through the port as it is. Ours cost nothing to import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from qdrant_client import models

#: A filter of ours, or one that somebody made with qdrant-client.
AnyFilter: TypeAlias = Union["Filter", "models.Filter"]


@dataclass(frozen=True)
class MatchValue:
    """A value, by itself or in a list."""

    value: bool | int | str


@dataclass(frozen=True)
class MatchAny:
    """One of several values."""

    any: Sequence[int | str]


@dataclass(frozen=True)
class MatchText:
    """All of some words, whole, in any order."""

    text: str


@dataclass(frozen=True)
class Range:
    """Numbers between bounds."""

    lt: float | None = None
    gt: float | None = None
    gte: float | None = None
    lte: float | None = None


@dataclass(frozen=True)
class DatetimeRange:
    """Times between bounds."""

    lt: datetime | None = None
    gt: datetime | None = None
    gte: datetime | None = None
    lte: datetime | None = None


@dataclass(frozen=True)
class FieldCondition:
    """What a field of the payload has to hold."""

    key: str
    match: MatchValue | MatchAny | MatchText | None = None
    range: Range | DatetimeRange | None = None


@dataclass(frozen=True)
class PayloadField:
    """A field of the payload."""

    key: str


@dataclass(frozen=True)
class IsEmptyCondition:
    """A field that is not there, is null, or an empty list."""

    is_empty: PayloadField


@dataclass(frozen=True)
class HasIdCondition:
    """One of several points, by their ids."""

    has_id: Sequence[int | str]


@dataclass(frozen=True)
class Filter:
    """Conditions, each of which may be a filter itself.

    Attributes:
        must: All of these hold.
        should: At least one of these holds.
        must_not: None of these holds.
    """

    must: Sequence[Any] | None = None
    should: Sequence[Any] | None = None
    must_not: Sequence[Any] | None = None


def matches(key: str, *values: Any) -> FieldCondition:
    """A field that holds one of some values."""
    if len(values) == 1:
        return FieldCondition(key, match=MatchValue(values[0]))
    return FieldCondition(key, match=MatchAny(list(values)))


def combine(*filters: AnyFilter | None) -> AnyFilter | None:
    """One filter that lets through what all of the filters do; None lets everything through."""
    given = [each for each in filters if each is not None]
    return Filter(must=given) if len(given) > 1 else next(iter(given), None)


def clause_of(given: Any) -> list[Any]:
    """The conditions of one clause, of which there may be one, several or none."""
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def to_models(given: Any) -> Any:
    """A filter or condition of ours as qdrant-client's; one of qdrant-client's stays as it is."""
    from qdrant_client import models

    if isinstance(given, (list, tuple)):
        return [to_models(each) for each in given]
    kind = type(given)
    if kind.__module__ != __name__:
        return given
    stated = {name: to_models(value) for name, value in vars(given).items() if value is not None}
    return getattr(models, kind.__name__)(**stated)


# Of all indexes of numbers only that of floats holds every one: that of integers leaves out 1.5.
_KINDS = {
    **{"Range": "float", "DatetimeRange": "datetime", "bool": "bool", "int": "integer"},
    **dict.fromkeys(("MatchText", "MatchTextAny", "MatchPhrase"), "text"),
    **dict.fromkeys(("GeoRadius", "GeoBoundingBox", "GeoPolygon"), "geo"),
}


def filtered_fields(given: Any) -> list[tuple[str, str]]:
    """The payload fields that a filter asks for, with the kind of index that serves each.

    Kinds are values of ``PayloadSchemaType``. A field may come twice, with different kinds, where
    a number is looked for as text, too. A server keeps one index for a field: make the first.
    """
    asked = list(_asked(given))
    stated = {key for key, kind in asked if kind}
    # Whether a field is there is told by an index of any kind.
    wanted = [(key, kind or "keyword") for key, kind in asked if kind or key not in stated]
    return list(dict.fromkeys(wanted))


def _asked(given: Any, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every field with the kind of index; None where any kind serves."""
    if hasattr(given, "must"):
        enough = getattr(given, "min_should", None)
        clauses = (given.must, given.should, given.must_not, enough and enough.conditions)
        for each in (each for clause in clauses for each in clause_of(clause)):
            yield from _asked(each, prefix)
    elif hasattr(given, "nested"):
        inner = f"{prefix}{given.nested.key.removesuffix('[]')}[]."
        yield from _asked(given.nested.filter, inner)
    elif hasattr(given, "key"):
        yield f"{prefix}{given.key}", _kind(given)
    elif field := getattr(given, "is_empty", None) or getattr(given, "is_null", None):
        yield f"{prefix}{field.key}", None


def _kind(condition: Any) -> str | None:
    names = ("match", "range", "geo_radius", "geo_bounding_box", "geo_polygon")
    said = next(
        (each for name in names if (each := getattr(condition, name, None)) is not None), None
    )
    if said is None:
        return None
    several = getattr(said, "any", None) or getattr(said, "except_", None)
    value = several[0] if several else getattr(said, "value", None)
    return _KINDS.get(type(said).__name__) or _KINDS.get(type(value).__name__, "keyword")
