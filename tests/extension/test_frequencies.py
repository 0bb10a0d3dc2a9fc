"""Rotary frequencies against published constants and transformers' own tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.extension.frequencies import (
    RotaryFrequencies,
    extended,
    inverse_frequencies,
    ntk,
    resonant,
    yarn_ramp_ends,
)
from longembed_rag.extension.plan import PlanRules, dynamic_ntk_lambda, dynamic_scale
from longembed_rag.extension.sharpening import yarn_attention_factor


def test_published_inverse_frequencies() -> None:
    """θ = 1e4 and 1e5 at 64 dimensions."""
    low, high = inverse_frequencies(1e4, 64), inverse_frequencies(1e5, 64)
    assert low[[1, 16, 31]] == pytest.approx([0.74989421, 0.01, 0.00013335], rel=3e-5)
    assert high[[1, 16, 31]] == pytest.approx([0.69783058, 0.00316228, 1.433e-05], rel=3e-4)


@pytest.mark.parametrize("theta", [1e4, 1.6e5, 1e6])
def test_ntk_is_the_models_own_base_times_lambda(theta: float) -> None:
    """Never a fixed 10000."""
    assert ntk(inverse_frequencies(theta, 64), 10.0) == pytest.approx(
        inverse_frequencies(10.0 * theta, 64), rel=1e-12
    )


def test_yarn_ramp_ends() -> None:
    """The two published pairs."""
    assert yarn_ramp_ends(64, 1e4, 512) == (3, 16)
    assert yarn_ramp_ends(128, 1e4, 4096) == (20, 46)


def test_yarn_attention_factor() -> None:
    """Factor 8 gives 1.20794; no stretch gives 1."""
    assert yarn_attention_factor(8) == pytest.approx(1.20794, abs=1e-5)
    assert yarn_attention_factor(1) == 1.0


@pytest.mark.parametrize("scale", [2, 4, 8, 64])
def test_yarn_equals_transformers(scale: int) -> None:
    """Frequencies and attention factor are those of transformers' yarn type."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=128,
        num_attention_heads=2,
        max_position_embeddings=512 * scale,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 1e4,
            "factor": float(scale),
            "original_max_position_embeddings": 512,
        },
    )
    expected, factor = ROPE_INIT_FUNCTIONS["yarn"](config, device="cpu")
    rules = PlanRules(
        method="yarn",
        positions="rotary",
        original_length=512,
        max_length=512 * scale,
        rotary_dim=64,
    )
    own = extended(RotaryFrequencies(inverse_frequencies(1e4, 64), 1e4), rules.plan(512 * scale))
    assert own.inv_freq == pytest.approx(expected.numpy(), rel=1e-5)
    assert own.attention_scaling == pytest.approx(factor)


@pytest.mark.parametrize("method", ["none", "gp", "self_extend", "pcw"])
def test_methods_that_leave_frequencies_alone(method: str) -> None:
    """Position ids and distances do it without."""
    own = RotaryFrequencies(inverse_frequencies(1e4, 32), 1e4)
    rules = PlanRules(
        method=method,  # type: ignore[arg-type]
        positions="rotary",
        original_length=512,
        max_length=4096,
        rotary_dim=32,
    )
    assert np.array_equal(extended(own, rules.plan(4096)).inv_freq, own.inv_freq)


OF_FREQUENCIES = ("pi", "ntk", "yarn", "dynamic_ntk", "ntk_by_parts", "abf")


def turned(method: str, tokens: int, **changes: Any) -> RotaryFrequencies:
    """How a text is rotated by a model of 512 tokens, 64 dimensions and base 10,000."""
    rules = PlanRules(
        method=method,  # type: ignore[arg-type]
        positions="rotary",
        original_length=512,
        max_length=32768,
        rotary_dim=64,
        theta=1e4,
        **changes,
    )
    return extended(RotaryFrequencies(inverse_frequencies(1e4, 64), 1e4), rules.plan(tokens))


@pytest.mark.parametrize("tokens", [600, 4096, 5000])
def test_dynamic_ntk_equals_transformers(tokens: int) -> None:
    """The rope type ``dynamic`` with the scale as its factor, for a batch of that one text."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scale = dynamic_scale(tokens, 512)
    config = LlamaConfig(
        hidden_size=128,
        num_attention_heads=2,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": float(scale)},
    )
    expected, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, device="cpu", seq_len=tokens)
    own = turned("dynamic_ntk", tokens)
    assert own.inv_freq == pytest.approx(expected.numpy(), rel=1e-5)
    assert own.attention_scaling == 1.0


def test_dynamic_ntk_at_eight_times_the_window() -> None:
    """Published: it multiplies the base by 64.9 there, and by 1 where nothing is stretched."""
    sizes = {"original_length": 512, "rotary_dim": 64}
    assert dynamic_ntk_lambda(4096, scale=8, **sizes) == pytest.approx(64.9, abs=0.05)
    assert dynamic_ntk_lambda(512, scale=8, **sizes) == 1.0


def test_by_parts_is_yarn_without_its_factor() -> None:
    """The same frequencies, cosines and sines as they are."""
    parts, yarn = turned("ntk_by_parts", 4096), turned("yarn", 4096)
    assert np.array_equal(parts.inv_freq, yarn.inv_freq)
    assert (parts.attention_scaling, yarn.attention_scaling) == (1.0, yarn_attention_factor(8))


@pytest.mark.parametrize("theta", [None, 160_000.0])
def test_abf_is_another_base(theta: float | None) -> None:
    """500,000 for a model of 10,000, as published, unless another is given."""
    own = turned("abf", 4096, rope_theta=theta)
    assert own.inv_freq == pytest.approx(inverse_frequencies(theta or 5e5, 64), rel=1e-12)


def test_published_wavelengths() -> None:
    """Heads of 64 and base 10,000: 6.28 tokens become 6, 8.38 become 8, 11.17 become 11."""
    waves = 2 * np.pi / resonant(inverse_frequencies(1e4, 64))
    assert waves[:3] == pytest.approx([6, 8, 11])
    assert waves == pytest.approx(np.round(2 * np.pi / inverse_frequencies(1e4, 64)))


@given(
    method=st.sampled_from((*OF_FREQUENCIES, "none")),
    tokens=st.integers(1, 32768),
    resonance=st.booleans(),
)
def test_no_frequency_is_faster_and_none_overtakes_another(
    method: str, tokens: int, resonance: bool
) -> None:
    """Slower or as fast as the model's own, in the same order; whole wavelengths to the half."""
    own, found = inverse_frequencies(1e4, 64), turned(method, tokens, resonance=resonance).inv_freq
    assert (np.diff(found) <= 0).all()
    waves = 2 * np.pi / found
    if tokens <= 512:
        assert np.array_equal(found, own)
    elif resonance:
        assert waves == pytest.approx(np.round(waves), abs=1e-6)
        assert np.abs(waves - 2 * np.pi / turned(method, tokens).inv_freq).max() <= 0.5 + 1e-6
    else:
        assert (found <= own * (1 + 1e-12)).all()


def test_a_models_own_long_frequencies() -> None:
    """By the text's own length, each starts from those that are for it."""
    short, longer = inverse_frequencies(1e4, 8), inverse_frequencies(1e4, 8) / 3
    own = RotaryFrequencies(short, 1e4, 1.1, long_inv_freq=longer, short_length=40)
    assert np.array_equal(own.of(40).inv_freq, short)
    assert np.array_equal(own.of(41).inv_freq, longer)
    assert own.of(41).attention_scaling == 1.1
    rules = PlanRules(
        method="pi", positions="rotary", original_length=64, max_length=256, rotary_dim=8
    )
    assert extended(own, rules.plan(100)).inv_freq == pytest.approx(longer / 2)
