"""Passages kept within a multivector's limit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.values import Passage
from longembed_rag.index.passages import fit_passages, unit_length


def spans(tokens: list[int]) -> tuple[Passage, ...]:
    """Passages of so many tokens each, ten characters apart."""
    return tuple(Passage(10 * index, 10 * index + 9, each) for index, each in enumerate(tokens))


@given(
    tokens=st.lists(st.integers(1, 300), min_size=1, max_size=60),
    dimension=st.integers(1, 8),
    limit=st.integers(1, 200),
)
def test_no_text_is_lost_and_the_limit_holds(tokens: list[int], dimension: int, limit: int) -> None:
    """Joined passages cover what the passages covered, in order, with unit vectors, in bounds."""
    vectors = np.random.default_rng(0).standard_normal((len(tokens), dimension)).astype(np.float32)
    passages, joined = fit_passages(spans(tokens), unit_length(vectors), limit=limit)
    assert len(passages) == len(joined)
    assert joined.size <= max(limit, dimension)
    assert passages[0].start == 0
    assert passages[-1].end == spans(tokens)[-1].end
    assert sum(each.tokens for each in passages) == sum(tokens)
    for first, second in pairwise(passages):
        assert second.start == first.end + 1
    assert np.allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-5)


def test_what_fits_stays_as_it_is() -> None:
    """Passages within the limit are not touched."""
    vectors = np.eye(4, dtype=np.float32)
    passages, same = fit_passages(spans([1, 2, 3, 4]), vectors, limit=16)
    assert passages == spans([1, 2, 3, 4])
    assert same is vectors


def test_joined_vectors_are_means_by_tokens() -> None:
    """Three passages in room for two: the two joined ones weigh as much as their tokens."""
    vectors = np.eye(3, dtype=np.float32)
    passages, joined = fit_passages(spans([30, 10, 7]), vectors, limit=6)
    assert [(each.start, each.end, each.tokens) for each in passages] == [(0, 19, 40), (20, 29, 7)]
    assert joined[0] == pytest.approx(np.array([3, 1, 0]) / np.sqrt(10))
    assert joined[1] == pytest.approx([0, 0, 1])


def test_no_passages_are_no_passages() -> None:
    """A document without passages has none afterwards."""
    passages, _ = fit_passages((), np.zeros((0, 3), dtype=np.float32))
    assert passages == ()


def test_a_zero_vector_stays_zero() -> None:
    """A vector without direction is not divided by its length."""
    assert unit_length(np.zeros(3, dtype=np.float32)).tolist() == [0, 0, 0]
