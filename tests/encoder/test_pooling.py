"""Token states to vectors, and passages collected window by window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder import pooling
from longembed_rag.encoder.pooling import (
    PassageBounds,
    PassageSums,
    finish,
    pool_states,
    pool_windows,
)
from longembed_rag.encoder.segment_sums import sums_at_once
from longembed_rag.extension.windows import cut


def test_the_three_poolings() -> None:
    """Mean, first and last token of the same states; a skipped prompt takes no part."""
    states = torch.tensor([[1.0, 0.0], [2.0, 0.0], [6.0, 3.0]])
    assert pool_states(states, "mean").tolist() == [3.0, 1.0]
    assert pool_states(states, "cls").tolist() == [1.0, 0.0]
    assert pool_states(states, "last_token").tolist() == [6.0, 3.0]
    assert pool_states(states, "mean", skip=1).tolist() == [4.0, 1.5]
    assert pool_states(states, "mean", skip=3).tolist() == [3.0, 1.0]


def test_matryoshka_vectors_have_unit_length() -> None:
    """Dimensions are dropped first, then the length is made one."""
    vectors = torch.tensor([[3.0, 4.0, 12.0]])
    assert finish(vectors, truncate_dim=2, normalize=True) == pytest.approx(
        np.array([[0.6, 0.8]]), abs=1e-6
    )
    assert finish(vectors, truncate_dim=None, normalize=False).tolist() == [[3.0, 4.0, 12.0]]


@given(
    tokens=st.integers(1, 120),
    passage=st.integers(1, 40),
    section=st.integers(1, 50),
    window=st.none() | st.integers(1, 20),
    last=st.booleans(),
)
def test_passages_over_any_windows(
    tokens: int, passage: int, section: int, window: int | None, last: bool
) -> None:
    """However a text is cut into windows, each passage pools each of its tokens once."""
    states = torch.arange(tokens, dtype=torch.float32)[:, None]
    bounds = [(at, min(at + passage, tokens)) for at in range(0, tokens, passage)]
    sums = PassageSums(PassageBounds(bounds), hidden=1, last_token=last)
    for each in cut(tokens, section_room=section, window_room=window):
        sums.add(sums.of(each, states[each.start : each.stop]))
    expected = [float(b - 1) if last else (a + b - 1) / 2 for a, b in bounds]
    assert sums.vectors()[:, 0].tolist() == pytest.approx(expected)


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    kind=st.sampled_from(["mean", "cls", "last_token", "sif"]),
    skip=st.integers(0, 5),
)
def test_many_windows_at_once(lengths: list[int], kind: str, skip: int) -> None:
    """What a GPU pools in a few launches is what windows give one by one."""
    generator = torch.Generator().manual_seed(sum(lengths))
    states = [torch.randn(length, 6, generator=generator) for length in lengths]
    weights = None
    if kind == "sif":
        weights = [np.linspace(0.1, 1.0, length, dtype=np.float32) for length in lengths]
    skips = [skip] * len(lengths)
    expected = pool_windows(states, kind, skips=skips, weights=weights)
    found = pooling._pool_at_once(states, kind, skips=skips, weights=weights)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=1e-5)


@given(
    edges=st.lists(st.integers(0, 60), min_size=2, max_size=12),
    weighed=st.booleans(),
)
def test_sums_of_stretches(edges: list[int], weighed: bool) -> None:
    """Stretches with gaps between them, or none, weighed or not."""
    edges = sorted(edges)[: len(edges) // 2 * 2]
    bounds = list(zip(edges[::2], edges[1::2], strict=True))
    states = torch.randn(60, 5, generator=torch.Generator().manual_seed(sum(edges)))
    weights = np.linspace(0.5, 2.0, 60, dtype=np.float32) if weighed else None
    totals = [float(number + 1) for number in range(len(bounds))]
    found = sums_at_once(states, bounds, totals, weights)
    rows = states if weights is None else states * torch.from_numpy(weights)[:, None]
    expected = torch.stack(
        [rows[left:right].sum(0) / by for (left, right), by in zip(bounds, totals, strict=True)]
    )
    assert torch.allclose(found, expected, atol=1e-5)
