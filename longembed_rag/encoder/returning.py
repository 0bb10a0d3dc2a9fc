"""Results from a device to the CPU, all of a forward pass in one copy.

Every copy waits for what the device still has to do, so that a copy for each window, or for each
passage, keeps device and processor waiting for each other in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Result = TypeVar("Result")


def at_home(results: Sequence[Result]) -> list[Result]:
    """Results with every tensor in them on the CPU.

    Args:
        results: Tensors, tuples and lists of such, and whatever else, which stays as it is.
    """
    away = [each for each in _tensors(results) if each.device.type != "cpu"]
    if not away:
        return list(results)
    return cast("list[Result]", _rebuilt(list(results), _fetched(away)))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)


def _rebuilt(value: Any, fetched: dict[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return fetched.get(id(value), value)
    if isinstance(value, (tuple, list)):
        return type(value)(_rebuilt(each, fetched) for each in value)
    return value


def _fetched(tensors: Sequence[Tensor]) -> dict[int, Tensor]:
    """Tensors of one device on the CPU, by the identities of those that they are copies of."""
    found: dict[int, Tensor] = {}
    for dtype in dict.fromkeys(each.dtype for each in tensors):
        alike = list({id(each): each for each in tensors if each.dtype == dtype}.values())
        flat = _fetch(torch.cat([each.reshape(-1) for each in alike]))
        pieces = torch.split(flat, [each.numel() for each in alike])
        for each, piece in zip(alike, pieces, strict=True):
            found[id(each)] = piece.view(each.shape)
    return found


def _fetch(flat: Tensor) -> Tensor:
    if flat.device.type != "cuda":
        return flat.cpu()
    # A device writes to memory that cannot be moved without the processor's help.
    here = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True)
    here.copy_(flat, non_blocking=True)
    torch.cuda.current_stream(flat.device).synchronize()
    return here
