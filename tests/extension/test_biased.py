"""Attention with a bias by distance, against explicit matrices in float64."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.extension import biased
from longembed_rag.extension.biased import alibi_bias, alibi_slopes, biased_attention, spread
from longembed_rag.extension.plan import PlanRules
from tests.reference.biased import slopes, t5_buckets


@pytest.mark.parametrize("heads", [1, 2, 4, 6, 8, 12, 16, 20, 32])
def test_slopes_are_those_of_the_paper_s_code(heads: int) -> None:
    """Powers of two, and what lies between for other counts of heads."""
    assert alibi_slopes(heads) == pytest.approx(slopes(heads).tolist(), rel=1e-12)


def test_published_slopes() -> None:
    """The example of the ALiBi paper: 8 heads, 1/2 to 1/256."""
    assert alibi_slopes(8) == [2.0**-i for i in range(1, 9)]


def rules(method: Any, **changes: Any) -> PlanRules:
    """A model of 64 tokens with ALiBi."""
    values = {"original_length": 64, "max_length": 4096, **changes}
    return PlanRules(method=method, positions="alibi", **values)


@pytest.mark.parametrize(("tokens", "scale"), [(64, 1), (65, 2), (200, 4)])
def test_flatter_slopes(tokens: int, scale: int) -> None:
    """Under pi the ends of a long text lose no more than those of one of L0 tokens."""
    plan = rules("pi").plan(tokens)
    bias = alibi_bias([0.5], plan, causal=False, device=torch.device("cpu"))[0]
    assert plan.scale == scale
    assert bias[tokens - 1] == 0
    assert bias[0] == bias[-1] == -0.5 * (tokens - 1) / scale
    plain = alibi_bias([0.5], rules("none").plan(tokens), causal=True, device=torch.device("cpu"))
    assert plain[0, 0] == -0.5 * (tokens - 1)
    assert plain[0, tokens:].tolist() == [-math.inf] * (tokens - 1)


@given(
    tokens=st.integers(1, 70),
    heads=st.integers(1, 3),
    batch=st.integers(1, 2),
    causal=st.booleans(),
    block=st.integers(1, 90),
    seed=st.integers(0, 2**16),
)
def test_is_the_explicit_matrix(
    tokens: int, heads: int, batch: int, causal: bool, block: int, seed: int
) -> None:
    """Whole rows at once, as on CPUs, and blocks of queries, as elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, batch, heads, tokens, 8, generator=generator)
    bias = torch.randn(heads, 2 * tokens - 1, generator=generator)
    if causal:
        bias[:, tokens:] = -math.inf
    at = torch.arange(tokens)
    matrix = bias.double()[:, at[None, :] - at[:, None] + tokens - 1]
    scores = query.double() @ key.double().transpose(-1, -2) * 0.3 + matrix
    expected = scores.softmax(-1) @ value.double()
    whole = biased_attention(query, key, value, bias=bias, scale=0.3)
    assert (whole - expected).abs().max() < 2e-6
    pieces = [
        biased._turned(
            query[:, :, first : first + block], key, value, bias=bias, first=first, scale=0.3
        )
        for first in range(0, tokens, block)
    ]
    assert (torch.cat(pieces, dim=2) - expected).abs().max() < 2e-6


def test_a_table_ends_in_one_number_a_side() -> None:
    """T5's buckets: what lies beyond the farthest distance shares the last one."""
    table = torch.randn(2, 9)
    far, tokens = 20, 50
    offsets = torch.arange(1 - tokens, tokens)
    buckets = t5_buckets(offsets, 8, far) % 9
    near = t5_buckets(torch.arange(-far, far + 1), 8, far) % 9
    assert torch.equal(spread(table[:, near], tokens), table[:, buckets])
