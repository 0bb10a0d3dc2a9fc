"""Weighing evidence: pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.search.fusion import (
    WEIGHTS,
    Evidence,
    Weights,
    fuse,
    passage_scorer,
    trust_in_tokens,
    trust_in_words,
)

ROUND = Weights(
    pairs=0.5,
    passage_terms=0.25,
    passage_vector=2.0,
    terms_beside_late=0.125,
    vector_beside_late=0.2,
    passage_late=1.5,
    vector=0.1,
    terms_gain=1.0,
    vector_gain=0.5,
    late_gain=0.25,
    one_thing=10.0,
)
_SIGNALS = ("terms", "pairs", "vector", "passage_terms", "passage_vector")


def evidence(**changes: Any) -> Evidence:
    """Two documents, the first of one passage and the second of ten; words are trusted fully."""
    values: dict[str, Any] = {
        "documents": ("a", "b"),
        "passages": np.array([1, 10]),
        "terms": np.array([4.0, 2.0]),
        "pairs": np.array([2.0, 0.0]),
        "vector": np.array([0.3, 0.6]),
        "passage_terms": np.array([3.0, 6.0]),
        "passage_vector": np.array([0.5, 0.8]),
        "passage_late": None,
        "words_scale": 2.0,
        "vector_scale": 0.1,
        "passage_terms_scale": 1.5,
        "passage_vector_scale": 0.2,
        "passage_late_scale": 0.05,
        "coverage": 1.0,
        "words": 4,
    }
    return Evidence(**{**values, **changes})


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Any evidence."""
    count = draw(st.integers(0, 8))
    number = st.floats(-50, 50)
    scale = st.floats(0.01, 10)

    def signal() -> Any:
        return np.array(draw(st.lists(number, min_size=count, max_size=count)), dtype=np.float64)

    with_passages = draw(st.booleans())
    return Evidence(
        documents=tuple(draw(st.permutations([f"d{index}" for index in range(count)]))),
        passages=np.array(
            draw(st.lists(st.integers(0, 5000), min_size=count, max_size=count)), dtype=np.int64
        ),
        terms=signal(),
        pairs=signal(),
        vector=signal(),
        passage_terms=signal() if with_passages else None,
        passage_vector=signal() if with_passages else None,
        passage_late=signal() if with_passages and draw(st.booleans()) else None,
        words_scale=draw(scale),
        vector_scale=draw(scale),
        passage_terms_scale=draw(scale),
        passage_vector_scale=draw(scale),
        passage_late_scale=draw(scale),
        coverage=draw(st.floats(0, 1)),
        words=draw(st.integers(0, 200)),
    )


def test_two_documents_by_hand() -> None:
    """Weights times signals in standard deviations; ten passages gain ln 10 by chance."""
    fusion = fuse(evidence(), ROUND)
    gain = math.log(10)
    assert fusion.parts_of(0) == pytest.approx(
        {
            "terms": 4 / 2,
            "pairs": 0.5 * 2 / 2,
            "vector": 0.1 * 3,
            "passage_terms": 0.25 * 2,
            "passage_vector": 2 * 2.5,
        }
    )
    assert fusion.parts_of(1) == pytest.approx(
        {
            "terms": 2 / 2,
            "pairs": 0.0,
            "vector": 0.1 * 6,
            "passage_terms": 0.25 * (4 - gain),
            "passage_vector": 2 * (4 - 0.5 * gain),
        }
    )
    first, second = 8.3, 1 + 0.6 + 1 - 0.25 * gain + 8 - gain
    assert fusion.order.tolist() == [0, 1]
    assert fusion.scores.tolist() == pytest.approx([first, second])


def test_tokens_by_hand() -> None:
    """Tokens count in their own deviations, less what the best of ten gains; the cosine less."""
    seen = evidence(passage_late=np.array([0.4, 0.5]), words=20)
    plain, fusion, gain = fuse(evidence(words=20), ROUND), fuse(seen, ROUND), math.log(10)
    # Twenty words tell of two things, of which a passage answers one.
    for index, tokens in enumerate((1.5 / 4 * 8, 1.5 / 4 * (10 - 0.25 * gain))):
        expected = {**plain.parts_of(index), "passage_late": tokens}
        expected["passage_vector"] *= 0.2 / 2
        expected["passage_terms"] *= 0.125 / 0.25
        assert fusion.parts_of(index) == pytest.approx(expected)
    assert seen.signals(1)["passage_late"] == 0.5


@pytest.mark.parametrize(
    ("words", "coverage", "expected"),
    [
        (4, 1.0, 1.0),
        (10, 1.0, 1.0),
        (20, 1.0, 1 / 4),  # two things
        (1, 1.0, 1 / 16),  # who types one word means it
        (2, 1.0, 1 / 4),
        (100, 0.09, 1 - (0.3 / 0.6) * 0.99),  # words are trusted halfway
        (20, 0.0, 1 - 0.1 * 3 / 4),
    ],
)
def test_trust_in_tokens_by_hand(words: int, coverage: float, expected: float) -> None:
    """Less the more a query tells, and where it is one word or two; as far as words are trusted."""
    assert trust_in_tokens(evidence(words=words, coverage=coverage)) == pytest.approx(expected)


@given(words=st.integers(0, 100), coverage=st.floats(0, 1))
def test_tokens_never_count_more_than_fully(words: int, coverage: float) -> None:
    """Whatever is asked, between nothing and all."""
    assert 0 < trust_in_tokens(evidence(words=words, coverage=coverage)) <= 1


def test_words_that_are_not_trusted_count_little() -> None:
    """Trust scales everything that words add, and nothing of what is meant."""
    full, none = fuse(evidence()), fuse(evidence(coverage=0.0))
    for name in ("terms", "pairs", "passage_terms"):
        np.testing.assert_allclose(none.parts[name], WEIGHTS.least_trust * full.parts[name])
    for name in ("vector", "passage_vector"):
        np.testing.assert_array_equal(none.parts[name], full.parts[name])


@pytest.mark.parametrize(
    ("coverage", "words", "expected"),
    [
        (0.0, 5, 0.1),
        (0.3, 4, 0.1),  # reach 0.6, from where on words are trusted a little
        (0.45, 4, 0.5),  # reach 0.9, halfway
        (0.6, 4, 1.0),
        (1.0, 1, 1.0),  # fewer than four words count as four
        (0.45, 1, 0.5),
        (1.0, 100, 1.0),
        (0.1, 100, 2 / 3),
        (1.0, 0, 1.0),
    ],
)
def test_trust_by_hand(coverage: float, words: int, expected: float) -> None:
    """Coverage times the root of the number of words, between two bounds."""
    assert trust_in_words(evidence(coverage=coverage, words=words)) == pytest.approx(expected)


@given(evidences(), st.floats(0, 1), st.integers(0, 100))
def test_trust_grows_with_coverage_and_words(seen: Evidence, share: float, more: int) -> None:
    """It never falls when more of the query is found, or more words are found so well."""
    here = trust_in_words(seen)
    covered = seen.coverage + share * (1 - seen.coverage)
    assert WEIGHTS.least_trust <= here <= 1
    assert trust_in_words(replace(seen, coverage=covered)) >= here
    assert trust_in_words(replace(seen, words=seen.words + more)) >= here


@given(evidences())
def test_parts_sum_up_to_the_score(seen: Evidence) -> None:
    """What each signal adds is all there is to a score, and the best comes first."""
    fusion = fuse(seen)
    assert sorted(fusion.order.tolist()) == list(range(len(seen.documents)))
    for rank, index in enumerate(fusion.order):
        assert math.fsum(fusion.parts_of(index).values()) == pytest.approx(
            fusion.scores[rank], abs=1e-6
        )
    assert all(a >= b for a, b in pairwise(fusion.scores))


@given(evidences(), st.sampled_from(_SIGNALS), st.floats(0, 10), st.data())
def test_better_evidence_never_lowers_a_score(
    seen: Evidence, name: str, more: float, data: st.DataObject
) -> None:
    """A document whose signal rises does not fall behind one that stays."""
    signal = getattr(seen, name)
    if signal is None or len(signal) == 0:
        return
    index = data.draw(st.integers(0, len(signal) - 1))
    raised = signal.copy()
    raised[index] += more
    before, after = fuse(seen), fuse(replace(seen, **{name: raised}))
    places = [fusion.order.tolist().index(index) for fusion in (before, after)]
    assert places[1] <= places[0]


@given(evidences(), st.data())
def test_the_order_does_not_depend_on_that_of_the_evidence(
    seen: Evidence, data: st.DataObject
) -> None:
    """Wherever candidates come from, and however often scores are equal."""
    seen = replace(seen, terms=np.round(seen.terms / 25), vector=np.zeros_like(seen.vector))
    order = data.draw(st.permutations(range(len(seen.documents))))
    index = np.array(order, dtype=np.int64)
    changes = {
        name: getattr(seen, name)[index]
        for name in (*_SIGNALS, "passage_late", "passages")
        if getattr(seen, name) is not None
    }
    shuffled = replace(seen, documents=tuple(seen.documents[i] for i in order), **changes)
    ranked = [[each.documents[i] for i in fuse(each).order] for each in (seen, shuffled)]
    assert ranked[0] == ranked[1]


def test_equal_scores_are_ordered_by_id() -> None:
    """So that the same collection answers alike wherever it lies."""
    same = np.array([1.0, 1.0, 2.0])
    fusion = fuse(
        evidence(
            documents=("b", "a", "c"),
            passages=np.array([3, 3, 3]),
            **dict.fromkeys(_SIGNALS, same),
        )
    )
    assert fusion.order.tolist() == [2, 1, 0]


def test_many_passages_are_no_advantage_by_themselves() -> None:
    """Of equal signals the shorter document wins; without passages nothing is taken off."""
    same = dict.fromkeys(_SIGNALS, np.array([2.0, 2.0, 2.0]))
    seen = evidence(documents=("a", "b", "c"), passages=np.array([100, 1, 0]), **same)
    fusion = fuse(seen)
    assert fusion.order.tolist() == [1, 2, 0]
    lost = fusion.parts["passage_terms"][1] - fusion.parts["passage_terms"][0]
    assert lost == pytest.approx(WEIGHTS.passage_terms * WEIGHTS.terms_gain * math.log(100))


def test_without_passages_only_documents_count() -> None:
    """A collection that keeps none has three parts, and three signals."""
    seen = evidence(passage_terms=None, passage_vector=None)
    fusion = fuse(seen, ROUND)
    assert set(fusion.parts) == set(seen.signals(0)) == {"terms", "pairs", "vector"}
    assert fusion.scores.tolist() == pytest.approx([2.8, 1.6])


def test_signals_are_given_as_they_are() -> None:
    """Beside the parts, the numbers that they were made from."""
    assert evidence().signals(1) == {
        "terms": 2.0, "pairs": 0.0, "vector": 0.6, "passage_terms": 6.0, "passage_vector": 0.8,
    }  # fmt: skip


def test_no_candidates_are_no_ranking() -> None:
    """An empty collection is no error."""
    empty = np.array([])
    seen = evidence(documents=(), passages=np.array([], dtype=np.int64),
                     **dict.fromkeys(_SIGNALS, empty))  # fmt: skip
    assert len(fuse(seen).order) == len(fuse(seen).scores) == 0


def test_passages_are_weighed_like_their_documents() -> None:
    """A passage's words and meaning, in the same units; what is not known counts as nothing."""
    seen = evidence()
    both = {"terms": 3.0, "vector": 0.5}
    assert passage_scorer(seen, ROUND)(both) == pytest.approx(0.25 * 2 + 2 * 2.5)
    assert passage_scorer(seen, ROUND)({"terms": 3.0}) == pytest.approx(0.5)
    assert passage_scorer(seen, ROUND)({"vector": 0.5}) == pytest.approx(5.0)
    untrusted = evidence(coverage=0.0)
    assert passage_scorer(untrusted, ROUND)(both) == pytest.approx(0.1 * 0.5 + 5.0)
    tokens = evidence(passage_late=np.array([0.4, 0.5]))
    assert passage_scorer(tokens, ROUND)({**both, "late": 0.5}) == pytest.approx(
        0.125 * 2 + 0.2 * 2.5 + 1.5 * 10
    )
