"""Rotary frequency arithmetic (pure functions, float64).

An inverse frequency is the angle, in radians, by which one pair of dimensions turns per position:
``inv_freq[k] = θ^(-2k/d)``, ``k = 0 .. d/2 - 1``. All functions start from the model's *own*
inverse frequencies, so that a model with another base, or with a scaling of its own, is extended
from what it was trained with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.sharpening import yarn_attention_factor

Floats = NDArray[np.float64]

#: Turns over the original length above (below) which YaRN leaves (fully interpolates) a
#: frequency (arXiv 2309.00071, section 3.2; the values of its Llama models).
YARN_BETA_FAST = 32.0
YARN_BETA_SLOW = 1.0


@dataclass(frozen=True)
class RotaryFrequencies:
    """How a kind of layer rotates.

    Attributes:
        inv_freq: Radians per position, shape ``[d / 2]``.
        theta: The rotary base.
        attention_scaling: Factor on cosines and sines (1 for all but YaRN and LongRoPE).
        long_inv_freq: Those of longer texts, where a model has others for them (LongRoPE).
        short_length: The longest text that is read by ``inv_freq`` then, tokens.
    """

    inv_freq: Floats
    theta: float
    attention_scaling: float = 1.0
    long_inv_freq: Floats | None = None
    short_length: int = 0

    @property
    def rotary_dim(self) -> int:
        """Rotated dimensions per head, ``d``."""
        return 2 * len(self.inv_freq)

    def of(self, tokens: int) -> RotaryFrequencies:
        """Those by which the model itself reads a text of so many tokens."""
        if self.long_inv_freq is None:
            return self
        own = self.inv_freq if tokens <= self.short_length else self.long_inv_freq
        return RotaryFrequencies(own, self.theta, self.attention_scaling)


def inverse_frequencies(theta: float, rotary_dim: int) -> Floats:
    """``θ^(-2k/d)`` for ``k = 0 .. d/2 - 1``."""
    return theta ** (-np.arange(0, rotary_dim, 2, dtype=np.float64) / rotary_dim)


def interpolate(inv_freq: Floats, scale: float) -> Floats:
    """Position interpolation: every frequency divided by the scale."""
    return inv_freq / scale


def ntk(inv_freq: Floats, ntk_lambda: float) -> Floats:
    """NTK-aware scaling: the base times ``λ``, so frequency ``k`` falls by ``λ^(-2k/d)``."""
    return inv_freq * inverse_frequencies(ntk_lambda, 2 * len(inv_freq))


def yarn_ramp_ends(rotary_dim: int, theta: float, original_length: int) -> tuple[int, int]:
    """Between which frequency indices YaRN's ramp runs (arXiv 2309.00071, eq. 17 and 18)."""

    def index_of(turns: float) -> float:
        wavelengths = original_length / (turns * 2 * math.pi)
        return rotary_dim * math.log(wavelengths) / (2 * math.log(theta))

    low = math.floor(index_of(YARN_BETA_FAST))
    high = math.ceil(index_of(YARN_BETA_SLOW))
    return max(low, 0), min(high, rotary_dim - 1)


def yarn(frequencies: RotaryFrequencies, *, scale: float, original_length: int) -> Floats:
    """NTK-by-parts (arXiv 2309.00071, section 3.2), which is YaRN but for its attention factor.

    Fast frequencies stay, slow ones are interpolated, with a linear ramp in between.
    """
    inv_freq = frequencies.inv_freq
    low, high = yarn_ramp_ends(frequencies.rotary_dim, frequencies.theta, original_length)
    # A ramp of no width would divide by zero; transformers widens it by the same amount.
    width = high - low if high > low else 0.001
    ramp = np.clip((np.arange(len(inv_freq), dtype=np.float64) - low) / width, 0.0, 1.0)
    return inv_freq * (1.0 - ramp) + interpolate(inv_freq, scale) * ramp


def rescaled(inv_freq: Floats, factors: Sequence[float]) -> Floats:
    """LongRoPE: every frequency divided by a factor of its own."""
    return inv_freq / np.asarray(factors, dtype=np.float64)


def resonant(inv_freq: Floats) -> Floats:
    """Resonance RoPE (arXiv 2403.00071, Algorithm 1): wavelengths rounded to whole tokens.

    A pair of dimensions then repeats itself exactly, and distances beyond its wavelength show it
    no angle that it has not been at before.
    """
    return 2 * math.pi / np.maximum(np.round(2 * math.pi / inv_freq), 1.0)


def extended(frequencies: RotaryFrequencies, plan: ExtensionPlan) -> RotaryFrequencies:
    """The frequencies with which a plan rotates; the model's own where it changes none."""
    own = frequencies.of(plan.tokens)
    if not plan.extends:
        return own
    found = _by_method(own, plan)
    return replace(found, inv_freq=resonant(found.inv_freq)) if plan.resonance else found


def _by_method(own: RotaryFrequencies, plan: ExtensionPlan) -> RotaryFrequencies:
    if plan.method == "pi":
        return replace(own, inv_freq=interpolate(own.inv_freq, plan.scale))
    # ABF gives the base itself; it is taken relative to the model's, as λ is.
    factor = plan.ntk_lambda if plan.rope_theta is None else plan.rope_theta / own.theta
    if factor is not None:
        return replace(own, inv_freq=ntk(own.inv_freq, factor), theta=own.theta * factor)
    if plan.method in ("yarn", "ntk_by_parts"):
        inv_freq = yarn(own, scale=plan.scale, original_length=plan.original_length)
        attention = yarn_attention_factor(plan.scale) if plan.method == "yarn" else 1.0
        return replace(own, inv_freq=inv_freq, attention_scaling=own.attention_scaling * attention)
    if plan.rope_factors is not None:
        attention = own.attention_scaling * plan.rope_attention
        return replace(
            own, inv_freq=rescaled(own.inv_freq, plan.rope_factors), attention_scaling=attention
        )
    return own
