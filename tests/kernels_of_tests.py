"""Torch's private attention operators, interpreted: plain float64 scores, on a CPU.

They are registered with torch under the operators' own names and schemas, for the one device on
which torch has no such kernels. What asks torch for them finds them there, as on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from longembed_rag.extension import kernels


class Counted:
    """Which operators ran how often, and over how many query rows."""

    def __init__(self) -> None:
        self.flash: list[int] = []
        self.cudnn: list[int] = []


def _attend(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """``[heads, n, d]``, in float64; a row that sees nothing gives zeros, as flash does."""
    groups = query.shape[0] // key.shape[0]
    key, value = (each.repeat_interleave(groups, dim=0).double() for each in (key, value))
    scores = (query.double() @ key.transpose(-1, -2)) * scale
    scores = scores.masked_fill(~visible, -math.inf)
    out = torch.nan_to_num(scores.softmax(-1)) @ value
    return out, scores.logsumexp(-1)


def flash(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cum_seq_q: Tensor | None,
    cum_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
    return_debug_mask: bool,
    *,
    scale: float | None = None,
    window_size_left: int | None = None,
    window_size_right: int | None = None,
    **others: Any,
) -> tuple[Tensor, ...]:
    """``aten::_flash_attention_forward`` over segments: windows count from the bottom right."""
    assert cum_seq_q is not None, "only segments are interpreted"
    assert cum_seq_k is not None
    assert cum_seq_q.dtype == cum_seq_k.dtype == torch.int32
    assert dropout_p == 0.0
    assert not return_debug_mask
    assert not any(each is not None for each in others.values())
    if query.shape[-1] % 8 or query.shape[-1] > 256:
        raise RuntimeError("head_size should be a multiple of 8, and at most 256")
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    left = -1 if window_size_left is None else window_size_left
    right = 0 if is_causal else -1 if window_size_right is None else window_size_right
    out = torch.empty_like(query)
    lse = query.new_empty((query.shape[1], query.shape[0]), dtype=torch.float32)
    rows, columns = cum_seq_q.tolist(), cum_seq_k.tolist()
    assert rows[-1] == len(query)
    assert columns[-1] == len(key)
    bounds = zip(rows, rows[1:], columns, columns[1:], strict=False)
    for start, stop, key_start, key_stop in bounds:
        assert stop - start <= max_q
        assert key_stop - key_start <= max_k
        at = torch.arange(stop - start)[:, None] + (key_stop - key_start) - (stop - start)
        offset = torch.arange(key_stop - key_start)[None, :] - at
        visible = torch.ones_like(offset, dtype=torch.bool)
        if left >= 0:
            visible &= offset >= -left
        if right >= 0:
            visible &= offset <= right
        piece, piece_lse = _attend(
            query[start:stop].transpose(0, 1),
            key[key_start:key_stop].transpose(0, 1),
            value[key_start:key_stop].transpose(0, 1),
            visible,
            factor,
        )
        out[start:stop] = piece.transpose(0, 1)
        lse[:, start:stop] = piece_lse
    seed = torch.zeros(2, dtype=torch.uint64)
    return out, lse, seed, torch.zeros((), dtype=torch.uint64), query.new_empty(0)


def cudnn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None,
    compute_log_sumexp: bool,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Any, ...]:
    """``aten::_scaled_dot_product_cudnn_attention``: whole rows, causal from the top left."""
    assert attn_bias is None
    assert compute_log_sumexp
    assert dropout_p == 0.0
    assert not return_debug_mask
    if query.shape[-1] % 8 or query.shape[-1] > 128:
        raise RuntimeError("No available kernel. Aborting execution.")
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    rows, columns = query.shape[2], key.shape[2]
    visible = torch.ones(rows, columns, dtype=torch.bool)
    if is_causal:
        visible = visible.tril()
    pairs = [_attend(*each, visible, factor) for each in zip(query, key, value, strict=True)]
    # As the kernel does: the output lies as the query lies.
    out = torch.empty_like(query).copy_(torch.stack([out for out, _ in pairs]))
    lse = torch.stack([lse for _, lse in pairs]).float().unsqueeze(-1)
    nothing = torch.zeros((), dtype=torch.int64)
    return out, lse, nothing, nothing, rows, columns, nothing, nothing, nothing


@contextmanager
def interpreted(*names: str) -> Iterator[Counted]:
    """Let torch's CPU have these operators, :data:`kernels.FLASH` and :data:`kernels.CUDNN`."""
    counted = Counted()

    def counting_flash(query: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        counted.flash.append(query.shape[0])
        return flash(query, *args, **kwargs)

    def counting_cudnn(query: Tensor, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        counted.cudnn.append(query.shape[0] * query.shape[2])
        return cudnn(query, *args, **kwargs)

    library = torch.library.Library("aten", "IMPL")
    known = {kernels.FLASH: counting_flash, kernels.CUDNN: counting_cudnn}
    kernels.works.cache_clear()
    try:
        for name in names:
            library.impl(name, known[name], "CPU")
        yield counted
    finally:
        library._destroy()
        kernels.works.cache_clear()
