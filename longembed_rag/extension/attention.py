"""Attention whose memory is linear in the text's length, for every method.

Far from the diagonal, SelfExtend's distances are those of grouped positions: rotated by them, the
keys to the left of a query form a *causal* attention problem over ``n - w`` tokens, and the keys
to the right form another one, read backwards. Both go to the fused kernel whole; only the band
along the diagonal, ``w`` wide on each side, is computed in explicit blocks. The pieces are merged
exactly by their log-sum-exp. The work is that of one plain attention plus the band, and no
``n x n`` tensor exists at any time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

#: Score elements that explicit blocks may hold at once (32 MiB in float32).
_BLOCK_ELEMENTS = 8 * 1024 * 1024
#: The same for the band, whose blocks should stay in the processor's cache (4 MiB).
_BAND_ELEMENTS = 1024 * 1024
_SMALLEST_BLOCK = 64
_LARGEST_BLOCK = 256


def has_amx() -> bool:
    """Whether this CPU has AMX; no where a torch release lacks its private probe."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def working_dtype(states: Tensor) -> torch.dtype:
    """The dtype in which attention over these states is fastest.

    Without AMX, CPUs run the fused attention kernel slower in bf16 than in fp32, even those with
    AVX512-BF16: there, attention over bf16 states works in fp32.
    """
    if states.device.type != "cpu" or states.dtype != torch.bfloat16:
        return states.dtype
    return states.dtype if has_amx() else torch.float32


def fused_is_linear(device: torch.device) -> bool:
    """Whether the fused kernel needs no more memory than grows with the length (law 3).

    On Apple's MPS it builds all scores at once, and ends the process where they take more than
    4 GiB (torch's issue 149261).
    """
    return device.type != "mps"


def attend(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, scale: float | None = None
) -> Tensor:
    """Plain attention over whole rows, ``[batch, heads, n, head_dim]``.

    By the fused kernel, or by explicit blocks where that one's memory is not linear.
    """
    if not fused_is_linear(query.device):
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        return blocked_attention(query, key, value, causal=causal, scale=factor)[0]
    return functional.scaled_dot_product_attention(
        query, key, value, is_causal=causal and query.shape[2] > 1, scale=scale
    )


def attend_seen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    unseen: int,
    window: int | None = None,
    causal: bool = False,
    scale: float,
) -> Tensor:
    """Attention of a short text whose last tokens see the others, but are seen by none.

    Not even by themselves: it is what a model does to padding that attention leaves out, which
    is how ColBERT reads the tokens that fill a query up. Scores of all pairs are built at once.

    Args:
        query: ``[batch, heads, n, head_dim]``, ``n`` a query's length.
        key: As ``query``.
        value: As ``query``.
        unseen: How many tokens at the end.
        window: Pairs with ``|i - j| < window`` see each other; None for all.
        causal: Whether only ``j <= i`` does.
        scale: Factor on the logits.
    """
    at = torch.arange(query.shape[2], device=query.device)
    seen = at[: query.shape[2] - unseen]
    offset = at[:, None] - seen[None, :]
    visible = torch.ones_like(offset, dtype=torch.bool)
    if causal:
        visible &= offset >= 0
    if window is not None:
        visible &= offset.abs() < window
    key, value = key[:, :, : len(seen)], value[:, :, : len(seen)]
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=visible, scale=scale
    )


def attend_with_lse(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, scale: float
) -> tuple[Tensor, Tensor]:
    """Plain attention that also returns the log-sum-exp of each query's logits.

    The fused kernels compute it anyway but hand it out only through private operators; where
    those are missing, explicit blocks give the same result more slowly.

    Args:
        query: ``[batch, heads, n, head_dim]``.
        key: As ``query``.
        value: As ``query``.
        causal: Whether query ``i`` sees keys ``0 .. i`` only.
        scale: Factor on the logits.

    Returns:
        The output, as ``query``, and the log-sum-exp, float32, ``[batch, heads, n]``.
    """
    fused = _fused_with_lse(query, key, value, causal=causal, scale=scale)
    if fused is not None:
        return fused
    return blocked_attention(query, key, value, causal=causal, scale=scale)


def _fused_with_lse(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, Tensor] | None:
    aten = torch.ops.aten
    rows = query.shape[2]
    if query.device.type == "cpu" and hasattr(aten, "_scaled_dot_product_flash_attention_for_cpu"):
        out, lse = aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, scale=scale
        )
        return out, lse.float()
    # The CUDA kernel wants rows of whole 16-byte pieces.
    aligned = query.shape[-1] % 8 == 0
    if (
        query.device.type == "cuda"
        and aligned
        and hasattr(aten, "_scaled_dot_product_efficient_attention")
    ):
        result = aten._scaled_dot_product_efficient_attention(
            query, key, value, None, True, 0.0, causal, scale=scale
        )
        return result[0], result[1][..., :rows].float()
    return None


def blocked_attention(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, scale: float
) -> tuple[Tensor, Tensor]:
    """:func:`attend_with_lse` by explicit scores of a few queries at a time."""
    batch, heads, rows, _ = query.shape
    columns = key.shape[2]
    step = max(1, _BLOCK_ELEMENTS // max(1, batch * heads * columns))
    at = torch.arange(columns, device=query.device)
    keys, values = key.float().transpose(-1, -2), value.float()
    outs, lses = [], []
    for start in range(0, rows, step):
        block = query[:, :, start : start + step].float()
        scores = block @ keys * scale
        if causal:
            row = torch.arange(start, start + block.shape[2], device=query.device)
            scores.masked_fill_(at[None, :] > row[:, None], -math.inf)
        lses.append(scores.logsumexp(dim=-1))
        outs.append((scores.softmax(dim=-1) @ values).to(query.dtype))
    return torch.cat(outs, dim=2), torch.cat(lses, dim=2)


def band_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int,
    causal: bool = False,
    scale: float,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention between tokens closer than ``window``, in explicit blocks of queries.

    Args:
        query: ``[batch, heads, n, head_dim]``.
        key: As ``query``.
        value: As ``query``.
        window: Pairs with ``|i - j| < window`` see each other.
        causal: Whether only ``j <= i`` does.
        scale: Factor on ``query @ key``.
        bias: Added to the logits by distance, ``[heads, 2 * window - 1]``, from
            ``j - i = 1 - window`` to ``window - 1``.

    Returns:
        The output, as ``query``, and the log-sum-exp, float32, ``[batch, heads, n]``.
    """
    batch, heads, rows, width = query.shape
    window = min(window, rows)
    left, right = window - 1, 0 if causal else window - 1
    block = min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, window))
    count = math.ceil(rows / block)
    span = block + left + right
    tail = count * block - rows
    padded = functional.pad(query, (0, 0, 0, tail))
    queries = padded.view(batch, heads, count, block, width)
    # unfold makes views of overlapping key blocks: [batch, heads, blocks, head_dim, span].
    keys = functional.pad(key, (0, 0, left, right + tail)).unfold(2, span, block)
    values = functional.pad(value, (0, 0, left, right + tail)).unfold(2, span, block)

    column = torch.arange(span, device=query.device) - left
    logits = _band_logits(block, column, left=left, right=right, bias=bias)
    outs = query.new_empty((batch, heads, count, block, width))
    lses = query.new_empty((batch, heads, count, block), dtype=torch.float32)
    step = max(1, _BAND_ELEMENTS // (batch * heads * block * span))
    for start in range(0, count, step):
        piece = slice(start, min(start + step, count))
        scores = (queries[:, :, piece].float() * scale) @ keys[:, :, piece].float()
        scores += logits
        if start * block < left or piece.stop * block + right > rows:
            first = torch.arange(start, piece.stop, device=query.device) * block
            at = first[:, None, None] + column
            scores.masked_fill_((at < 0) | (at >= rows), -math.inf)
        lse = scores.logsumexp(dim=-1)
        weights = scores.sub_(lse.unsqueeze(-1)).exp_()
        outs[:, :, piece] = weights @ values[:, :, piece].transpose(-1, -2).float()
        lses[:, :, piece] = lse
    return outs.flatten(2, 3)[:, :, :rows], lses.flatten(2, 3)[:, :, :rows]


def _band_logits(
    block: int, column: Tensor, *, left: int, right: int, bias: Tensor | None
) -> Tensor:
    """What is added to a block's logits by distance: the bias, and ``-inf`` outside the band."""
    offset = column[None, :] - torch.arange(block, device=column.device)[:, None]
    hidden = (offset > right) | (offset < -left)
    logits = torch.zeros(offset.shape, device=column.device)
    if bias is not None:
        middle = bias.shape[-1] // 2
        logits = bias.float()[:, (offset + middle).clamp(0, bias.shape[-1] - 1)].unsqueeze(1)
    return logits.masked_fill(hidden, -math.inf)


def merge_(out: Tensor, lse: Tensor, more: Tensor, more_lse: Tensor) -> None:
    """Add more keys to an attention result, in place and exactly.

    Args:
        out: Result so far, float32, ``[..., n, head_dim]``.
        lse: Its log-sum-exp, float32, ``[..., n]``.
        more: Result over keys that ``out`` has not seen.
        more_lse: Its log-sum-exp.
    """
    both = torch.logaddexp(lse, more_lse)
    out.mul_((lse - both).exp_().unsqueeze(-1))
    out.add_(more.float() * (more_lse - both).exp_().unsqueeze(-1))
    lse.copy_(both)


def add_far_(
    out: Tensor,
    lse: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    window: int,
    scale: float,
    backwards: bool = False,
    bias: Tensor | None = None,
) -> None:
    """Add every pair whose key lies ``window`` or more to one side to an attention result.

    To the left, query ``i`` sees keys ``0 .. i - window``: shifted by the window, that is causal
    attention. To the right it is the same problem, read backwards.

    Args:
        out: Result so far, float32, ``[batch, heads, n, head_dim]``, changed in place.
        lse: Its log-sum-exp, float32, ``[batch, heads, n]``, changed in place.
        query: Queries as they meet far keys.
        key: Keys as far queries meet them.
        value: Values.
        window: Smallest distance counted as far.
        scale: Factor on the logits.
        backwards: Whether the keys lie to the right.
        bias: One number per head added to these logits, ``[heads]``.
    """
    far = query.shape[2] - window
    if far <= 0:
        return
    rows, columns = slice(window, None), slice(None, far)
    if backwards:
        rows, columns = columns, rows
    states = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
    if backwards:
        states = [each.flip(2) for each in states]
    more, more_lse = attend_with_lse(*states, causal=True, scale=scale)
    if backwards:
        more, more_lse = more.flip(2), more_lse.flip(2)
    if bias is not None:
        more_lse = more_lse + bias.float()[None, :, None]
    merge_(out[:, :, rows], lse[:, :, rows], more, more_lse)
