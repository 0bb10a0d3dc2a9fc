"""MPNet's relative attention bias in memory linear in the length.

MPNet adds to its position table a bias by bucketed distance, and builds it for all pairs at once.
Beyond 128 tokens every distance falls into one bucket per side, so the bias is a table over the
near band and one number for each far side: the same three pieces as SelfExtend. The bias follows
the tokens' real distances, as in the stock model, whatever positions the table is read at.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from longembed_rag.extension.attention import add_far_, band_attention
from longembed_rag.extension.packing import active_pack
from longembed_rag.extension.rotary import unpack

#: From this distance on every pair shares one bucket per side (MPNet's ``max_distance``).
FAR = 128


class PackedRelativeAttention(nn.Module):
    """Stands in for MPNet's self-attention: reads the active pack, else the stock module."""

    def __init__(self, original: nn.Module, relative: nn.Module) -> None:
        super().__init__()
        self.original = original
        # The encoder owns the bias; a list keeps it from being registered here a second time.
        self._relative = [relative]

    def _biases(self, device: torch.device) -> Tensor:
        """Bias by ``j - i`` from ``-FAR`` to ``FAR``, ``[heads, 2 * FAR + 1]``."""
        encoder = cast("Any", self._relative[0])
        distances = torch.arange(-FAR, FAR + 1, device=device)
        buckets = encoder.relative_position_bucket(distances, num_buckets=32)
        return cast(Tensor, encoder.relative_attention_bias(buckets).T)

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        """As MPNet's own: a tuple whose first item is the output."""
        pack = active_pack()
        stock = cast("Any", self.original)
        if pack is None:
            return cast("tuple[Tensor, ...]", stock(hidden_states, *args, **kwargs))
        width = stock.attention_head_size
        shape = (*hidden_states.shape[:-1], -1, width)
        query, key, value = (
            projection(hidden_states).view(shape).transpose(1, 2)
            for projection in (stock.q, stock.k, stock.v)
        )
        bias = self._biases(hidden_states.device)
        out = torch.empty_like(hidden_states[0])
        for run in pack.runs:
            states = [unpack(each, run) for each in (query, key, value)]
            scale = width**-0.5 * run.plan.attention_factor
            piece, lse = band_attention(
                states[0], states[1], states[2], window=FAR, scale=scale, bias=bias[:, 1:-1]
            )
            merged = piece.float()
            for backwards, far_bias in ((False, bias[:, 0]), (True, bias[:, -1])):
                add_far_(
                    merged,
                    lse,
                    *states,
                    window=FAR,
                    scale=scale,
                    backwards=backwards,
                    bias=far_bias,
                )
            rows = merged.to(out.dtype).transpose(1, 2).flatten(2, 3).flatten(0, 1)
            out[run.start : run.stop] = rows
        return (stock.o(out.unsqueeze(0)),)


class _NoBias:
    """Skips building the bias of all pairs while a pack is active."""

    def __init__(self, encoder: nn.Module) -> None:
        self._compute = cast("Any", type(encoder)).compute_position_bias
        self._encoder = encoder

    def __call__(self, states: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
        if active_pack() is not None:
            return None
        return cast("Tensor | None", self._compute(self._encoder, states, *args, **kwargs))


def install_relative(model: nn.Module) -> None:
    """Replace the self-attention of every layer of an MPNet model."""
    encoder = cast("Any", model.encoder)
    encoder.compute_position_bias = _NoBias(encoder)
    for layer in encoder.layer:
        layer.attention.attn = PackedRelativeAttention(layer.attention.attn, encoder)
