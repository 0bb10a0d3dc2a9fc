"""BLOOM and MPT, whose ALiBi attention is their own, in memory linear in the length.

transformers' MPT builds its biases for the trained length alone, and reads no longer text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from longembed_rag.extension.biased import alibi_bias, alibi_slopes, run_biased
from longembed_rag.extension.packing import active_pack

_NAME = "longembed_rag_alibi_decoder"


class _PackedAttention(nn.Module, ABC):
    """Stands in for the attention of such a model: reads the active pack, else the stock module."""

    def __init__(self, original: nn.Module, slopes: Sequence[float]) -> None:
        super().__init__()
        self.original = original
        self.slopes = tuple(slopes)

    @abstractmethod
    def _states(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, ``[1, heads, n, head_dim]``."""

    @abstractmethod
    def _scale(self) -> float:
        """The factor on the logits."""

    @abstractmethod
    def _out(self, mixed: Tensor, *args: Any) -> tuple[Tensor, None]:
        """What the stock module makes of the heads' outputs, ``[1, n, heads * head_dim]``."""

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """As the stock module's: the output first."""
        pack = active_pack()
        if pack is None:
            stock = self.original(hidden_states, *args, **kwargs)
            return cast("tuple[Any, ...]", stock)
        states = self._states(hidden_states)
        pieces = []
        for run in pack.runs:
            bias = alibi_bias(self.slopes, run.plan, causal=True, device=hidden_states.device)
            scale = self._scale() * run.plan.attention_factor
            pieces.append(run_biased(run, *states, bias=bias, scale=scale))
        return self._out(torch.cat(pieces, dim=1).flatten(2), *args)


class _BloomAttention(_PackedAttention):
    def _states(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stock = cast("Any", self.original)
        return cast("tuple[Tensor, Tensor, Tensor]", stock._reshape(stock.query_key_value(hidden)))

    def _scale(self) -> float:
        return float(cast("Any", self.original).inv_norm_factor)

    def _out(self, mixed: Tensor, *args: Any) -> tuple[Tensor, None]:
        return args[0] + cast("Any", self.original).dense(mixed), None


class _MptAttention(_PackedAttention):
    def _states(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stock = cast("Any", self.original)
        mixed = stock.Wqkv(hidden)
        if stock.clip_qkv:
            mixed = mixed.clamp(min=-stock.clip_qkv, max=stock.clip_qkv)
        shape = (*hidden.shape[:2], stock.n_heads, stock.head_dim)
        parts = (each.reshape(shape).transpose(1, 2) for each in mixed.chunk(3, dim=2))
        return cast("tuple[Tensor, Tensor, Tensor]", tuple(parts))

    def _scale(self) -> float:
        return float(cast("Any", self.original).softmax_scale)

    def _out(self, mixed: Tensor, *args: Any) -> tuple[Tensor, None]:
        return cast("Any", self.original).out_proj(mixed), None


def _small_mask(*args: Any, **kwargs: Any) -> Tensor:
    """A mask that hides nothing while a pack is active; transformers' own otherwise."""
    if active_pack() is not None:
        return torch.zeros((1, 1, 1, 1))
    return cast(Tensor, eager_mask(*args, **kwargs))


def install_alibi_decoder(model: nn.Module) -> None:
    """Let a BLOOM or MPT model read packs."""
    # Masks of all pairs are asked for under this name; no attention function is.
    AttentionInterface.register(_NAME, sdpa_attention_forward)
    AttentionMaskInterface.register(_NAME, _small_mask)
    stock = cast("Any", model)
    bloom = stock.config.model_type == "bloom"
    heads = int(stock.config.n_head if bloom else stock.config.n_heads)
    for block in stock.h if bloom else stock.blocks:
        name = "self_attention" if bloom else "attn"
        packed = (_BloomAttention if bloom else _MptAttention)(
            getattr(block, name), alibi_slopes(heads)
        )
        setattr(block, name, packed)
    stock.config._attn_implementation = _NAME
