"""Where a ranking is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.search.adaptive import adaptive_count

RANKINGS = st.lists(st.floats(-1e300, 1e300), max_size=40).map(
    lambda scores: sorted(scores, reverse=True)
)


@pytest.mark.parametrize(
    ("scores", "count"),
    [
        ([], 0),
        ([0.3], 1),
        ([0.9, 0.1], 1),
        ([0.5, 0.5], 2),
        ([0.5] * 12, 12),
        ([0.9, 0.88, 0.4, 0.39], 2),
        ([0.9, 0.85, 0.8, 0.75, 0.1], 4),
        ([8.0, 6.0, 4.0, 2.0], 1),
        ([-1.0, -1.5, -9.0], 2),
    ],
)
def test_the_cut_is_at_the_largest_gap(scores: list[float], count: int) -> None:
    """One score, equal scores, ties (the first gap) and a gap before the last of few."""
    assert adaptive_count(scores) == count


def test_a_gap_in_the_last_tenth_is_an_outlier() -> None:
    """A single bad result at the end does not make everything before it good."""
    scores = [0.9, 0.8, 0.6, 0.59, 0.58, 0.57, 0.56, 0.55, 0.54, -5.0]
    assert adaptive_count(scores) == 2
    assert adaptive_count([0.5] * 9 + [-5.0]) == 10


def test_limits_hold_where_the_gap_is_outside_of_them() -> None:
    """An early gap yields to ``least``, a late one to ``most``."""
    assert adaptive_count([0.9, 0.2, 0.19, 0.18], least=3) == 3
    assert adaptive_count([0.9, 0.89, 0.88, 0.1], most=2) == 2
    assert adaptive_count([0.5] * 9, most=4) == 4
    assert adaptive_count([0.9], least=3) == 1


@given(RANKINGS, st.integers(1, 50), st.none() | st.integers(0, 50))
def test_the_count_stays_within_its_limits(
    scores: list[float], least: int, more: int | None
) -> None:
    """Whatever the scores, the count is between ``least`` and ``most`` as far as there are any."""
    most = None if more is None else least + more
    count = adaptive_count(scores, least=least, most=most)
    assert min(least, len(scores)) <= count <= min(most or len(scores), len(scores))


@given(RANKINGS)
def test_no_gap_that_counts_is_larger_than_the_one_at_the_cut(scores: list[float]) -> None:
    """Within the first nine tenths, no two neighbours are further apart than those at the cut."""
    count = adaptive_count(scores)
    gaps = [a - b for a, b in pairwise(scores)]
    considered = gaps[: max(-(-9 * len(scores) // 10) - 1, 0)]
    at_cut = gaps[count - 1] if 0 < count < len(scores) else 0.0
    assert max(considered, default=0.0) == at_cut


def test_numbers_of_numpy_are_numbers() -> None:
    """An array of float32 is a sequence of scores like any other."""
    assert adaptive_count(np.array([0.9, 0.8, 0.1, 0.05], dtype=np.float32)) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "limits", "message"),
    [
        ([0.2, float("nan")], {}, "score 2 is nan"),
        ([float("inf"), 0.1], {}, "score 1 is inf"),
        ([0.3, 0.2, 0.25], {}, r"number 3 \(0.25\) is above number 2 \(0.2\)"),
        ([0.3], {"least": 0}, "least=0"),
        ([0.3], {"least": 4, "most": 3}, "most=3 must not be below least=4"),
    ],
)
def test_what_cannot_be_cut_is_refused(
    scores: list[float], limits: dict[str, int], message: str
) -> None:
    """Scores that are no numbers or in no order, and limits that contradict each other."""
    with pytest.raises(SettingsError, match=message):
        adaptive_count(scores, **limits)
