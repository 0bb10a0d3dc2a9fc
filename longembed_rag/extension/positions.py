"""Position arithmetic: which position each token claims to have (pure functions).

Every function takes a text's own token count and returns one value per token, int64 or float64,
shape ``[n]``, positions counted from 0. Models whose table starts later (RoBERTa, XLM-R, MPNet)
add their offset afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longembed_rag.extension.plan import ExtensionPlan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def grouped(tokens: int, group_size: int) -> Ints:
    """Grouped positions (GP): ``i // s``; ``s`` neighbours share one position."""
    return np.arange(tokens, dtype=np.int64) // group_size


def recurrent(tokens: int, original_length: int) -> Ints:
    """Recurrent positions (RP): ``i mod L0``; the table is read again from its start."""
    return np.arange(tokens, dtype=np.int64) % original_length


def interpolated(tokens: int, scale: int) -> Floats:
    """Position interpolation (PI): ``i / s``, a fractional position between two rows."""
    return np.arange(tokens, dtype=np.float64) / scale


def position_ids(plan: ExtensionPlan) -> Floats:
    """The positions under which a plan reads its tokens, fractional for PI.

    A short text in a table tuned by PI stands at the original rows: ``i * s``.

    SelfExtend gives each pair of tokens its own distance instead: see
    :func:`self_extend_positions`; the positions returned for it are the plain ones.
    """
    if plan.extends and plan.method == "gp" and plan.group_size is not None:
        return grouped(plan.tokens, plan.group_size).astype(np.float64)
    if plan.extends and plan.method == "rp":
        return recurrent(plan.tokens, plan.original_length).astype(np.float64)
    if plan.extends and plan.method == "pi":
        return interpolated(plan.tokens, plan.scale)
    return np.arange(plan.tokens, dtype=np.float64) * plan.position_step


@dataclass(frozen=True)
class SelfExtendPositions:
    """Positions by which rotating queries and keys yields SelfExtend's distances.

    Attributes:
        near: Both sides, for pairs closer than the neighbour window.
        key: Keys, for pairs further apart.
        query_after: Queries whose key lies to the left (``i - j >= w``).
        query_before: Queries whose key lies to the right (``j - i >= w``); may be negative.
    """

    near: Ints
    key: Ints
    query_after: Ints
    query_before: Ints


def self_extend_positions(
    tokens: int, group_size: int, neighbor_window: int
) -> SelfExtendPositions:
    """SelfExtend (arXiv 2401.01325, section 3) as positions of queries and keys.

    Far to the left the relative position is ``(i//g + w - w//g) - j//g``; far to the right
    ``i//g - (j//g + w - w//g)``. Both share the grouped keys once the shift is moved to the
    query, so one set of rotated keys serves both sides.
    """
    near = np.arange(tokens, dtype=np.int64)
    group = near // group_size
    shift = neighbor_window - neighbor_window // group_size
    return SelfExtendPositions(
        near=near, key=group, query_after=group + shift, query_before=group - shift
    )


def self_extend_distances(tokens: int, group_size: int, neighbor_window: int) -> Ints:
    """All pairs' relative positions ``query - key``, shape ``[n, n]``; for figures and tests."""
    at = self_extend_positions(tokens, group_size, neighbor_window)
    real = at.near[:, None] - at.near[None, :]
    after = at.query_after[:, None] - at.key[None, :]
    before = at.query_before[:, None] - at.key[None, :]
    far = np.where(real > 0, after, before)
    return np.where(np.abs(real) < neighbor_window, real, far)
