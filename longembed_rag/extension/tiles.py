"""Attention along a diagonal, by square tiles that the fused kernel takes whole.

The pairs from one distance to another are a strip along the diagonal. Cut into tiles as wide as
the strip, it is made of triangles: a lower one in every tile, and an upper one in the tile before
it, which is a lower one, too, when it is read backwards. Lower triangles are what the kernel calls
causal attention, and all tiles go in one call: no score is computed that is not wanted, nothing is
masked, and memory grows with the length alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from longembed_rag.extension.attention import attend_with_lse, band_attention, merge_

#: Narrower bands than this are quicker in explicit blocks.
_NARROW = 24


def add_tiles_(
    out: Tensor,
    lse: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    period: int,
    gaps: range,
    wrapped: bool,
    scale: float,
) -> None:
    """Add triangles of tiles to an attention result, exactly.

    Args:
        out: Result so far, float32, ``[batch, heads, n, head_dim]``, changed in place.
        lse: Its log-sum-exp, float32, ``[batch, heads, n]``; where it is ``-inf``, ``out`` is 0.
        query: ``[batch, heads, n, head_dim]``.
        key: As ``query``.
        value: As ``query``.
        period: Tokens along a tile's side.
        gaps: By how many tiles the keys' lies before the queries'.
        wrapped: Whether it is upper triangles, where the key's place in its tile is after the
            query's, rather than lower ones, where it is not; from the second tile on.
        scale: Factor on the logits.
    """
    rows = query.shape[2]
    count = math.ceil(rows / period)
    if wrapped and period == 1:
        return
    tail = count * period - rows
    # What fills the last tile up are queries that nobody asks, and keys that none before them see.
    states = [query, key, value]
    if tail:
        states = [functional.pad(each, (0, 0, 0, tail)) for each in states]
    kept = slice(None, -1) if wrapped else slice(None)
    # Merged in place where tiles lie as the result does; else beside it, and copied back.
    wide = out if not tail else functional.pad(out, (0, 0, 0, tail))
    wide_lse = lse if not tail else functional.pad(lse, (0, tail), value=-math.inf)
    tiled, tiled_lse = (_split(each, count)[:, :, :, kept] for each in (wide, wide_lse))
    for gap in gaps:
        if gap >= count:
            break
        parts = [_tiles(states[0], gap, count - gap, period)]
        parts += [_tiles(each, 0, count - gap, period) for each in states[1:]]
        if wrapped:
            parts = [parts[0][:, :, :-1], *(each[:, :, 1:] for each in parts[1:])]
            parts = [each.flip(2) for each in parts]
        more, more_lse = attend_with_lse(*parts, causal=True, scale=scale)
        if wrapped:
            more, more_lse = more.flip(2), more_lse.flip(2)
        shape = (query.shape[0], count - gap)
        more = more.view(*shape, *more.shape[1:]).transpose(1, 2)
        more_lse = more_lse.view(*shape, *more_lse.shape[1:]).transpose(1, 2)
        merge_(tiled[:, :, gap:], tiled_lse[:, :, gap:], more, more_lse)
    if tail:
        out.copy_(wide[:, :, :rows])
        lse.copy_(wide_lse[:, :, :rows])


def _split(states: Tensor, count: int) -> Tensor:
    """``[batch, heads, n, ..]`` as ``[batch, heads, tiles, period, ..]``, without a copy."""
    return states.view(*states.shape[:2], count, states.shape[2] // count, *states.shape[3:])


def _tiles(states: Tensor, first: int, count: int, period: int) -> Tensor:
    """Some tiles of ``[batch, heads, n, d]`` as ``[batch * tiles, heads, period, d]``."""
    part = states[:, :, first * period : (first + count) * period]
    return _split(part, count).transpose(1, 2).flatten(0, 1)


def near_attention(
    query: Tensor, key: Tensor, value: Tensor, *, window: int, causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """Attention between tokens closer than ``window``.

    Args:
        query: ``[batch, heads, n, head_dim]``.
        key: As ``query``.
        value: As ``query``.
        window: Pairs with ``|i - j| < window`` see each other.
        causal: Whether only ``j <= i`` does.
        scale: Factor on the logits.

    Returns:
        The output and the log-sum-exp, both float32.
    """
    if window >= query.shape[2]:
        out, lse = attend_with_lse(query, key, value, causal=causal, scale=scale)
        return out.float(), lse
    if window < _NARROW:
        out, lse = band_attention(query, key, value, window=window, causal=causal, scale=scale)
        return out.float(), lse
    out, lse = empty_result(query, value)
    _add_strip_(out, lse, query, key, value, width=window, scale=scale)
    if not causal:
        # The other side without the diagonal, read from the end.
        rows, columns = slice(None, -1), slice(1, None)
        ahead = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
        ahead = [each.flip(2) for each in ahead]
        other, other_lse = empty_result(ahead[0], ahead[2])
        _add_strip_(other, other_lse, *ahead, width=window - 1, scale=scale)
        merge_(out[:, :, rows], lse[:, :, rows], other.flip(2), other_lse.flip(2))
    return out, lse


def _add_strip_(
    out: Tensor, lse: Tensor, query: Tensor, key: Tensor, value: Tensor, *, width: int, scale: float
) -> None:
    """Every query with itself and the ``width - 1`` keys before it."""
    for gap, wrapped in ((0, False), (1, True)):
        add_tiles_(
            out,
            lse,
            query,
            key,
            value,
            period=width,
            gaps=range(gap, gap + 1),
            wrapped=wrapped,
            scale=scale,
        )


def empty_result(query: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The result of attention over no keys, to which :func:`merge_` can add some."""
    shape = (*query.shape[:3], value.shape[-1])
    out = torch.zeros(shape, dtype=torch.float32, device=query.device)
    return out, torch.full(shape[:3], -math.inf, dtype=torch.float32, device=query.device)
