"""What can be said of the metadata of some documents, as Haystack's own stores say it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_META = "meta."


def field_name(field: str) -> str:
    """A metadata field's name without Haystack's ``meta.`` before it."""
    return field.removeprefix(_META)


def values_of(metadata: Iterable[Mapping[str, Any]], field: str) -> Iterator[Any]:
    """What a field holds where it holds something."""
    name = field_name(field)
    return (each[name] for each in metadata if each.get(name) is not None)


def different(values: Iterable[Any]) -> list[Any]:
    """Each value once, in the order of what it looks like; 1, 1.0, "1" and True differ."""
    found = {(json.dumps(each, sort_keys=True), type(each).__name__): each for each in values}
    return sorted(found.values(), key=lambda each: (str(each), type(each).__name__))


def fields_info(metadata: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The type of each field: ``boolean``, ``int``, ``float`` or else ``keyword``."""
    kinds = {bool: "boolean", int: "int", float: "float"}
    return {
        name: {"type": kinds.get(type(value), "keyword")}
        for each in metadata
        for name, value in each.items()
        if value is not None
    }


def min_max(values: Iterable[Any]) -> dict[str, Any]:
    """The least and the greatest of some numbers or texts; None where both are among them."""
    given = [each for each in values if isinstance(each, int | float | str)]
    if not given or len({isinstance(each, str) for each in given}) > 1:
        return {"min": None, "max": None}
    return {"min": min(given), "max": max(given)}
