"""Results from a device to the CPU, all of a forward pass in one copy.

Every copy waits for what the device still has to do, so that a copy for each window, or for each
passage, keeps device and processor waiting for each other in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Result = TypeVar("Result")


def sent_home(results: Sequence[Result]) -> Callable[[], list[Result]]:
    """Send every tensor in some results to the CPU, without waiting for it.

    Args:
        results: Tensors, tuples and lists of such, and whatever else, which stays as it is.

    Returns:
        What waits until they are there, and gives the results with their tensors on the CPU.
    """
    away = [each for each in _tensors(results) if each.device.type != "cpu"]
    if not away:
        return lambda: list(results)
    fetched, wait = _fetched(away)

    def arrived() -> list[Result]:
        wait()
        return cast("list[Result]", _rebuilt(list(results), fetched))

    return arrived


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


def _fetched(tensors: Sequence[Tensor]) -> tuple[dict[int, Tensor], Callable[[], None]]:
    """Tensors of one device on their way to the CPU, by the identities of what they are copies of.

    Also returns what waits until they are there.
    """
    found: dict[int, Tensor] = {}
    for dtype in dict.fromkeys(each.dtype for each in tensors):
        alike = list({id(each): each for each in tensors if each.dtype == dtype}.values())
        flat = _fetch(torch.cat([each.reshape(-1) for each in alike]))
        pieces = torch.split(flat, [each.numel() for each in alike])
        for each, piece in zip(alike, pieces, strict=True):
            found[id(each)] = piece.view(each.shape)
    if tensors[0].device.type != "cuda":
        return found, lambda: None
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(tensors[0].device))
    return found, done.synchronize


def _fetch(flat: Tensor) -> Tensor:
    if flat.device.type != "cuda":
        return flat.cpu()
    # A device writes without the processor's help only to memory that cannot be moved.
    here = torch.empty(flat.shape, dtype=flat.dtype, pin_memory=True)
    return here.copy_(flat, non_blocking=True)
