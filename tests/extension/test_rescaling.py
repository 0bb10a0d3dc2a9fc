"""LongRoPE's factors: what a file may say, and where the critical pair lies."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.extension.rescaling import RopeFactors, critical_pair
from longembed_rag.extension.sharpening import longrope_attention_factor

STATED: dict[str, Any] = {
    "long_factor": [1.0, 2.0],
    "original_max_position_embeddings": 4096,
    "factor": 32,
}


def test_attention_as_models_ship_it() -> None:
    """Phi-3-mini-128k: 131,072 tokens of 4,096."""
    assert longrope_attention_factor(32, 4096) == pytest.approx(1.190238, abs=1e-6)
    assert longrope_attention_factor(32, 4096) == math.sqrt(1 + math.log(32) / math.log(4096))
    assert longrope_attention_factor(1, 4096) == 1.0


def test_as_transformers_computes_them() -> None:
    """Attention factor and long frequencies of transformers' rope type."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    from longembed_rag.extension.frequencies import inverse_frequencies, rescaled

    stated = {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0] * 4,
        "long_factor": [1.0, 1.5, 3.0, 7.5],
        "factor": 8.0,
        "original_max_position_embeddings": 512,
    }
    config = LlamaConfig(
        hidden_size=16, num_attention_heads=2, max_position_embeddings=4096, rope_parameters=stated
    )
    expected, attention = ROPE_INIT_FUNCTIONS["longrope"](config, device="cpu", seq_len=513)
    found = RopeFactors.of(stated, name="here")
    own = rescaled(inverse_frequencies(1e4, 8), found.factors)
    assert own == pytest.approx(expected.numpy(), rel=1e-6)
    assert found.attention == pytest.approx(attention, rel=1e-12)


@given(
    st.lists(st.floats(0.5, 100), min_size=1, max_size=64),
    st.integers(1, 10**6),
    st.floats(1, 1000),
    st.none() | st.floats(0.5, 3),
)
def test_there_and_back(
    factors: list[float], length: int, scale: float, attention: float | None
) -> None:
    """What is kept of a file says all that stood in it, and always in the same way."""
    stated = {
        **STATED,
        "long_factor": factors,
        "original_max_position_embeddings": length,
        "factor": scale,
        "attention_factor": attention,
    }
    found = RopeFactors.of(stated, name="here")
    assert RopeFactors.parse(found.to_json(), name="there") == found
    assert RopeFactors.parse(found.to_json(), name="there").to_json() == found.to_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"long_factor": None},
        {"long_factor": []},
        {"long_factor": [1.0, 0.0]},
        {"long_factor": [1.0, True]},
        {"long_factor": [1.0, 1e300]},
        {"long_factor": "1.0"},
        {"original_max_position_embeddings": 4096.0},
        {"original_max_position_embeddings": 0},
        {"factor": None},
        {"factor": "8"},
        {"attention_factor": -1},
    ],
    ids=str,
)
def test_bad_files_are_named(changes: dict[str, Any]) -> None:
    """The sentence names the file and the key."""
    ((key, _),) = changes.items()
    with pytest.raises(SettingsError, match=key) as caught:
        RopeFactors.of({**STATED, **changes}, name="factors.json")
    assert "factors.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1}', "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    """Whatever stands in the file."""
    with pytest.raises(SettingsError, match=r"factors\.json"):
        RopeFactors.parse(text, name="factors.json")
    assert RopeFactors.parse(json.dumps(STATED), name="x").scale == 32


@pytest.mark.parametrize(
    ("theta", "dim", "length", "pair"),
    [(1e4, 128, 4096, 46), (5e5, 128, 8192, 35), (1e4, 64, 512, 16), (1e4, 64, 4, 0)],
)
def test_critical_pair(theta: float, dim: int, length: int, pair: int) -> None:
    """Llama 2 at 92 of 128 dimensions, Llama 3 at 70, as published; the smallest model at none."""
    assert critical_pair(theta, dim, length) == pair
    turns = length / (2 * math.pi)
    if pair:
        assert turns * theta ** (-2 * pair / dim) <= 1 < turns * theta ** (-2 * (pair - 1) / dim)
