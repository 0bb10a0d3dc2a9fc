"""Which points a filter lets through, and which fields it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdrant_client.models import Filter

# Of all indexes of numbers only that of floats holds every one: that of integers leaves out 1.5.
_KINDS = {
    **{"Range": "float", "DatetimeRange": "datetime", "bool": "bool", "int": "integer"},
    **dict.fromkeys(("MatchText", "MatchTextAny", "MatchPhrase"), "text"),
    **dict.fromkeys(("GeoRadius", "GeoBoundingBox", "GeoPolygon"), "geo"),
}


def filtered_fields(given: Filter | None) -> list[tuple[str, str]]:
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
        enough = given.min_should.conditions if given.min_should else None
        for clause in (given.must, given.should, given.must_not, enough):
            for each in clause if isinstance(clause, list) else [clause]:
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
    said = next((each for name in names if (each := getattr(condition, name)) is not None), None)
    if said is None:
        return None
    several = getattr(said, "any", None) or getattr(said, "except_", None)
    value = several[0] if several else getattr(said, "value", None)
    return _KINDS.get(type(said).__name__) or _KINDS.get(type(value).__name__, "keyword")
