"""Token states to vectors, and passages collected window by window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.pooling import PassageBounds, PassageSums, finish, pool_states
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
