"""What attention over long texts is multiplied by."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.sharpening import (
    log_n_factor,
    logits_factor,
    longrope_attention_factor,
    yarn_attention_factor,
)


def rules(method: str, **changes: object) -> PlanRules:
    values: dict[str, object] = {
        "positions": "rotary",
        "original_length": 512,
        "max_length": 4096,
        "rotary_dim": 64,
        "theta": 1e4,
        **changes,
    }
    return PlanRules(method=method, **values)  # type: ignore[arg-type]


def test_kinds() -> None:
    """YaRN's factor falls on queries and keys, so its square on logits; factor 8 gives 1.459."""
    sizes = {"tokens": 4096, "original_length": 512, "scale": 8}
    assert logits_factor("log_n", **sizes) == log_n_factor(4096, 512)
    assert logits_factor("yarn", **sizes) == pytest.approx(1.20794**2, abs=1e-4)
    assert logits_factor("none", **sizes) == 1.0
    assert yarn_attention_factor(8) == pytest.approx(1.20794, abs=1e-5)


@given(st.integers(2, 64), st.integers(2, 8192))
def test_longropes_factor_is_log_n_at_the_longest_text(scale: int, length: int) -> None:
    """Squared, as it falls on queries and on keys."""
    squared = longrope_attention_factor(scale, length) ** 2
    assert squared == pytest.approx(log_n_factor(scale * length, length), rel=1e-9)


@pytest.mark.parametrize("scaling", ["log_n", "yarn", "none"])
@settings(max_examples=20)
@given(tokens=st.integers(513, 4096), temperature=st.floats(0.1, 1.0))
def test_a_temperature_divides_whatever_else_there_is(
    scaling: str, tokens: int, temperature: float
) -> None:
    """All methods past the window, those that change nothing else included."""
    for method in (
        "none",
        "gp",
        "ntk",
        "self_extend",
        "yarn",
        "dynamic_ntk",
        "ntk_by_parts",
        "abf",
    ):
        sharp = rules(method, attention_scaling=scaling, temperature=temperature).plan(tokens)
        plain = rules(method, attention_scaling=scaling).plan(tokens)
        for causal in (False, True):
            one, other = (each.query_factors(causal=causal) for each in (sharp, plain))
            assert np.asarray(one) * temperature == pytest.approx(np.asarray(other), rel=1e-12)


def test_causal_self_extend_goes_by_the_position() -> None:
    """Under log-n alone: YaRN's factor is the text's."""
    factors = rules("self_extend").plan(1000).query_factors(causal=True)
    assert isinstance(factors, np.ndarray)
    assert factors[:512] == pytest.approx(1)
    assert factors[-1] == pytest.approx(math.log(1000) / math.log(512))
    uniform = rules("self_extend", attention_scaling="yarn").plan(1000).query_factors(causal=True)
    assert uniform == pytest.approx(yarn_attention_factor(2) ** 2)
    assert isinstance(rules("ntk").plan(1000).query_factors(causal=True), float)
    smallest = rules("self_extend", original_length=1, temperature=0.5).plan(9)
    assert smallest.query_factors(causal=True) == 2.0


def test_plans_say_what_sharpens_them() -> None:
    """One line for people."""
    assert rules("none", temperature=0.8).plan(4096).describe() == "none (τ=0.8)"
    told = rules("ntk", attention_scaling="yarn", resonance=True).plan(4096).describe()
    assert told == "ntk x8 (λ=10, whole wavelengths, yarn 1.46)"
    assert rules("abf").plan(4096).describe() == "abf x8 (θ=500,000, log-n 1.33)"
    assert not rules("none", temperature=0.8, resonance=True).plan(512).extends
    assert rules("none", resonance=True).plan(513).extends
