"""Whether two answers say the same: all of it, and numbers up to their rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def alike(found: Any, expected: Any, *, within: float = 1e-6) -> bool:
    """Whether all values are equal, floats within a distance.

    A collection's first search asks the store for cosines, and later ones work them out from what
    was read of it: the last digit may differ, and which of two searches at once is the first is a
    matter of chance.

    Args:
        found: A value; dataclasses, mappings and sequences are compared part by part.
        expected: Another.
        within: How far numbers may lie apart.
    """
    if type(found) is not type(expected):
        return False
    if isinstance(found, float):
        return math.isclose(found, expected, rel_tol=within, abs_tol=within)
    if is_dataclass(found):
        names = [field.name for field in fields(found)]
        return all(
            alike(getattr(found, name), getattr(expected, name), within=within) for name in names
        )
    if isinstance(found, Mapping):
        return found.keys() == expected.keys() and all(
            alike(found[key], expected[key], within=within) for key in found
        )
    if isinstance(found, (list, tuple)):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(
            alike(one, other, within=within) for one, other in pairs
        )
    return bool(found == expected)
