"""Token vectors: pooling, bits, and MaxSim against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from longembed_rag.encoder.token_vectors import (
    TokenOptions,
    TokenVectors,
    keep_tokens,
    max_similarities,
    max_similarity,
    to_bits,
    unit_length,
)
from longembed_rag.errors import SettingsError


def random_rows(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """So many random vectors of unit length."""
    chance = np.random.default_rng(seed)
    return unit_length(chance.standard_normal((count, dimension)).astype(np.float32))


def brute_force(query: NDArray[np.float32], passage: NDArray[np.float32]) -> float:
    """MaxSim as its definition says it, in float64."""
    best = [
        max(float(np.dot(one.astype(np.float64), other.astype(np.float64))) for other in passage)
        for one in query
    ]
    return sum(best) / len(best)


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    dimension=st.sampled_from([8, 12, 33]),
    bits=st.booleans(),
    seed=st.integers(0, 99),
)
def test_max_similarity(counts: list[int], dimension: int, bits: bool, seed: int) -> None:
    """Of any passages, exact or as bits, what the definition gives; one without tokens is last."""
    query = random_rows(5, dimension, seed)
    centre = random_rows(1, dimension, seed + 1)[0] * np.float32(0.1)
    passages = [random_rows(count, dimension, seed + 2 + i) for i, count in enumerate(counts)]
    compared = [np.where(each > centre, 1, -1) / np.sqrt(dimension) for each in passages]
    kept = [to_bits(each, centre) if bits else each for each in passages]
    expected = [
        brute_force(query, each.astype(np.float32)) if len(each) else -1.0
        for each in (compared if bits else passages)
    ]
    np.testing.assert_allclose(max_similarity(query, kept), expected, atol=1e-5)


def test_parts_are_compared_each_by_itself() -> None:
    """As each alone, and their mean by tokens is that of the whole query."""
    parts = [random_rows(count, 16, count) for count in (3, 1, 6)]
    passages = [to_bits(random_rows(n, 16, 50 + n), np.zeros(16, np.float32)) for n in (4, 0, 9)]
    found = max_similarities(parts, passages)
    for number, part in enumerate(parts):
        np.testing.assert_allclose(found[:, number], max_similarity(part, passages), atol=1e-6)
    whole = max_similarity(np.concatenate(parts), passages)
    np.testing.assert_allclose(found @ (np.array([3, 1, 6]) / 10), whole, atol=1e-6)


def test_many_passages_are_compared_in_turns() -> None:
    """More tokens than are spelled out at once: the scores are those of each passage alone."""
    query = random_rows(3, 16, 0)
    passages = [to_bits(random_rows(700, 16, seed), np.zeros(16, np.float32)) for seed in range(9)]
    alone = [float(max_similarity(query, [each])[0]) for each in passages]
    np.testing.assert_allclose(max_similarity(query, passages), alone, rtol=1e-6)


@given(count=st.integers(0, 23), pool=st.integers(1, 5))
def test_neighbours_are_averaged(count: int, pool: int) -> None:
    """Each vector is the average of so many neighbours, at unit length; the last of the rest."""
    rows = random_rows(count, 8, count)
    kept = keep_tokens(
        rows, TokenOptions(pool=pool, pool_by="neighbours", bits=False), np.zeros(8, np.float32)
    )
    expected = [rows[at : at + pool].mean(axis=0) for at in range(0, count, pool)]
    assert len(kept) == len(expected)
    for one, other in zip(kept, expected, strict=True):
        np.testing.assert_allclose(one, other / np.linalg.norm(other), atol=1e-5)


def test_clusters_are_of_those_that_are_alike() -> None:
    """Tokens that mean the same become one vector, wherever they stand."""
    ends = random_rows(3, 16, 7)
    rows = unit_length(ends[[0, 1, 2, 0, 1, 2]] + random_rows(6, 16, 8) * np.float32(0.01))
    options = TokenOptions(pool=2, pool_by="clusters", bits=False)
    kept = keep_tokens(rows, options, np.zeros(16, np.float32))
    assert kept.shape == (3, 16)
    assert sorted((kept @ ends.T).argmax(axis=1).tolist()) == [0, 1, 2]
    assert (kept @ ends.T).max(axis=1).min() > 0.99


@given(count=st.integers(1, 20), pool=st.integers(1, 4))
def test_as_many_clusters_as_pairs(count: int, pool: int) -> None:
    """Clusters are never more than a pool-th of the tokens, rounded up."""
    rows = random_rows(count, 8, count)
    options = TokenOptions(pool=pool, pool_by="clusters")
    assert 1 <= len(keep_tokens(rows, options, np.zeros(8, np.float32))) <= -(-count // pool)


def test_of_one_passage() -> None:
    """A passage's vectors are found by its number, also beside one that has none."""
    vectors = TokenVectors(np.array([2, 0, 3]), np.arange(10, dtype=np.uint8).reshape(5, 2), 16)
    assert [vectors.of(index).tolist() for index in range(3)] == [
        [[0, 1], [2, 3]],
        [],
        [[4, 5], [6, 7], [8, 9]],
    ]


@pytest.mark.parametrize(("name", "value"), [("pool", 0), ("pool", True), ("pool_by", "luck")])
def test_odd_options_are_refused(name: str, value: object) -> None:
    """An option out of range is named."""
    with pytest.raises(SettingsError, match=name):
        TokenOptions(**{name: value})  # type: ignore[arg-type]
