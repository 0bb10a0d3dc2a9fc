"""Queries that one finds and another misses: counted, and chosen the same each time."""

from __future__ import annotations

from dataclasses import replace

from longembed_eval.report.queries import EXAMPLES, Count, pair, pairs
from longembed_eval.results import Results
from longembed_eval.tasks.values import Query
from tests.eval.report.sample import info, row, sample


def tiny(**scores: list[float]) -> Results:
    """One task, its queries in order, and the score of each for each system."""
    size = len(next(iter(scores.values())))
    task = info("qmsum", queries=size)
    rows = []
    for system, values in scores.items():
        made = row(task, "qmsum", "labelled", None, system, 0)
        rankings = {
            f"q{i}": [f"d{i}"] if value == 1 else ["x", f"d{i}"] if value else ["x", "y"]
            for i, value in enumerate(values)
        }
        by_query = {f"q{i}": value for i, value in enumerate(values)}
        rows.append(replace(made, scores=by_query, rankings=rankings))
    return Results(rows=tuple(rows), tasks={"qmsum": task}, command="", model="m")


def test_counts_and_examples_by_hand():
    """Found means any points; what is found first and missed is an example."""
    found = pair(tiny(hybrid=[1, 0.63, 0, 1, 0], bm25=[0, 0, 1, 1, 0]), left="hybrid", right="bm25")
    assert found is not None
    assert found.counts == (Count(group="qmsum", queries=5, both=1, left=2, right=1, neither=1),)
    assert [(e.documents, e.found, e.missed, e.kept) for e in found.left_only] == [
        (("d0",), 1, None, 2),
        (("d1",), 2, None, 2),
    ]
    assert [each.documents for each in found.right_only] == [("d2",)]


def test_counts_add_up_and_examples_are_few():
    """Four kinds of queries make all of them; examples come from each group in turn."""
    found = pair(sample(), left="pcw", right="chunked")
    assert found is not None
    for count in found.counts:
        assert count.both + count.left + count.right + count.neither == count.queries
    assert len(found.left_only) == len(found.right_only) == EXAMPLES
    assert len({example.task for example in found.right_only}) == 5


def test_the_same_examples_each_time():
    """Nothing is left to chance."""
    first, again = (pair(sample(), left="hybrid", right="bm25") for _ in range(2))
    assert first == again


def test_long_texts_are_shortened():
    """Queries and ids of documents are cut, queries at a word."""
    results = tiny(hybrid=[1.0], bm25=[0.0])
    query = Query(id="q0", text="word " * 200)
    task = replace(
        results.tasks["qmsum"], queries={"q0": query}, gold={"q0": {"x" * 300: 1, "b": 1}}
    )
    found = pair(replace(results, tasks={"qmsum": task}), left="hybrid", right="bm25")
    assert found is not None
    example = found.left_only[0]
    assert len(example.query) <= 220
    assert example.query.endswith("word…")
    assert example.documents[0] == "b"
    assert len(example.documents[1]) == 80


def test_pairs_that_are_shown():
    """Hybrid and BM25, the best method and its rivals; any two where there is nothing else."""
    results = sample()
    shown = [(each.left, each.right) for each in pairs(results, best="pcw")]
    assert shown == [("hybrid", "bm25"), ("pcw", "chunked"), ("pcw", "truncate")]
    two = sample(labelled=("qmsum",), synthetic=(), systems=("bm25", "st"))
    assert [(each.left, each.right) for each in pairs(two, best=None)] == [("st", "bm25")]
    one = sample(labelled=("qmsum",), synthetic=(), systems=("bm25",))
    assert pairs(one, best=None) == []
