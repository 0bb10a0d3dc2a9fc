"""Cutting content into windows: every token read, weights that add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.extension.windows import (
    WindowRules,
    cut,
    overflow_windows,
    parallel_windows,
)


def test_the_last_parallel_window_is_shifted_back() -> None:
    """Ten tokens in windows of four: the last one is full and overlaps."""
    assert parallel_windows(10, 4) == [(0, 4), (4, 8), (6, 10)]
    assert parallel_windows(8, 4) == [(0, 4), (4, 8)]
    assert parallel_windows(3, 4) == [(0, 3)]


def test_overflow_windows_do_not_overlap() -> None:
    """Ten tokens in windows of four: the last one is as short as it falls."""
    assert overflow_windows(10, 4) == [(0, 4), (4, 8), (8, 10)]


RULES = st.builds(
    WindowRules,
    overlap=st.integers(0, 12),
    sinks=st.integers(0, 12),
    by_tokens=st.booleans(),
)


def test_windows_that_overlap_and_see_the_beginning() -> None:
    """Twenty tokens in windows of eight, two of them shared, the first two seen by all."""
    rules = WindowRules(overlap=2, sinks=2)
    assert parallel_windows(20, 8, rules) == [(0, 8), (6, 12), (10, 16), (14, 20)]
    assert [each.sinks for each in cut(20, section_room=99, window_room=8, rules=rules)] == [
        *(0, 2, 2, 2)
    ]
    assert overflow_windows(20, 8, 2) == [(0, 8), (6, 14), (12, 20)]


@given(
    tokens=st.integers(0, 400),
    section=st.integers(1, 90),
    window=st.none() | st.integers(1, 40),
    rules=RULES,
)
def test_every_token_is_fresh_exactly_once(
    tokens: int, section: int, window: int | None, rules: WindowRules
) -> None:
    """No token is lost or counted twice, no window is too large, and the weights add up to 1."""
    window = None if window is None else min(window, section)
    room = section if window is None else window
    if 2 * (rules.overlap + rules.sinks) > room:
        rules = WindowRules()
    windows = cut(tokens, section_room=section, window_room=window, rules=rules)
    fresh = [index for each in windows for index in range(each.fresh, each.stop)]
    assert fresh == list(range(tokens))
    assert sum(each.weight for each in windows) == pytest.approx(1.0)
    assert all(each.stop - each.start + each.sinks <= room for each in windows)
    assert all(each.sinks <= each.start for each in windows)
    assert all(each.start <= each.fresh for each in windows)


@given(tokens=st.integers(1, 400), section=st.integers(1, 90))
def test_sections_weigh_by_their_tokens(tokens: int, section: int) -> None:
    """Averaging by token count: a window's weight is its share of the tokens."""
    for each in cut(tokens, section_room=section, window_room=None):
        assert each.weight == pytest.approx((each.stop - each.start) / tokens)
