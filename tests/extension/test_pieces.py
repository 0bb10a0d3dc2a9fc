"""Distances by pieces, against the papers' own examples and each method's definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.extension.frequencies import inverse_frequencies
from longembed_rag.extension.methods import Method
from longembed_rag.extension.pieces import (
    Arrangement,
    arrangement,
    dpe_group_sizes,
    dual_chunk,
    self_extend,
    shifted,
)
from longembed_rag.extension.plan import PlanRules

METHODS = st.sampled_from(["self_extend", "dca", "string", "dpe"])


def arranged(method: Method, tokens: int, length: int, pairs: int = 8) -> Arrangement | None:
    rules = PlanRules(
        method=method, positions="rotary", original_length=length, max_length=4096, rotary_dim=16
    )
    return arrangement(rules.plan(tokens), inverse_frequencies(100.0, 2 * pairs))


def test_published_self_extend_distances() -> None:
    """Ten tokens, w=4, g=2: what the first and the fifth token see."""
    distances = self_extend(10, 2, 4).distances()
    assert np.abs(distances[0]).tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6]
    assert (-distances[4]).tolist() == [-4, -3, -2, -1, 0, 1, 2, 3, 4, 4]


def test_published_dual_chunk_distances() -> None:
    """Figure 2 of the paper: twelve tokens, s=6, c=10, w=4; its last and its seventh row."""
    at = dual_chunk(12, 6, 4, 10)
    assert at.positions["near"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert at.positions["next"].tolist() == [6, 7, 8, 9, 9, 9] * 2
    assert at.positions["far"].tolist() == [9] * 12
    distances = at.distances()
    assert distances[6].tolist() == [6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5]
    assert distances[11].tolist() == [9, 8, 7, 6, 5, 4, 5, 4, 3, 2, 1, 0]
    third = dual_chunk(18, 6, 4, 10).distances()[12:, :6]
    assert third.tolist() == [[9, 8, 7, 6, 5, 4]] * 6


def test_shifted_distances() -> None:
    """Nine trained distances, S=3, W=1: from 3 on they begin at 1 again, after 9 once more."""
    wanted = [0, 1, 2, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1]
    assert shifted(16, 3, 1, 9).distances()[:, 0].tolist() == wanted
    # A text for which the paper's own formula is enough.
    assert shifted(9, 3, 1, 9).distances()[:, 0].tolist() == wanted[:9]


@given(st.integers(1, 80), st.integers(1, 9), st.integers(1, 20))
def test_self_extend_by_its_definition(tokens: int, group: int, window: int) -> None:
    """Every pair has the distance of the definition, in plain numbers and by dimensions."""
    distances = self_extend(tokens, group, window).distances()
    shift = window - window // group
    for i in range(tokens):
        for j in range(tokens):
            if abs(i - j) < window:
                expected = i - j
            elif i > j:
                expected = (i // group + shift) - j // group
            else:
                expected = i // group - (j // group + shift)
            assert distances[i, j] == expected
    both = self_extend(tokens, np.array([1, group]), window).distances()
    real = np.arange(tokens)[:, None] - np.arange(tokens)
    assert (both[..., 0] == real).all()
    assert (both[..., 1] == distances).all()


@given(METHODS, st.integers(1, 130), st.integers(2, 40))
def test_every_pair_is_in_one_piece(method: Method, tokens: int, length: int) -> None:
    """No pair is seen twice, none is left out, and the first piece holds the diagonal."""
    found = arranged(method, tokens, length)
    if found is None:
        assert tokens <= length
        return
    seen = np.sum([piece.pairs.mask(tokens).astype(int) for piece in found.pieces], axis=0)
    assert (seen == 1).all()
    assert found.pieces[0].pairs.mask(tokens).diagonal().all()
    causal = [piece.pairs.mask(tokens) for piece in found.seen(causal=True)]
    assert np.any(causal, axis=0)[np.tril_indices(tokens)].all()


@given(METHODS, st.integers(1, 130), st.integers(2, 40))
def test_what_all_distances_have_in_common(method: Method, tokens: int, length: int) -> None:
    """Both directions mirror each other; near pairs are exact; DCA and STRING stay in L0."""
    found = arranged(method, tokens, length)
    if found is None:
        return
    distances = found.distances().reshape(tokens, tokens, -1)
    assert (distances == -np.moveaxis(distances, 0, 1)).all()
    real = (np.arange(tokens)[:, None] - np.arange(tokens))[..., None]
    window = {
        "self_extend": max(1, length // (2 ** int(np.ceil(np.log2(tokens / length))))),
        "dca": length - max(1, length * 3 // 4),
        "string": max(1, length // 3),
        "dpe": max(1, length // 8),
    }[method]
    assert ((distances == real) | (np.abs(real) >= window)).all()
    assert (np.sign(distances) == np.sign(real)).all()
    if method in ("dca", "string"):
        assert np.abs(distances).max() <= length - 1


@given(length=st.integers(9, 600), scale=st.integers(2, 64))
def test_dpe_brings_slow_dimensions_into_the_trained_length(length: int, scale: int) -> None:
    """Those that turn less than once see no distance beyond L0, whatever the text's length."""
    rules = PlanRules(
        method="dpe", positions="rotary", original_length=length, max_length=length * scale
    )
    tokens = length * scale
    plan = replace(rules, scaling="static").plan(tokens)
    assert plan.group_size is not None
    assert plan.neighbor_window is not None
    at = self_extend(tokens, plan.group_size, plan.neighbor_window).positions
    assert at["after"][-1] - at["key"][0] <= length


def test_dpe_groups_dimensions_by_their_turns() -> None:
    """A BERT-sized head at 512 tokens: the fast pairs stay, the slow ones are grouped most."""
    sizes = dpe_group_sizes(inverse_frequencies(10_000.0, 64), 512, 9)
    assert sizes[::4].tolist() == [1, 2, 3, 6, 9, 9, 9, 9]
    assert (sizes.reshape(8, 4) == sizes[::4, None]).all()
    faster = dpe_group_sizes(inverse_frequencies(10_000.0, 64), 8192, 9)
    assert (faster <= sizes).all()
    assert dpe_group_sizes(np.array([1.0, 0.0, 0.0]), 512, 5).tolist() == [1, 5, 5]


@pytest.mark.parametrize("pairs", [1, 3, 8, 20])
@given(length=st.integers(2, 10_000), most=st.integers(1, 40))
def test_dpe_groups_slower_dimensions_more(pairs: int, length: int, most: int) -> None:
    """The slower a pair turns, the more neighbours share a position; never more than asked for."""
    sizes = dpe_group_sizes(inverse_frequencies(10_000.0, 2 * pairs), length, most)
    assert (np.diff(sizes) >= 0).all()
    assert sizes.min() >= 1
    assert sizes.max() <= most
