"""Attention with a bias by distance, T5's or ALiBi's, in memory linear in the length.

Such a bias is one number per head and distance, ``2n - 1`` for a text of ``n`` tokens; a row of
the matrix that attention adds to its logits is a piece of that vector, and the next row the same
piece, moved by one. With the queries in reverse order the whole matrix is therefore a view of the
vector, which CPUs' fused kernel reads as it is: nothing of the size ``n x n`` is ever made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from longembed_rag.extension.packing import Run, active_pack
from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.rotary import stock_attention, unpack

#: The name under which attention with biases is registered with transformers.
BIASED = "longembed_rag_biased"
#: Numbers of a bias that blocks of queries may hold at once (32 MiB in float32).
_BLOCK_ELEMENTS = 8 * 1024 * 1024


def alibi_slopes(heads: int) -> list[float]:
    """What each head's logits lose per token of distance (ALiBi, arXiv 2108.12409, section 3).

    ``2^(-8 i / heads)`` for powers of two; for other counts, as in the paper's code, the slopes
    of the next lower power and every second one of the next higher.

    Args:
        heads: How many heads.
    """
    lower = 2 ** math.floor(math.log2(heads))
    first = [2.0 ** (-8.0 * (i + 1) / lower) for i in range(lower)]
    between = [2.0 ** (-4.0 * (2 * i + 1) / lower) for i in range(heads - lower)]
    return first + between


def alibi_bias(
    slopes: Sequence[float], plan: ExtensionPlan, *, causal: bool, device: torch.device
) -> Tensor:
    """ALiBi's bias by ``j - i``, from ``1 - n`` to ``n - 1``: ``[heads, 2n - 1]``, float32.

    Under ``pi`` slopes are divided by the scale (arXiv 2310.13017, section 2), so that the whole
    text loses no more than the longest one in training did.

    Args:
        slopes: Of each head.
        plan: Says how many tokens there are, and how they are read.
        causal: Whether tokens see only what stands before them.
        device: Where it is needed.
    """
    each = torch.tensor(slopes, dtype=torch.float32, device=device)
    if plan.method == "pi" and plan.extends:
        each = each / plan.scale
    offset = torch.arange(1 - plan.tokens, plan.tokens, dtype=torch.float32, device=device)
    bias = -each[:, None] * offset.abs()
    return bias.masked_fill(offset > 0, -math.inf) if causal else bias


def spread(table: Tensor, tokens: int) -> Tensor:
    """A bias that ends in one number per side, for every distance that a text has.

    Args:
        table: By ``j - i`` from ``-far`` to ``far``, ``[heads, 2 * far + 1]``; beyond, its ends
            count on.
        tokens: Of the text (``n``).

    Returns:
        By ``j - i`` from ``1 - n`` to ``n - 1``, ``[heads, 2n - 1]``.
    """
    far = table.shape[-1] // 2
    offset = torch.arange(1 - tokens, tokens, device=table.device)
    return table[:, offset.clamp(-far, far) + far]


def biased_attention(
    query: Tensor, key: Tensor, value: Tensor, *, bias: Tensor, scale: float
) -> Tensor:
    """Attention whose logits get a bias by distance.

    Args:
        query: ``[batch, heads, n, head_dim]``.
        key: As ``query``.
        value: As ``query``.
        bias: By ``j - i`` from ``1 - n`` to ``n - 1``, ``[heads, 2n - 1]``; minus infinity hides.
        scale: Factor on ``query @ key``.
    """
    rows = query.shape[2]
    if query.device.type == "cpu":
        # bf16 does not hold a bias of thousands.
        states = [each.float() for each in (query, key, value)]
        bias = bias.float().contiguous()
        return _turned(*states, bias=bias, first=0, scale=scale).to(query.dtype)
    bias = bias.to(query.dtype).contiguous()
    step = max(1, _BLOCK_ELEMENTS // max(1, query.shape[1] * rows))
    pieces = [
        _turned(query[:, :, at : at + step], key, value, bias=bias, first=at, scale=scale)
        for at in range(0, rows, step)
    ]
    return torch.cat(pieces, dim=2)


def _turned(
    query: Tensor, key: Tensor, value: Tensor, *, bias: Tensor, first: int, scale: float
) -> Tensor:
    """:func:`biased_attention` of some queries, from the one at ``first`` on, last one first."""
    batch, heads, rows, _ = query.shape
    columns = key.shape[2]
    # Row r is query first + rows - 1 - r, whose bias for key 0 stands at columns - 1 minus that.
    start = bias.storage_offset() + columns - first - rows
    width = bias.stride(0)
    added = bias.as_strided((batch, heads, rows, columns), (0, width, 1, 1), start)
    if query.device.type != "cpu":
        added = added.contiguous()  # other kernels want rows that begin at whole 16 bytes
    out = functional.scaled_dot_product_attention(
        query.flip(2), key, value, attn_mask=added, scale=scale
    )
    return out.flip(2)


def run_biased(run: Run, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
    """:func:`biased_attention` over one run of a row: ``[1, tokens of the run, heads, d]``."""
    states = [unpack(each, run) for each in (query, key, value)]
    piece = biased_attention(*states, **options)
    return piece.transpose(1, 2).flatten(0, 1).unsqueeze(0)


def _packed(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    position_bias: Tensor | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention interface of transformers, for layers that :func:`install_biased` prepared."""
    pack, slopes = active_pack(), getattr(module, "alibi_slopes", None)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", False))
    if pack is None:
        if slopes is not None:
            plan = ExtensionPlan("none", query.shape[2], query.shape[2], query.shape[2])
            bias = alibi_bias(slopes, plan, causal=False, device=query.device)
            position_bias = _matrix(bias).to(query.dtype)[None]
        kwargs.pop("is_causal", None)
        return stock_attention(
            module,
            query,
            key,
            value,
            attention_mask,
            is_causal=causal,
            scaling=scale,
            position_bias=position_bias,
            **kwargs,
        )
    pieces = []
    for run in pack.runs:
        if slopes is None:
            bias = spread(cast(Tensor, position_bias), run.plan.tokens)
        else:
            bias = alibi_bias(slopes, run.plan, causal=causal, device=query.device)
        factor = scale * run.plan.attention_factor
        pieces.append(run_biased(run, query, key, value, bias=bias, scale=factor))
    return torch.cat(pieces, dim=1), None


def _matrix(bias: Tensor) -> Tensor:
    """A bias by distance as a matrix over queries and keys, ``[heads, n, n]``."""
    rows = (bias.shape[-1] + 1) // 2
    at = torch.arange(rows, device=bias.device)
    return bias[:, at[None, :] - at[:, None] + rows - 1]


class _ShortBias:
    """Stands in for T5's bias of all pairs: one number per distance while a pack is active."""

    def __init__(self, attention: nn.Module) -> None:
        self._compute = cast("Any", type(attention)).compute_bias
        self._attention = cast("Any", attention)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        attention = self._attention
        if active_pack() is None:
            return cast(Tensor, self._compute(attention, *args, **kwargs))
        far = int(attention.relative_attention_max_distance)
        weight = attention.relative_attention_bias.weight
        buckets = attention._relative_position_bucket(
            torch.arange(-far, far + 1, device=weight.device),
            bidirectional=True,
            num_buckets=attention.relative_attention_num_buckets,
            max_distance=far,
        )
        return cast(Tensor, attention.relative_attention_bias(buckets).T)


class Unrotated(nn.Module):
    """Stands in for the rotary embedding of a model that has ALiBi in its place: no turn."""

    def forward(
        self, states: Tensor, position_ids: Tensor, layer_type: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cosines of one and sines of zero, broadcastable to ``[batch, n, d]``."""
        one = states.new_ones((1, 1, 1))
        return one, torch.zeros_like(one)


def install_biased(model: nn.Module, *, slopes: Sequence[float] | None = None) -> None:
    """Let a model's attention read packs with its bias by distance.

    Args:
        model: A T5 encoder, or a rotary transformers model that gets ALiBi in place of rotation.
        slopes: Of ALiBi, for each head; None where the model has biases of its own.
    """
    if slopes is not None:
        cast("Any", model).rotary_emb = Unrotated()
    for module in model.modules():
        if slopes is not None and hasattr(module, "q_proj"):
            cast("Any", module).alibi_slopes = tuple(slopes)
        elif slopes is None and getattr(module, "has_relative_attention_bias", False):
            cast("Any", module).compute_bias = _ShortBias(module)


def _no_mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """No mask while a pack is active; transformers' own otherwise."""
    return None if active_pack() is not None else cast("Tensor | None", sdpa_mask(*args, **kwargs))


def register_biased() -> None:
    """Make the attention function known to transformers; harmless when repeated."""
    AttentionInterface.register(BIASED, _packed)
    AttentionMaskInterface.register(BIASED, _no_mask)
