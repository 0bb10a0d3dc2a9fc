"""Stand-ins for what numpy's pickles call: they look at the arguments and make no arrays.

numpy itself trusts them: a type and a length that contradict each other would have it read what is
not its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_SIZES = {"f2": 2, "f4": 4, "f8": 8, "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "u4": 4, "u8": 8}
_STATES = [(3, order, None, None, None, -1, -1, 0) for order in "<>|="]
_NDARRAY = object()


class _Type:
    def __init__(self, code: str) -> None:
        self.size = _SIZES[code]

    def __setstate__(self, state: object) -> None:
        if state not in _STATES:
            raise ValueError("a type of numbers that is none of numpy's own")


class _Array:
    def __setstate__(self, state: tuple[object, object, object, object, object]) -> None:
        version, shape, kind, is_fortran, data = state
        if version != 1 or not isinstance(is_fortran, bool):
            raise ValueError("an array of another version of numpy")
        _require_fits(shape, kind, data)


def _dtype(code: str, align: object = False, copy: object = False) -> _Type:
    if not isinstance(align, bool) or not isinstance(copy, bool):
        raise ValueError("a type of numbers that is none of numpy's own")
    return _Type(code)


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    if kind is not _NDARRAY or shape != (0,) or code != b"b":
        raise ValueError("an array that is not numpy's own")
    return _Array()


def _from_buffer(data: object, kind: object, shape: object, order: object) -> _Array:
    if order not in ("C", "F"):
        raise ValueError("an array that is not numpy's own")
    _require_fits(shape, kind, data)
    return _Array()


def _scalar(kind: object, data: object) -> _Array:
    _require_fits((), kind, data)
    return _Array()


def _require_fits(shape: object, kind: object, data: object) -> None:
    if (
        not isinstance(shape, tuple)
        or not all(type(each) is int and each >= 0 for each in shape)
        or not isinstance(kind, _Type)
        or not isinstance(data, (bytes, bytearray))
        or math.prod(shape) * kind.size != len(data)
    ):
        raise ValueError("an array whose parts contradict each other")


_CALLED: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _reconstruct,
    ("multiarray", "scalar"): _scalar,
    ("numeric", "_frombuffer"): _from_buffer,
}
#: What stands in for numpy, by module and name; its inner module is called ``core`` before 2.0.
STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _dtype,
    **{
        (f"numpy.{core}.{module}", name): called
        for core in ("core", "_core")
        for (module, name), called in _CALLED.items()
    },
}
