"""Position arithmetic against the published examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.positions import (
    grouped,
    interpolated,
    position_ids,
    recurrent,
)


def test_small_examples() -> None:
    """GP, RP and PI of a handful of tokens, written out."""
    assert grouped(7, 2).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert recurrent(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert interpolated(5, 4).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("method", ["gp", "rp", "pi"])
@given(tokens=st.integers(1, 600))
def test_positions_stay_inside_the_table(method: str, tokens: int) -> None:
    """Whatever the length, no plan reads a learned table past its last row."""
    rules = PlanRules(method=method, positions="learned", original_length=16, max_length=600)  # type: ignore[arg-type]
    positions = position_ids(rules.plan(tokens))
    assert len(positions) == tokens
    assert positions.min() >= 0
    assert positions.max() < 16


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 6))
def test_anchors_of_a_tuned_table(tokens: int, anchors: int, step: int) -> None:
    """Texts of at most that many tokens stand at every so many rows, the others at each."""
    rules = PlanRules(
        method="pcw",
        positions="learned",
        original_length=anchors * step,
        max_length=4096,
        anchors=anchors,
        anchor_step=step,
    )
    found = position_ids(rules.plan(tokens)).tolist()
    assert found == [at * (step if tokens <= anchors else 1) for at in range(tokens)]
    assert tokens > anchors or found[-1] < anchors * step
