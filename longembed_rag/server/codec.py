"""The package's own values as JSON and back, between a command and the server of the same user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_KIND = "$"
_OWN = "longembed_rag."


def encode(value: Any) -> Any:
    """A value of ours as JSON has it: dataclasses, tuples, sets and paths are kept apart by name.

    Vectors are left out: where one is a field, None comes in its place.

    Raises:
        TypeError: It is something else.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list):
        return [encode(each) for each in value]
    if isinstance(value, Mapping):
        return {_KIND: "map", "of": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, tuple | frozenset | set):
        return {_KIND: "tuple" if isinstance(value, tuple) else "set", "of": encode(list(value))}
    if isinstance(value, Path):
        return {_KIND: "path", "of": str(value)}
    kind = type(value)
    if is_dataclass(value) and kind.__module__.startswith(_OWN):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        kept = {name: encode(each) for name, each in given.items() if not _is_vector(each)}
        return {_KIND: f"{kind.__module__}:{kind.__qualname__}", "of": kept}
    raise TypeError(f"{kind.__name__} does not go from process to process")


def decode(value: Any) -> Any:
    """What :func:`encode` was given.

    Raises:
        ValueError: It names something that is no value of ours.
    """
    if isinstance(value, list):
        return [decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind: Any = value.get(_KIND)
    of: Any = value.get("of")
    if kind == "map":
        return {decode(k): decode(v) for k, v in of}
    if kind in ("tuple", "set"):
        found = decode(of)
        return tuple(found) if kind == "tuple" else frozenset(found)
    if kind == "path":
        return Path(of)
    return _class_named(kind)(**{name: decode(each) for name, each in of.items()})


def _class_named(kind: Any) -> Any:
    """A dataclass of the package; nothing else can be named."""
    module, _, name = str(kind).partition(":")
    found = getattr(import_module(module), name, None) if module.startswith(_OWN) else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{kind!r} is no value of this package")
    return found


def _is_vector(value: Any) -> bool:
    return type(value).__module__ == "numpy"
