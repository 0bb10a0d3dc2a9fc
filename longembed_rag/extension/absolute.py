"""Puts plans into models with a learned position table: BERT, RoBERTa, XLM-R and MPNet."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from longembed_rag.extension.packing import active_pack


class PositionTable(nn.Module):
    """Stands in for a model's position table: reads it where the active pack says.

    Position ``p`` between two rows is their linear interpolation (PI). Beyond the last row,
    ``p > L0 - 1``, there is no right neighbour and the last row is repeated.

    Args:
        original: The model's own table.
        offset: Row of position 0; RoBERTa, XLM-R and MPNet count from ``padding_idx + 1``.
    """

    def __init__(self, original: nn.Embedding, *, offset: int) -> None:
        super().__init__()
        self.original = original
        self.offset = offset

    @property
    def rows(self) -> int:
        """Positions in the table, which is the model's original length ``L0``."""
        return self.original.num_embeddings - self.offset

    def forward(self, position_ids: Tensor) -> Tensor:
        """One vector per token; ``position_ids`` count only outside of a pack."""
        pack = active_pack()
        if pack is None:
            return cast(Tensor, self.original(position_ids))
        lower = pack.positions.floor()
        part = (pack.positions - lower).to(torch.float32).unsqueeze(-1)
        between = bool(part.any())
        part, left = part.to(pack.device), lower.long().to(pack.device)
        vectors = cast(Tensor, self.original(left + self.offset))
        if between:
            right = (left + 1).clamp(max=self.rows - 1)
            other = cast(Tensor, self.original(right + self.offset))
            mixed = vectors.float() * (1.0 - part) + other.float() * part
            vectors = mixed.to(vectors.dtype)
        return vectors.unsqueeze(0)


def install_table(model: nn.Module, *, offset: int) -> None:
    """Replace a model's ``embeddings.position_embeddings`` by one that reads the active pack."""
    embeddings = cast(nn.Module, model.embeddings)
    original = cast(nn.Embedding, embeddings.position_embeddings)
    embeddings.position_embeddings = PositionTable(original, offset=offset)
