"""Rotary frequencies against published constants and transformers' own tables."""

from __future__ import annotations

import numpy as np
import pytest

from longembed_rag.extension.frequencies import (
    RotaryFrequencies,
    extended,
    inverse_frequencies,
    ntk,
    yarn_attention_factor,
    yarn_ramp_ends,
)
from longembed_rag.extension.plan import PlanRules


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
    """Only PI, NTK and YaRN change how fast dimensions turn."""
    own = RotaryFrequencies(inverse_frequencies(1e4, 32), 1e4)
    rules = PlanRules(
        method=method,  # type: ignore[arg-type]
        positions="rotary",
        original_length=512,
        max_length=4096,
        rotary_dim=32,
    )
    assert np.array_equal(extended(own, rules.plan(4096)).inv_freq, own.inv_freq)
