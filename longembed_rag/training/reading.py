"""Forward passes that keep their graph, over batches of texts of many lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from longembed_rag.extension.attention import working_dtype
from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.positions import position_ids as position_ids_of

Ints = NDArray[np.int64]

#: The name under which the attention function is registered with transformers.
ATTENTION = "longembed_rag_training"

#: Most of a padded batch that may be padding.
_WASTE = 0.125


@dataclass(frozen=True)
class Piece:
    """A few texts of about one length, padded at the end.

    Attributes:
        rows: Which texts.
        ids: Token ids, ``[texts, n]``.
        mask: 1 where a token stands, ``[texts, n]``; None where nothing is padding.
    """

    rows: list[int]
    ids: Tensor
    mask: Tensor | None


@dataclass(frozen=True)
class TrainingModel:
    """A transformers model and how it is read.

    Attributes:
        model: The model, weights in float32.
        device: Where it runs.
        dtype: In which matrices are multiplied.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``.
        token_types: Whether it wants token types.
        rules: How texts are placed in a learned table; None leaves that to the model.
        offset: The id of position 0 in a learned table.
    """

    model: nn.Module
    device: torch.device
    dtype: torch.dtype
    pooling: str = "mean"
    token_types: bool = False
    rules: PlanRules | None = None
    offset: int = 0

    def precision(self) -> AbstractContextManager[Any]:
        """Multiply in :attr:`dtype`, keep sums and weights in float32."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=enabled)

    def states(
        self, ids: Tensor, *, mask: Tensor | None = None, position_ids: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Hidden states of every layer, the embeddings' first, ``[texts, n, hidden]`` each."""
        inputs: dict[str, Any] = {"input_ids": ids.to(self.device)}
        if mask is not None:
            inputs["attention_mask"] = mask.to(self.device)
        if self.token_types:
            inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
        if position_ids is None and self.rules is not None:
            position_ids = self._own_positions(ids.shape, mask)
        if position_ids is not None:
            inputs["position_ids"] = position_ids.to(self.device)
        out = self.model(**inputs, output_hidden_states=True)
        return cast("tuple[Tensor, ...]", out.hidden_states)

    def _own_positions(self, shape: tuple[int, ...], mask: Tensor | None) -> Tensor:
        """Where each text stands by its own length, ``[texts, n]``."""
        assert self.rules is not None
        ids = np.full(shape, self.offset, dtype=np.int64)
        lengths = [shape[1]] * shape[0] if mask is None else mask.sum(dim=1).tolist()
        for row, length in enumerate(lengths):
            ids[row, :length] += position_ids_of(self.rules.plan(length)).astype(np.int64)
        return torch.from_numpy(ids)

    def pool(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """One vector per text in float32, not normalised, ``[texts, hidden]``."""
        states = states.float()
        if mask is None:
            mask = states.new_ones(states.shape[:2])
        mask = mask.to(states.device)
        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "last_token":
            return states[torch.arange(len(states)), mask.long().sum(dim=1) - 1]
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def embed(
        self,
        texts: Sequence[Ints],
        *,
        budget: int,
        starts: Sequence[int] | None = None,
    ) -> Tensor:
        """One vector per text in float32, not normalised, ``[texts, hidden]``.

        Args:
            texts: Token ids of each.
            budget: Most tokens of a padded batch, if more than one text is in it.
            starts: The position of each text's first token; None places each text by the rules.
        """
        found: dict[int, Tensor] = {}
        for piece in pieces(texts, budget=budget):
            positions = None
            if starts is not None:
                first = torch.tensor([starts[row] for row in piece.rows])
                positions = first[:, None] + torch.arange(piece.ids.shape[1]) + self.offset
            states = self.states(piece.ids, mask=piece.mask, position_ids=positions)[-1]
            for row, vector in zip(piece.rows, self.pool(states, piece.mask), strict=True):
                found[row] = vector
        return torch.stack([found[row] for row in range(len(texts))])


def pieces(texts: Sequence[Ints], *, budget: int) -> Iterator[Piece]:
    """Cut texts into padded batches, neighbours in length together, with little padding.

    Args:
        texts: Token ids of each.
        budget: Most tokens of a batch of more than one text, padding included.
    """
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    while order:
        longest = len(texts[order[-1]])
        count = max(1, min(len(order), budget // max(longest, 1)))
        rows = [row for row in order[-count:] if len(texts[row]) >= (1 - _WASTE) * longest]
        del order[-len(rows) :]
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for at, row in enumerate(rows):
            ids[at, : len(texts[row])] = texts[row]
            mask[at, : len(texts[row])] = 1
        whole = bool(mask.all())
        yield Piece(rows, torch.from_numpy(ids), None if whole else torch.from_numpy(mask))


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The fused kernel in the dtype in which it is fastest here; autocast would not ask."""
    dtype = working_dtype(value)
    with torch.autocast(query.device.type, enabled=False):
        out = functional.scaled_dot_product_attention(
            query.to(dtype),
            key.to(dtype),
            value.to(dtype),
            attn_mask=attention_mask,
            scale=scaling,
            is_causal=bool(getattr(module, "is_causal", False)) and attention_mask is None,
            enable_gqa=query.shape[1] != key.shape[1],
        )
    return out.to(value.dtype).transpose(1, 2).contiguous(), None


def register() -> None:
    """Make the attention function known to transformers; harmless when repeated."""
    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
