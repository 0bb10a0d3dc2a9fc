"""Options of a run: the learning rate's course, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.options import TrainingOptions


def test_the_rate_rises_and_falls() -> None:
    """By hand: four updates up, then in equal parts towards zero at the last."""
    options = TrainingOptions(steps=8, learning_rate=1.0, warmup_steps=4)
    rates = [options.rate_at(step) for step in range(9)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]


@given(st.integers(1, 300), st.integers(0, 400))
def test_the_rate_is_always_usable(steps: int, warmup: int) -> None:
    """Above zero at every update, never above the highest, and it rises before it falls."""
    options = TrainingOptions(steps=steps, learning_rate=0.5, warmup_steps=warmup)
    rates = [options.rate_at(step) for step in range(steps)]
    assert all(0 < rate <= 0.5 for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert options.rate_at(steps) == 0.0 or steps < warmup


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "steps=0 must be greater"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be greater"),
        ({"learning_rate": float("nan")}, "learning_rate=nan must be greater"),
        ({"clip_norm": -1.0}, "clip_norm=-1.0 must be greater"),
        ({"log_every": 0}, "log_every=0 must be greater"),
        ({"warmup_steps": -1}, "warmup_steps=-1 must not be negative"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 must not be negative"),
        ({"checkpoint_seconds": float("nan")}, "checkpoint_seconds=nan must not be negative"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], told: str) -> None:
    """The value is named."""
    with pytest.raises(SettingsError, match=told):
        TrainingOptions(**{"steps": 10, "learning_rate": 1e-3, **changes})


def test_identity_is_all_that_changes_the_result() -> None:
    """How often a run is saved or logged does not; everything else does."""
    plain = TrainingOptions(steps=10, learning_rate=1e-3)
    often = TrainingOptions(steps=10, learning_rate=1e-3, checkpoint_seconds=1, log_every=1)
    assert plain.identity() == often.identity()
    for changes in ({"steps": 11}, {"seed": 1}, {"weight_decay": 0.0}, {"clip_norm": 2.0}):
        values = {"steps": 10, "learning_rate": 1e-3, **changes}
        assert TrainingOptions(**values).identity() != plain.identity()
