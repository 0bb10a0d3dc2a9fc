"""Position arithmetic: which position each token claims to have (pure functions).

Every function takes a text's own token count and returns one value per token, int64 or float64,
shape ``[n]``, positions counted from 0. Models whose table starts later (RoBERTa, XLM-R, MPNet)
add their offset afterwards.
"""

from __future__ import annotations

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

    Some methods give each pair of tokens its own distance instead (pieces.py); the positions
    returned for them are the plain ones.
    """
    if plan.extends and plan.method == "gp" and plan.group_size is not None:
        return grouped(plan.tokens, plan.group_size).astype(np.float64)
    if plan.extends and plan.method == "rp":
        return recurrent(plan.tokens, plan.original_length).astype(np.float64)
    if plan.extends and plan.method == "pi":
        return interpolated(plan.tokens, plan.scale)
    return np.arange(plan.tokens, dtype=np.float64) * plan.position_step
