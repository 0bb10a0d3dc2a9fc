"""Scores by hand, published figures by hand, and how certain differences are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.measures import (
    DEPTH_PARTS,
    by_depth,
    difference,
    mean_points,
    measure,
    measure_names,
)
from longembed_eval.published import published
from longembed_eval.results import Cost, Difference, Results, Row
from longembed_eval.systems.protocol import Ranking, ranked
from longembed_eval.tasks.values import Query


def ranking(*documents: str) -> Ranking:
    """Documents, best first, with falling scores."""
    return tuple((document, 1.0 / rank) for rank, document in enumerate(documents, 1))


def row(task: str, group: str, metric: str, score: float) -> Row:
    return Row(
        task=task,
        group=group,
        kind="passkey",
        main_metric=metric,  # type: ignore[arg-type]
        length=None,
        system="truncate",
        settings={},
        metrics={metric: score},
        cost=Cost(
            documents=1,
            tokens=0,
            tokens_read=0,
            index_seconds=1.0,
            peak_memory_bytes=1,
            vectors=1,
            index_bytes=1,
            query_ms=1.0,
        ),
        scores={},
        rankings={},
    )


def test_binary_answers_by_hand() -> None:
    """One query with two answers, at ranks 2 and 5, and one that has it first."""
    rankings = {
        "a": ranking("x", "gold", "y", "z", "more", "w"),
        "b": ranking("only", "x"),
    }
    gold = {"a": {"gold": 1, "more": 1}, "b": {"only": 1}}
    scores = measure(rankings, gold, depth=10)
    ideal = 1 + 1 / math.log2(3)
    assert scores["ndcg@10"]["a"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(6)) / ideal)
    assert scores["accuracy@1"] == {"a": 0.0, "b": 1.0}
    assert scores["mrr@10"]["a"] == pytest.approx(0.5)
    assert scores["recall@5"]["a"] == 1.0
    assert scores["ndcg@10"]["b"] == scores["mrr@10"]["b"] == scores["recall@5"]["b"] == 1.0


def test_the_worked_example_of_graded_gains() -> None:
    """Wikipedia's example (gains 3, 2, 3, 0, 1, 2): DCG 6.861, ideal 7.141, nDCG 0.961.

    The gain is linear, as in trec_eval; the exponential one would give 0.949.
    """
    gains = (3, 2, 3, 0, 1, 2)
    names = [f"d{i}" for i in range(6)]
    gold = {"q": {name: gain for name, gain in zip(names, gains, strict=True) if gain}}
    (score,) = measure({"q": ranking(*names)}, gold, depth=10)["ndcg@10"].values()
    assert score == pytest.approx(6.861 / 7.141, abs=2e-4)
    assert f"{score:.3f}" == "0.961"
    exponential = [
        sum((2**g - 1) / math.log2(i + 2) for i, g in enumerate(order))
        for order in (gains, sorted(gains, reverse=True))
    ]
    assert score != pytest.approx(exponential[0] / exponential[1], abs=5e-3)


def test_the_worked_example_of_reciprocal_ranks() -> None:
    """Wikipedia's example (cats, torus, virus: ranks 3, 2 and 1): a mean of 11/18, or 0.61."""
    rankings = {
        "cat": ranking("catten", "cati", "cats"),
        "torus": ranking("torii", "tori", "toruses"),
        "virus": ranking("viruses", "virii", "viri"),
    }
    gold = {"cat": {"cats": 1}, "torus": {"tori": 1}, "virus": {"viruses": 1}}
    scores = measure(rankings, gold, depth=10)["mrr@10"]
    assert mean_points(scores) == pytest.approx(100 * 11 / 18)


def test_the_published_passkeys_of_e5_base() -> None:
    """50 queries a length with the hits that the paper tells give the 38.0 that it tells."""
    (run,) = (run for run in published().runs if run.name == "E5-Base 512")
    rows = []
    for length, accuracy in run.lengths["passkey"].items():
        hits = round(accuracy / 2)
        assert 2 * hits == accuracy, "a share of 50 queries"
        gold = {f"q{i}": {f"d{i}": 1} for i in range(50)}
        rankings = {
            f"q{i}": ranking(f"d{i}", "other") if i < hits else ranking("other", f"d{i}")
            for i in range(50)
        }
        scores = measure(rankings, gold, depth=10)["accuracy@1"]
        assert mean_points(scores) == pytest.approx(accuracy)
        rows.append(row(f"passkey-{length}", "passkey", "accuracy@1", mean_points(scores)))
    assert [row.score for row in rows] == pytest.approx([100, 96, 62, 22, 14, 4, 4, 2])
    results = Results(rows=tuple(rows), tasks={}, command="", model="")
    assert results.score(group="passkey", system="truncate") == pytest.approx(38.0)
    assert run.scores["passkey"] == 38.0
    assert results.score(group="passkey", system="bm25") is None


def test_order_counts_and_scores_do_not() -> None:
    """Equal scores are judged as they are shown; trec_eval alone would reorder them by id."""
    tied = {"q": (("a", 1.0), ("b", 1.0), ("c", 1.0))}
    for place, answer in enumerate("abc", start=1):
        scores = measure(tied, {"q": {answer: 1}}, depth=10)
        assert scores["mrr@10"]["q"] == pytest.approx(1 / place)
        assert scores["accuracy@1"]["q"] == (place == 1)


def test_order_of_equal_documents_is_fixed() -> None:
    """Equal documents stand in the order of their ids, wherever they came from."""
    assert ranked({"b": 1.0, "a": 1.0, "c": 2.0}, 2) == (("c", 2.0), ("a", 1.0))


def test_a_query_that_found_nothing_counts_as_zero() -> None:
    """Neither an empty ranking nor a missing one makes the mean better."""
    gold = {"found": {"d": 1}, "empty": {"d": 1}, "missing": {"d": 1}}
    for scores in measure({"found": ranking("d"), "empty": ()}, gold, depth=10).values():
        assert scores == {"found": 1.0, "empty": 0.0, "missing": 0.0}
        assert mean_points(scores) == pytest.approx(100 / 3)
    for scores in measure({"empty": ()}, {"empty": {"d": 1}}, depth=10).values():
        assert scores == {"empty": 0.0}


def test_what_stands_below_the_cut_is_not_seen() -> None:
    """The eleventh document counts for recall at a greater depth, and for nothing else."""
    others = [f"x{i}" for i in range(10)]
    scores = measure({"q": ranking(*others, "gold")}, {"q": {"gold": 1}}, depth=20)
    assert scores.pop("recall@20") == {"q": 1.0}
    assert scores.keys() == {"ndcg@10", "accuracy@1", "recall@5", "recall@10", "mrr@10"}
    assert all(value == {"q": 0.0} for value in scores.values())


def test_names_of_measures() -> None:
    """Recall is told at 5, 10 and the depth, each once."""
    assert [name for name in measure_names(10) if "recall" in name] == ["recall@5", "recall@10"]
    assert "recall@50" in measure_names(50)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=12).filter(any),
    st.integers(0, 3),
)
def test_measures_equal_their_formulas(gains: list[int], missed: int) -> None:
    """Whatever the gains, and with an answer that is not found: all measures by formula."""
    names = [f"d{i}" for i in range(len(gains))]
    answers = {name: gain for name, gain in zip(names, gains, strict=True) if gain}
    if missed:
        answers["missed"] = missed
    scores = measure({"q": ranking(*names)}, {"q": answers}, depth=10)

    def dcg(order: Sequence[int]) -> float:
        return sum(gain / math.log2(i + 2) for i, gain in enumerate(order[:10]))

    ideal = sorted(answers.values(), reverse=True)
    assert scores["ndcg@10"]["q"] == pytest.approx(dcg(gains) / dcg(ideal), abs=1e-6)
    first = next(i for i, gain in enumerate(gains, 1) if gain)
    assert scores["mrr@10"]["q"] == pytest.approx(1 / first if first <= 10 else 0, abs=1e-6)
    assert scores["accuracy@1"]["q"] == (gains[0] > 0)
    for k in (5, 10):
        hits = sum(gain > 0 for gain in gains[:k])
        assert scores[f"recall@{k}"]["q"] == pytest.approx(hits / len(answers), abs=1e-6)


def by_number(values: Sequence[float]) -> Mapping[str, float]:
    return {f"q{i}": value for i, value in enumerate(values)}


@pytest.mark.parametrize("gap", [0.0, 0.25, 0.1, -0.3])
def test_a_constant_difference_is_certain(gap: float) -> None:
    """Where every query differs by the same, resampling cannot change the mean."""
    base = [0.05 * i for i in range(12)]
    found = difference(by_number([value + gap for value in base]), by_number(base))
    assert found.mean == pytest.approx(100 * gap)
    assert (found.low, found.high) == pytest.approx((100 * gap, 100 * gap))
    assert found.certain == (gap != 0)


@pytest.mark.parametrize("queries", [1, 9])
def test_a_handful_of_queries_has_no_interval(queries: int) -> None:
    """Resampling so few would claim far too much."""
    assert difference(by_number([1.0] * queries), by_number([0.25] * queries)) is None


def test_queries_are_paired_by_their_ids() -> None:
    """The order in which scores stand does not matter."""
    own, other = by_number([0.0, 1.0, 0.5] * 4), by_number([1.0, 0.0, 0.5] * 4)
    turned = dict(reversed(list(other.items())))
    assert difference(own, turned).mean == difference(own, other).mean == pytest.approx(0.0)
    assert difference(own, dict(reversed(list(own.items())))) == Difference(
        mean=0.0, low=0.0, high=0.0
    )


def test_more_confidence_is_wider() -> None:
    """The interval that allows for many rivals holds the usual one."""
    own, other = (
        by_number([i % 3 / 2 for i in range(40)]),
        by_number([i % 5 / 4 for i in range(40)]),
    )
    usual, wide = difference(own, other), difference(own, other, confidence=0.995)
    assert wide.low < usual.low < usual.high < wide.high


@settings(max_examples=8)
@given(st.lists(st.floats(0, 1), min_size=10, max_size=20))
def test_the_other_way_round_is_the_negative(values: list[float]) -> None:
    """Sign symmetry; the mean lies inside; the same again gives the same numbers."""
    own, other = by_number(values), by_number(values[1:] + values[:1])
    forth, back = difference(own, other), difference(other, own)
    assert forth == difference(own, other)
    assert back.mean == pytest.approx(-forth.mean, abs=1e-9)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-6)
    assert forth.low - 1e-9 <= forth.mean <= forth.high + 1e-9


def test_intervals_shrink_with_more_queries() -> None:
    """Sixteen times the queries, about a quarter of the width; near the normal approximation."""
    widths = []
    for copies in (1, 16):
        values = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5, 0.25, 1.0] * copies
        found = difference(by_number(values), by_number([0.4] * len(values)))
        widths.append(found.high - found.low)
        normal = 2 * 1.96 * 100 * float(np.std(values)) / math.sqrt(len(values))
        assert found.high - found.low == pytest.approx(normal, rel=0.1)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.15)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 60 benchmarks of one population about 95 % have the true difference in their interval."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(60):
        own = generator.binomial(1, 0.7, 60).astype(float)
        other = generator.binomial(1, 0.5, 60).astype(float)
        found = difference(by_number(own), by_number(other))
        held += found.low <= 20 <= found.high
    assert 52 <= held < 60


def queries(*depths: float | None) -> list[Query]:
    return [Query(id=f"q{i}", text="?", depth=depth) for i, depth in enumerate(depths)]


def test_scores_by_depth_by_hand() -> None:
    """Each answer counts in its part; the very end belongs to the last, borders to the next."""
    asked = queries(0.0, 0.19, 0.2, 0.6, 0.99, 1.0, None)
    parts = by_depth(by_number([1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 1.0]), asked)
    assert [part.queries for part in parts] == [2, 1, 0, 1, 2]
    assert [part.score for part in parts] == [50.0, 50.0, None, 100.0, 50.0]
    assert [(part.start, part.end) for part in parts] == [
        (0.0, 0.2),
        (0.2, 0.4),
        (0.4, 0.6),
        (0.6, 0.8),
        (0.8, 1.0),
    ]
    assert parts[2].to_dict() == {"from": 0.4, "to": 0.6, "queries": 0, "score": None}


def test_unknown_depths_make_no_parts() -> None:
    """Labelled tasks do not know where their answers stand."""
    assert by_depth(by_number([1.0, 0.0]), queries(None, None)) == []
    assert by_depth({}, queries(0.5)) == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1))
def test_parts_of_depth_hold_every_query_once(pairs: list[tuple[float, float]]) -> None:
    """Weighted by their queries, the parts' scores have the mean of all."""
    scores = by_number([score for _, score in pairs])
    parts = by_depth(scores, queries(*(depth for depth, _ in pairs)))
    assert len(parts) == DEPTH_PARTS
    assert sum(part.queries for part in parts) == len(pairs)
    total = sum(part.queries * part.score for part in parts if part.score is not None)
    assert total / len(pairs) == pytest.approx(mean_points(scores))
