"""Token states to vectors."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.extension.windows import Window


def pool_states(states: Tensor, pooling: str, *, skip: int = 0) -> Tensor:
    """One float32 vector from the token states of one window.

    Args:
        states: ``[tokens, hidden]``, special tokens and prompt included.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``.
        skip: Leading tokens that take no part (models that leave prompts out of pooling).
    """
    if pooling == "last_token":
        return states[-1].float()
    kept = states[skip:] if skip < len(states) else states
    if pooling == "cls":
        return kept[0].float()
    return kept.float().mean(dim=0)


def finish(vectors: Tensor, *, truncate_dim: int | None, normalize: bool) -> NDArray[np.float32]:
    """Matryoshka truncation, then unit length, float32 ``[n, dimension]``."""
    kept = vectors[:, :truncate_dim].float()
    if normalize:
        kept = torch.nn.functional.normalize(kept, dim=-1)
    return np.ascontiguousarray(kept.numpy())


class PassageSums:
    """Collects each passage's token states, window by window.

    Args:
        bounds: First and one-past-last content token of each passage, in order.
        hidden: Width of a token state.
        last_token: Whether a passage is its last token's state instead of its tokens' mean.
    """

    def __init__(self, bounds: Sequence[tuple[int, int]], *, hidden: int, last_token: bool) -> None:
        self._bounds = bounds
        self._starts = [start for start, _ in bounds]
        self._last_token = last_token
        self._sums = torch.zeros((len(bounds), hidden), dtype=torch.float32)

    def of(self, window: Window, states: Tensor) -> list[tuple[int, Tensor]]:
        """What a window adds to which passages, from content that no earlier window has read.

        Args:
            window: Which content tokens; PCW's last window reads some a second time.
            states: Content states first, ``[>= window.stop - window.start, hidden]``.
        """
        pieces = []
        first = max(0, bisect_right(self._starts, window.fresh) - 1)
        for index in range(first, bisect_left(self._starts, window.stop)):
            start, stop = self._bounds[index]
            left, right = max(start, window.fresh), min(stop, window.stop)
            if left >= right:
                continue
            piece = states[left - window.start : right - window.start].float()
            if not self._last_token:
                pieces.append((index, piece.sum(dim=0).cpu() / (stop - start)))
            elif right == stop:
                pieces.append((index, piece[-1].cpu()))
        return pieces

    def add(self, pieces: Sequence[tuple[int, Tensor]]) -> None:
        """Add what :meth:`of` returned."""
        for index, piece in pieces:
            self._sums[index] += piece

    def vectors(self) -> Tensor:
        """One vector per passage, float32, ``[passages, hidden]``, before any chain."""
        return self._sums
