"""How long texts a rotary base is enough for (arXiv 2405.14591, "Base of RoPE Bounds ...").

Of two tokens that are alike and two that are not, attention should prefer the former, at every
distance. Over queries and keys without a direction of their own that preference is in proportion
to ``B(m, θ) = Σ cos(m θ^(-2k/d))``, ``k = 0 .. d/2 - 1`` (section 3, Theorem 1): where it falls
below zero, a base is too small for texts of that length, however it was trained.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Distances that are looked at; a base that is enough for so many is not asked further.
FARTHEST = 131_072
_AT_ONCE = 2048


def preference(inv_freq: NDArray[np.float64], distances: NDArray[np.int64]) -> NDArray[np.float64]:
    """``B(m, θ)`` for several distances, shape as ``distances``.

    Args:
        inv_freq: Radians per position, ``[d / 2]``.
        distances: Tokens, ``[n]``.
    """
    angles = distances[:, None] * inv_freq
    return np.asarray(np.cos(angles).sum(axis=1))


def enough_for(theta: float, rotary_dim: int, *, farthest: int = FARTHEST) -> int:
    """The longest text for which a base is enough, tokens: all smaller distances are preferred.

    Args:
        theta: The rotary base.
        rotary_dim: Rotated dimensions per head (``d``).
        farthest: What is returned at most.
    """
    inv_freq = theta ** (-np.arange(0, rotary_dim, 2, dtype=np.float64) / rotary_dim)
    for start in range(0, farthest, _AT_ONCE):
        distances = np.arange(start, min(start + _AT_ONCE, farthest), dtype=np.int64)
        below = np.nonzero(preference(inv_freq, distances) < 0)[0]
        if len(below):
            return int(distances[below[0]])
    return farthest


def in_words(theta: float, tokens: int) -> str:
    """What is said of a base, such as ``"θ = 10,000 is enough for about 730 tokens"``."""
    if tokens >= FARTHEST:
        return f"θ = {theta:,.0f} is enough for {FARTHEST:,} tokens or more"
    return f"θ = {theta:,.0f} is enough for about {_rounded(tokens):,} tokens"


def _rounded(tokens: int) -> int:
    """To two digits: the bound is no sharper than that."""
    unit = int(10 ** max(0, len(str(tokens)) - 2))
    return max(1, tokens // unit * unit)
