"""Attention over texts that stand one after the other in a row, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from longembed_rag.extension.attention import working_dtype
from longembed_rag.extension.rotary import stock_attention

#: The name under which the attention function is registered with transformers.
ATTENTION = "longembed_rag_training"

_lengths: ContextVar[tuple[int, ...] | None] = ContextVar("longembed_rag_lengths", default=None)
_positions: ContextVar[Tensor | None] = ContextVar("longembed_rag_positions", default=None)


@contextmanager
def separate(lengths: Sequence[int], *, positions: Tensor | None = None) -> Iterator[None]:
    """Let texts of these lengths, one after the other in a row, attend each to itself only.

    Args:
        lengths: Tokens of each text.
        positions: Of all tokens, ``[tokens]``: layers with a sliding window see how far apart
            tokens claim to be. None counts them.
    """
    tokens = _lengths.set(tuple(lengths)), _positions.set(positions)
    try:
        yield
    finally:
        _lengths.reset(tokens[0])
        _positions.reset(tokens[1])


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention interface of transformers: ``[1, heads, tokens, d]`` to ``[1, tokens, ...]``.

    The fused kernel runs in the dtype in which it is fastest here; autocast would not ask.
    """
    lengths = _lengths.get()
    if lengths is None:
        return stock_attention(
            module,
            query,
            key,
            value,
            attention_mask,
            scaling=scaling,
            is_causal=is_causal,
            **kwargs,
        )
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    dtype = working_dtype(value)
    plain = not causal and sliding_window is None and query.shape[1] == key.shape[1]
    kernel = row_kernel(value.device, dtype, query.shape[3]) if plain else None
    if kernel is not None:
        three = (query.to(dtype), key.to(dtype), value.to(dtype))
        return whole_row(kernel, *three, lengths=lengths, scaling=scaling).to(value.dtype), None
    split = [torch.split(each.to(dtype), list(lengths), dim=2) for each in (query, key, value)]
    places = _places(lengths, query.device)
    outs = []
    with torch.autocast(query.device.type, enabled=False):
        for one_query, one_key, one_value, at in zip(*split, places, strict=True):
            mask = _local_mask(at, sliding_window, causal)
            out = functional.scaled_dot_product_attention(
                one_query,
                one_key,
                one_value,
                attn_mask=mask,
                scale=scaling,
                is_causal=causal and mask is None,
                enable_gqa=query.shape[1] != key.shape[1],
            )
            outs.append(out)
    return torch.cat(outs, dim=2).to(value.dtype).transpose(1, 2).contiguous(), None


@lru_cache(maxsize=1)
def _varlen() -> Callable[..., Tensor] | None:
    """Torch's attention over rows of texts; None before 2.10, which brought it."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return cast("Callable[..., Tensor]", varlen_attn)


def row_kernel(
    device: torch.device, dtype: torch.dtype, width: int
) -> Callable[..., Tensor] | None:
    """What reads a whole row in one go, where there is such a thing: on GPUs, at half precision.

    Args:
        device: Where the row is.
        dtype: Of queries, keys and values.
        width: Of a head.
    """
    half = dtype in (torch.bfloat16, torch.float16)
    return _varlen() if device.type == "cuda" and half and width % 8 == 0 else None


def whole_row(
    kernel: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    lengths: Sequence[int],
    scaling: float | None,
) -> Tensor:
    """One call for all texts of a row: thousands of small ones would keep a GPU waiting.

    Args:
        kernel: Called as torch's ``varlen_attn``, which takes no scale in all its versions.
        query: ``[1, heads, tokens, d]``, as the two others.
        key: As wide and as many heads.
        value: As wide and as many heads.
        lengths: Tokens of each text.
        scaling: What logits are multiplied by; None is ``1 / sqrt(d)``.

    Returns:
        ``[1, tokens, heads, d]``.
    """
    width = query.shape[3]
    if scaling is not None and scaling != width**-0.5:
        query = query * (scaling * width**0.5)
    bounds, longest = _bounds(tuple(lengths), query.device), max(lengths)
    rows = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
    with torch.autocast(query.device.type, enabled=False):
        return kernel(*rows, bounds, bounds, longest, longest)[None]


@lru_cache(maxsize=4)
def _bounds(lengths: tuple[int, ...], device: torch.device) -> Tensor:
    """Where texts begin, and where the last one ends, int32 ``[texts + 1]``."""
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)


def _places(lengths: Sequence[int], device: torch.device) -> Sequence[Tensor]:
    """Positions of each text's tokens, rising."""
    positions = _positions.get()
    if positions is None:
        return [torch.arange(length, device=device) for length in lengths]
    return torch.split(positions, list(lengths))


def _local_mask(at: Tensor, window: int | None, causal: bool) -> Tensor | None:
    """Which pairs a layer with a sliding window sees; None where it sees all.

    Args:
        at: Positions, rising, ``[tokens]``.
        window: Tokens this far apart do not see each other.
        causal: Whether tokens see only what stands before them.
    """
    if window is None or int(at[-1] - at[0]) < window:
        return None
    distance = at[:, None] - at[None, :]
    return (distance.abs() < window) & ((distance >= 0) | (not causal))


def _mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """No mask where texts attend each to itself; transformers' own otherwise."""
    return None if _lengths.get() is not None else cast("Tensor | None", sdpa_mask(*args, **kwargs))


def register() -> None:
    """Make the attention function known to transformers; harmless when repeated."""
    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, _mask)
