"""Rotary frequency arithmetic (pure functions, float64).

An inverse frequency is the angle, in radians, by which one pair of dimensions turns per position:
``inv_freq[k] = θ^(-2k/d)``, ``k = 0 .. d/2 - 1``. All functions start from the model's *own*
inverse frequencies, so that a model with another base, or with a scaling of its own, is extended
from what it was trained with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longembed_rag.extension.plan import ExtensionPlan

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
        attention_scaling: Factor on cosines and sines (1 for all but YaRN).
    """

    inv_freq: Floats
    theta: float
    attention_scaling: float = 1.0

    @property
    def rotary_dim(self) -> int:
        """Rotated dimensions per head, ``d``."""
        return 2 * len(self.inv_freq)


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
    """YaRN: fast frequencies stay, slow ones are interpolated, a linear ramp in between."""
    inv_freq = frequencies.inv_freq
    low, high = yarn_ramp_ends(frequencies.rotary_dim, frequencies.theta, original_length)
    # A ramp of no width would divide by zero; transformers widens it by the same amount.
    width = high - low if high > low else 0.001
    ramp = np.clip((np.arange(len(inv_freq), dtype=np.float64) - low) / width, 0.0, 1.0)
    return inv_freq * (1.0 - ramp) + interpolate(inv_freq, scale) * ramp


def yarn_attention_factor(scale: float) -> float:
    """``0.1 ln s + 1``, on cosines and sines alike (arXiv 2309.00071, eq. 22)."""
    return 0.1 * math.log(scale) + 1.0 if scale > 1 else 1.0


def extended(frequencies: RotaryFrequencies, plan: ExtensionPlan) -> RotaryFrequencies:
    """The frequencies with which a plan rotates; the model's own where it changes none."""
    if not plan.extends:
        return frequencies
    if plan.method == "pi":
        inv_freq = interpolate(frequencies.inv_freq, plan.scale)
        return RotaryFrequencies(inv_freq, frequencies.theta, frequencies.attention_scaling)
    if plan.method == "ntk" and plan.ntk_lambda is not None:
        inv_freq = ntk(frequencies.inv_freq, plan.ntk_lambda)
        theta = frequencies.theta * plan.ntk_lambda
        return RotaryFrequencies(inv_freq, theta, frequencies.attention_scaling)
    if plan.method == "yarn":
        inv_freq = yarn(frequencies, scale=plan.scale, original_length=plan.original_length)
        factor = frequencies.attention_scaling * yarn_attention_factor(plan.scale)
        return RotaryFrequencies(inv_freq, frequencies.theta, factor)
    return frequencies
