"""Blocked, banded and merged attention against full score matrices."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.extension import attention


def states(rows: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, rows, 8, generator=generator).to(dtype) for _ in range(3)]


def full(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    hidden: torch.Tensor,
    scale: float,
    bias: torch.Tensor | float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    scores = query.double() @ key.double().transpose(-1, -2) * scale + bias
    scores = scores.masked_fill(hidden, -math.inf)
    return scores.softmax(-1) @ value.double(), scores.logsumexp(-1)


def distances(rows: int) -> torch.Tensor:
    at = torch.arange(rows)
    return at[None, :] - at[:, None]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_log_sum_exp_comes_with_the_output(rows: int, causal: bool) -> None:
    """The fused kernel and its public fallback agree with the full matrix."""
    query, key, value = states(rows)
    hidden = distances(rows) > 0 if causal else torch.zeros(rows, rows, dtype=torch.bool)
    expected, expected_lse = full(query, key, value, hidden=hidden, scale=0.3)
    for function in (attention.attend_with_lse, attention.blocked_attention):
        out, lse = function(query, key, value, causal=causal, scale=0.3)
        assert (out - expected).abs().max() < 1e-5
        assert (lse - expected_lse).abs().max() < 1e-5


def test_the_fallback_is_taken_where_the_fused_kernel_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the private operator the result is the same."""
    query, key, value = states(50)
    expected, expected_lse = attention.attend_with_lse(query, key, value, causal=True, scale=0.3)
    monkeypatch.setattr(attention, "_fused_with_lse", lambda *_, **__: None)
    out, lse = attention.attend_with_lse(query, key, value, causal=True, scale=0.3)
    assert (out - expected).abs().max() < 1e-5
    assert (lse - expected_lse).abs().max() < 1e-5


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of a few queries at a time give what all at once give."""
    query, key, value = states(41)
    expected = attention.blocked_attention(query, key, value, causal=True, scale=0.3)
    monkeypatch.setattr(attention, "_BLOCK_ELEMENTS", 2 * 3 * 41 * 4)
    out, lse = attention.blocked_attention(query, key, value, causal=True, scale=0.3)
    assert torch.allclose(out, expected[0], atol=1e-6)
    assert torch.allclose(lse, expected[1], atol=1e-6)


@settings(max_examples=40)
@given(
    rows=st.integers(1, 330),
    window=st.integers(1, 90),
    causal=st.booleans(),
    biased=st.booleans(),
    budget=st.sampled_from([1, 50_000, 10**7]),
)
def test_the_band(rows: int, window: int, causal: bool, biased: bool, budget: int) -> None:
    """Pairs closer than the window, with or without a bias by distance, in any block size."""
    query, key, value = states(rows, seed=rows)
    apart = distances(rows)
    hidden = (apart.abs() >= window) | (causal & (apart > 0))
    table = torch.randn(3, 2 * window - 1, generator=torch.Generator().manual_seed(1))
    per_pair = table[:, (apart + window - 1).clamp(0, 2 * window - 2)].double()
    expected, expected_lse = full(
        query, key, value, hidden=hidden, scale=0.3, bias=per_pair if biased else 0.0
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "_BAND_ELEMENTS", budget)
        out, lse = attention.band_attention(
            query,
            key,
            value,
            window=window,
            causal=causal,
            scale=0.3,
            bias=table if biased else None,
        )
    assert (out - expected).abs().max() < 1e-5
    assert (lse - expected_lse).abs().max() < 1e-5


@settings(max_examples=30)
@given(rows=st.integers(1, 200), window=st.integers(1, 90))
def test_band_and_far_sides_make_the_whole(rows: int, window: int) -> None:
    """Near, far left and far right, merged, are plain attention; biases count on their side."""
    query, key, value = states(rows, seed=rows)
    apart = distances(rows)
    sides = torch.randn(2, 3, generator=torch.Generator().manual_seed(2))
    bias = torch.zeros(3, rows, rows, dtype=torch.float64)
    bias += torch.where(apart <= -window, sides[0][:, None, None], 0.0)
    bias += torch.where(apart >= window, sides[1][:, None, None], 0.0)
    nothing = torch.zeros(rows, rows, dtype=torch.bool)
    expected, expected_lse = full(query, key, value, hidden=nothing, scale=0.3, bias=bias)
    out, lse = attention.band_attention(query, key, value, window=window, scale=0.3)
    far: dict[str, Any] = {"window": window, "scale": 0.3}
    attention.add_far_(out, lse, query, key, value, bias=sides[0], **far)
    attention.add_far_(out, lse, query, key, value, bias=sides[1], backwards=True, **far)
    assert (out - expected).abs().max() < 1e-5
    assert (lse - expected_lse).abs().max() < 1e-5


def test_bfloat16_states_keep_their_precision() -> None:
    """The band sums in float32 whatever the states' dtype."""
    query, key, value = states(100, dtype=torch.bfloat16)
    hidden = distances(100).abs() >= 9
    expected, expected_lse = full(query, key, value, hidden=hidden, scale=0.3)
    out, lse = attention.band_attention(query, key, value, window=9, scale=0.3)
    assert out.dtype == torch.bfloat16
    assert (out.double() - expected).abs().max() < 2e-2
    assert (lse - expected_lse).abs().max() < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_returns_the_same_log_sum_exp(dtype: torch.dtype, gpu: str) -> None:
    """On a GPU the fused kernel and the blocks agree, for lengths that need padding too."""
    for rows in (33, 1000):
        query, key, value = (each.to(gpu) for each in states(rows, dtype=dtype))
        out, lse = attention.attend_with_lse(query, key, value, causal=True, scale=0.3)
        expected, expected_lse = attention.blocked_attention(
            query, key, value, causal=True, scale=0.3
        )
        assert (out - expected).abs().max() < 2e-2
        assert (lse - expected_lse).abs().max() < 1e-2
