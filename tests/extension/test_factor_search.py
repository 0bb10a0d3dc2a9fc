"""The search for rescale factors, on fitnesses whose best is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.extension.factor_search import MOST, Space, _children, evolve_rope_factors
from longembed_rag.extension.rescaling import RopeFactors, critical_pair

SIZES = {"theta": 1e4, "rotary_dim": 32, "original_length": 512, "length": 4096}
#: Nothing that a search begins with: half of the pairs as they are, half far past the scale.
TARGET = np.repeat([1.0, 9.5], 8)


def closeness(factors: RopeFactors) -> float:
    """Highest at the target."""
    return -float(np.abs(np.log(np.array(factors.factors) / TARGET)).sum())


def test_what_a_search_begins_with() -> None:
    """PI, NTK, YaRN, and a start that is slower than the scale from before the critical pair on."""
    interpolated, by_base, by_parts, beyond = Space(**SIZES).starts()
    assert interpolated == pytest.approx(8.0)
    assert by_base == pytest.approx(10 ** (np.arange(16) / 16), abs=0.006)
    assert (by_parts[0], by_parts[-1]) == (1.0, 8.0)
    first = critical_pair(1e4, 32, 512) - 1
    assert beyond[first:] == pytest.approx(8.8)
    assert (beyond[:first] < 8.8).all()


def test_it_gets_better_than_its_starts() -> None:
    """By mutations and crossovers, in a few rounds; and the same seed finds the same."""
    found = evolve_rope_factors(closeness, **SIZES, rounds=30)
    assert found.fitness == closeness(found.factors)
    assert found.start_fitness < found.fitness - 1
    assert 4 < found.tried <= 4 + 30 * 8
    assert evolve_rope_factors(closeness, **SIZES, rounds=30) == found
    assert (found.factors.original_length, found.factors.scale) == (512, 8.0)


def test_without_time_the_best_start_is_taken() -> None:
    """They are tried in any case."""
    found = evolve_rope_factors(closeness, **SIZES, is_late=lambda: True)
    assert found.tried == 4
    assert found.fitness == found.start_fitness


@settings(max_examples=20)
@given(
    theta=st.floats(100, 1e6),
    dim=st.integers(1, 64),
    length=st.integers(2, 8192),
    scale=st.floats(1.01, 64),
    seed=st.integers(0, 2**32 - 1),
)
def test_factors_never_fall_and_stay_in_bounds(
    theta: float, dim: int, length: int, scale: float, seed: int
) -> None:
    """Starts and children alike: from 1 to 1.25 scales, in steps of a hundredth."""
    space = Space(theta, 2 * dim, length, max(length + 1, int(scale * length)))
    draw = np.random.default_rng(seed)
    parents = space.starts()
    for each in (*parents, *_children(parents, space, draw)):
        assert each.shape == (dim,)
        assert (np.diff(each) >= 0).all()
        assert each.min() >= 1
        assert each.max() <= MOST * space.scale + 0.01
        assert each * 100 == pytest.approx(np.round(each * 100), abs=1e-6)
