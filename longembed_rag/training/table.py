"""A position table made longer: the original rows stay, the new ones among them can learn."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.errors import SettingsError
from longembed_rag.extension.plan import static_scale

TableMethod = Literal["pi", "rp"]
TABLE_METHODS: tuple[TableMethod, ...] = ("pi", "rp")


class LongTable(nn.Module):
    """Stands in for a model's position table while its new rows learn (LongEmbed, section 4.2).

    PI: ``E[i*s] = E0[i]``, in between their linear interpolation, and the last row repeated beyond
    ``(L0 - 1) * s``. RP: ``E[i] = E0[i mod L0]``, the first ``L0`` rows being the original ones.

    Args:
        original: The model's own table.
        method: ``"pi"`` or ``"rp"``.
        original_length: Rows of it that are used (``L0``).
        length: Positions of the new table (``T``); rounded up to a multiple of ``L0``, so that
            every original row has its place.
        offset: Row of position 0; RoBERTa, XLM-R and MPNet count from ``padding_idx + 1``.

    Raises:
        SettingsError: The new table is not longer than the original, or the method is unknown.
    """

    def __init__(
        self,
        original: nn.Embedding,
        *,
        method: TableMethod,
        original_length: int,
        length: int,
        offset: int = 0,
    ) -> None:
        super().__init__()
        if method not in TABLE_METHODS:
            raise SettingsError(f"method={method!r} is not one of: {', '.join(TABLE_METHODS)}")
        if length <= original_length:
            raise SettingsError(
                f"length={length} must be more than the {original_length} tokens that the model "
                "reads already"
            )
        self.method = method
        self.offset = offset
        self.original_length = original_length
        self.scale = static_scale(length, original_length)
        self.length = self.scale * original_length
        start = original.weight.detach().float().cpu()
        rows = start[offset : offset + original_length]
        long, new = _stretched(rows, method, self.scale)
        self.register_buffer("whole", torch.cat([start[:offset], long]))
        self.register_buffer("new_rows", torch.from_numpy(new + offset))
        self.new = nn.Parameter(long[new].clone())

    def table(self) -> Tensor:
        """All rows, ``[offset + T, hidden]``."""
        return cast(Tensor, self.whole).index_copy(0, cast(Tensor, self.new_rows), self.new)

    def forward(self, position_ids: Tensor) -> Tensor:
        """One vector per position id."""
        return functional.embedding(position_ids, self.table())


def _stretched(
    rows: Tensor, method: TableMethod, scale: int
) -> tuple[Tensor, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The longer table, and which of its rows are new."""
    at = np.arange(scale * len(rows), dtype=np.int64)
    last = len(rows) - 1
    if method == "rp":
        return rows[torch.from_numpy(at % len(rows))], at[at > last]
    left = at // scale
    right = np.minimum(left + 1, last)
    part = torch.from_numpy((at % scale / scale).astype(np.float32))[:, None]
    mixed = rows[torch.from_numpy(left)] * (1 - part) + rows[torch.from_numpy(right)] * part
    return mixed, at[at % scale != 0]
