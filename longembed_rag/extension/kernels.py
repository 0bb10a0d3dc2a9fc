"""Two fast attention kernels that torch has, but gives away by private operators alone.

*Windowed* attention (flash) reads segments of any lengths, end to end in one row, at once: each
query sees the keys of its own segment from ``left`` before it to ``right`` behind it. *Whole*
attention (cuDNN) reads rows of one length, and is the faster of the two on long ones. Both return
the log-sum-exp of each query's logits, by which parts of one attention are merged exactly, and
both take grouped keys as they are.

Whether they are there is asked of the torch at hand, not of its version: by the operators'
schemas, by the kernels registered for the device, and by a trial whose result is compared. The
trial also finds dtypes and head sizes that a kernel does not take. Where one is missing,
:mod:`~longembed_rag.extension.attention` has other ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from longembed_rag.extension.packing import to_device

FLASH = "_flash_attention_forward"
CUDNN = "_scaled_dot_product_cudnn_attention"
#: What each must be able to be asked.
_ARGUMENTS = {
    FLASH: {"cum_seq_q", "cum_seq_k", "max_q", "max_k", "window_size_left", "window_size_right"},
    CUDNN: {"compute_log_sumexp", "is_causal", "scale"},
}
_DISPATCH_KEYS = {"cuda": "CUDA", "cpu": "CPU"}
#: How far a trial's result may be off; wrong windows or layouts are off by more than one.
_TOLERANCE = 0.1
_UNBOUNDED = -1


@dataclass(frozen=True)
class Segments:
    """Where segments begin and end in a row that they fill without gaps.

    Attributes:
        bounds: First token of each, and one past the last, int32, ``[segments + 1]``.
        longest: Tokens of the longest.
    """

    bounds: Tensor
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device) -> Segments:
        """Segments of these lengths, in tokens."""
        bounds = torch.tensor([0, *lengths], dtype=torch.int64).cumsum(0).to(torch.int32)
        return cls(to_device(bounds, device), max(lengths))


def windowed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segments: Segments,
    *,
    left: int | None,
    right: int | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Attention of each segment with itself, within a window.

    Args:
        query: ``[tokens, heads, head_dim]``.
        key: ``[tokens, key_heads, head_dim]``.
        value: As ``key``.
        segments: Which tokens belong together.
        left: How many tokens before it a query sees; None for all.
        right: How many behind it.
        scale: Factor on the logits.

    Returns:
        The output, as ``query``, and the log-sum-exp, float32, ``[heads, tokens]``.
    """
    before = _UNBOUNDED if left is None else left
    behind = _UNBOUNDED if right is None else right
    result = getattr(torch.ops.aten, FLASH)(
        query,
        key,
        value,
        segments.bounds,
        segments.bounds,
        segments.longest,
        segments.longest,
        0.0,
        (before, behind) == (_UNBOUNDED, 0),
        False,
        scale=scale,
        window_size_left=before,
        window_size_right=behind,
    )
    return result[0], result[1]


def whole(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """Attention over whole rows.

    Args:
        query: ``[batch, heads, n, head_dim]``.
        key: ``[batch, key_heads, n, head_dim]``.
        value: As ``key``.
        causal: Whether query ``i`` sees keys ``0 .. i`` only.
        scale: Factor on the logits.

    Returns:
        The output, as ``query``, and the log-sum-exp, float32, ``[batch, heads, n]``.
    """
    result = getattr(torch.ops.aten, CUDNN)(
        query, key, value, None, True, 0.0, causal, False, scale=scale
    )
    return result[0], result[1].reshape(query.shape[:3])


def takes_windowed(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether :func:`windowed` works for states of this kind, ``[..., heads, head_dim]``."""
    return _takes(FLASH, query, key, value)


def takes_whole(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether :func:`whole` works for states of this kind, ``[..., heads, head_dim]``."""
    return _takes(CUDNN, query, key, value)


def _takes(name: str, query: Tensor, key: Tensor, value: Tensor) -> bool:
    if query.device.type not in _DISPATCH_KEYS or query.shape[-1] != value.shape[-1]:
        return False
    groups = query.shape[-2] // key.shape[-2]
    return works(name, query.device, query.dtype, query.shape[-1], groups)


@lru_cache(maxsize=256)
def works(name: str, device: torch.device, dtype: torch.dtype, width: int, groups: int) -> bool:
    """Whether an operator is there and does what is asked of it; tried once for each kind.

    Args:
        name: :data:`FLASH` or :data:`CUDNN`.
        device: Where.
        dtype: Of the states.
        width: Dimensions of a head.
        groups: Heads of queries for each head of keys.
    """
    operator: Any = getattr(torch.ops.aten, name, None)
    if operator is None:
        return False
    arguments = {each.name for each in operator.default._schema.arguments}
    key = _DISPATCH_KEYS[device.type]
    there = torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{name}", key)
    if not there or not arguments.issuperset(_ARGUMENTS[name]):
        return False
    try:
        return all(_trial(case, device, dtype, width, groups) for case in _CASES[name])
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError):
        # What a kernel says of dtypes, head sizes and devices that it does not take.
        return False


def _windowed_case(
    left: int | None, right: int | None
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    def case(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        segments = Segments.of([24, 40], query.device)
        out, lse = windowed(query, key, value, segments, left=left, right=right, scale=0.2)
        at = torch.arange(len(query), device=query.device)
        offset = at[None, :] - at[:, None]
        visible = (at[None, :] < 24) == (at[:, None] < 24)
        if left is not None:
            visible &= offset >= -left
        if right is not None:
            visible &= offset <= right
        return out, lse, visible

    return case


def _whole_case(
    causal: bool,
) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    def case(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        row = [each.transpose(0, 1).unsqueeze(0) for each in (query, key, value)]
        out, lse = whole(row[0], row[1], row[2], causal=causal, scale=0.2)
        at = torch.arange(len(query), device=query.device)
        visible = (at[None, :] <= at[:, None]) | (not causal)
        return out[0].transpose(0, 1), lse[0], visible

    return case


_CASES = {
    FLASH: (
        _windowed_case(5, 3),
        _windowed_case(None, 0),
        _windowed_case(0, None),
        _windowed_case(None, None),
    ),
    CUDNN: (_whole_case(True), _whole_case(False)),
}


def _trial(
    case: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
    device: torch.device,
    dtype: torch.dtype,
    width: int,
    groups: int,
) -> bool:
    """Whether a kernel gives what explicit scores give, over 64 tokens."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((64, 2 * groups, width), (64, 2, width), (64, 2, width))
    query, key, value = (
        torch.randn(shape, generator=generator).to(device, dtype) for shape in shapes
    )
    out, lse, visible = case(query, key, value)
    keys, values = (each.repeat_interleave(groups, dim=1).float() for each in (key, value))
    scores = torch.einsum("qhd,khd->hqk", query.float(), keys) * 0.2
    scores = scores.masked_fill(~visible, -math.inf)
    expected = torch.einsum("hqk,khd->qhd", scores.softmax(-1), values)
    off = torch.stack(
        ((out.float() - expected).abs().max(), (lse - scores.logsumexp(-1)).abs().max())
    )
    return bool(off.max() < _TOLERANCE)
