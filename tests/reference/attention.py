"""Attention with full score matrices and the distance of each pair."""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_scores(query: Tensor, key: Tensor, distances: Tensor, frequencies: Tensor) -> Tensor:
    """Logits of un-rotated queries and keys at the given distances.

    Args:
        query: ``[heads, n, d]``.
        key: ``[heads, n, d]``.
        distances: Relative position of each query and key, ``[n, n]`` or ``[n, n, d / 2]``.
        frequencies: Inverse frequencies, ``[d / 2]``.

    Returns:
        ``[heads, n, n]``: each query rotated by the distance of that pair, times the key.
    """
    # A table of every distance that occurs, then each pair looks up its own.
    lowest = int(distances.min())
    angle = torch.arange(lowest, int(distances.max()) + 1)[:, None] * frequencies
    at = distances - lowest
    first, second = query.chunk(2, dim=-1)
    key_first, key_second = key.chunk(2, dim=-1)
    scores = torch.zeros(len(query), *distances.shape[:2], dtype=query.dtype)
    for k in range(frequencies.shape[0]):
        rows = at if at.dim() == 2 else at[..., k]
        pair = torch.stack([first[..., k], second[..., k]], dim=-1)
        along = torch.stack([key_first[..., k], key_second[..., k]], dim=-2)
        across = torch.stack([key_second[..., k], -key_first[..., k]], dim=-2)
        # (a c - b s) k1 + (b c + a s) k2, with what c and s stand before put together.
        scores.addcmul_(pair @ along, angle[:, k].cos()[rows])
        scores.addcmul_(pair @ across, angle[:, k].sin()[rows])
    return scores


def attend(scores: Tensor, value: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax over the allowed keys, times the values: ``[n, heads * d]``."""
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    mixed = scores.softmax(dim=-1) @ value
    return mixed.transpose(0, 1).reshape(value.shape[1], -1)


def split_heads(states: Tensor, heads: int) -> Tensor:
    """``[n, heads * d]`` to ``[heads, n, d]``."""
    return states.view(states.shape[0], heads, -1).transpose(0, 1)


def repeat_heads(states: Tensor, heads: int) -> Tensor:
    """Grouped key or value heads, each repeated for the query heads that share it."""
    return states.repeat_interleave(heads // states.shape[0], dim=0)
