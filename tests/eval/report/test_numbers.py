"""Numbers, names, comparisons and depths behind the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longembed_eval.report import naming, wording
from longembed_eval.report.comparison import compare, difference_of
from longembed_eval.report.depth import depths_of
from longembed_eval.report.making import making
from longembed_eval.report.summary import best_of, best_whole, cost_of, group_score, real_groups
from longembed_eval.results import Results
from longembed_eval.tasks.values import Query
from tests.eval.report.sample import info, row, sample


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (wording.points(None), "–"),
        (wording.signed(3.14), "+3.1"),
        (wording.signed(-3.16), "−3.2"),
        (wording.signed(-0.04), "0.0"),
        (wording.number(12345.6), "12,346"),
        (wording.number(45.67), "45.7"),
        (wording.number(0.0123), "0.012"),
        (wording.share(0.034), "3.4 %"),
        (wording.share(1.12), "112 %"),
        (wording.size(0), "0 B"),
        (wording.size(1023), "1023 B"),
        (wording.size(1536), "1.5 KiB"),
        (wording.size(5 * 2**40), "5120 GiB"),
        (wording.count(41), "41"),
        (wording.count(41.25), "41.2"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
        (wording.length(32768), "32k"),
        (wording.length(1000), "1000"),
        (wording.shortened("one  two\nthree", 99), "one two three"),
        (wording.shortened("one two three", 10), "one two…"),
        (wording.short_name("st:model=a/very-long-name", 12), "st:…ong-name"),
    ],
)
def test_numbers_as_people_read_them(found, expected):
    """Each in the form that its column needs."""
    assert found == expected


def test_short_names_stay_apart():
    """Two names that shorten to the same are numbered."""
    names = ["st:model=some/x-long-name", "st:model=other/x-long-name"]
    short = wording.short_names(names, 14)
    assert len(set(short.values())) == 2
    assert all(len(name) <= 14 for name in short.values())


def test_the_bare_name_is_preferred():
    """With settings only where there is none without."""
    assert naming.first(["chunked:window=128", "chunked"], "chunked") == "chunked"
    assert naming.first(["chunked_mean", "chunked:window=128"], "chunked") == "chunked:window=128"
    assert naming.first(["chunked_mean"], "chunked") is None


def test_every_method_is_described():
    """No system of the product goes without a sentence."""
    for name in (
        *naming.WHOLE,
        "bm25",
        "truncate",
        "chunked",
        "late:pool=4",
        "hybrid",
        "st:model=x",
    ):
        assert naming.description(name).endswith(".")
    assert naming.description("mystery") == ""


def test_best_of_ties_as_shown():
    """What looks the same is the same; a lone system is no winner."""
    assert best_of({"a": 50.04, "b": 49.96, "c": 49.9}) == {"a", "b"}
    assert best_of({"a": 50.0, "b": None}) == set()


def test_best_whole_is_among_whole_document_methods():
    """Neither BM25 nor chunks nor truncation can be the best whole-document method."""
    results = sample()
    assert real_groups(results) == ["qmsum", "2wikimqa_rebuilt", "crd3_segments"]
    assert best_whole(results, real_groups(results)) in ("pcw", "rp")
    assert best_whole(sample(systems=("bm25", "truncate")), ["qmsum"]) is None


def test_costs_add_up_over_lengths():
    """Sums, the highest memory, and the mean of the queries' times."""
    results = sample()
    rows = [row.cost for row in results.of(group="passkey", system="hybrid")]
    cost = cost_of(results, groups=["passkey"], system="hybrid")
    assert cost is not None
    assert cost.documents == sum(each.documents for each in rows) == 200
    assert cost.index_seconds == pytest.approx(sum(each.index_seconds for each in rows))
    assert cost.peak_memory_bytes == max(each.peak_memory_bytes for each in rows)
    assert cost.query_ms == pytest.approx(sum(each.query_ms for each in rows) / 5)


def test_partial_groups_have_neither_score_nor_comparison():
    """A system without one length is compared on none of the group."""
    results = sample()
    fewer = replace(
        results,
        rows=tuple(r for r in results.rows if (r.task, r.system) != ("needle-512", "hybrid")),
    )
    assert group_score(fewer, group="needle", system="hybrid") is None
    assert cost_of(fewer, groups=["needle"], system="hybrid") is None
    assert compare(fewer, group="needle", left="hybrid", right="bm25") is None
    assert compare(fewer, group="needle", left="bm25", right="pcw") is not None


def test_the_rows_own_difference_is_used():
    """It is not worked out again, so that table and verdict agree."""
    results = sample(labelled=("qmsum",), synthetic=())
    own = results.of(group="qmsum", system="pcw")[0]
    found = compare(results, group="qmsum", left="pcw", right="bm25")
    assert found is not None
    assert found.difference is own.versus["bm25"]
    assert found.mean == pytest.approx(own.versus["bm25"].mean)


def test_other_queries_are_not_compared():
    """Scores of different queries are not paired."""
    a, b = sample(labelled=("qmsum",), synthetic=(), systems=("pcw", "rp")).rows
    assert difference_of(a, b) is not None
    assert difference_of(a, replace(b, scores={"other": 1.0})) is None


def test_depth_fifths_by_hand():
    """Six queries of two lengths: each fifth's mean, the ends belonging to the outer fifths."""
    depths = {"a": 0.0, "b": 0.19, "c": 0.2, "d": 0.99, "e": 1.0, "f": None}
    hits = {"needle-256": "acd", "needle-512": "ab"}
    rows, tasks = [], {}
    for task, found in hits.items():
        length = int(task.removeprefix("needle-"))
        queries = {name: Query(id=name, text=name, depth=at) for name, at in depths.items()}
        tasks[task] = replace(info(task, "needle"), queries=queries)
        made = row(tasks[task], "needle", "needle", length, "pcw", 0)
        rows.append(replace(made, scores={name: float(name in found) for name in depths}))
    results = Results(rows=tuple(rows), tasks=tasks, command="", model="m")
    found = depths_of(results, group="needle")
    assert found is not None
    assert found.counts == (4, 2, 0, 0, 4)
    # a and b in both: 1 + 0 and 1 + 1 of four; c: 1 and 0; d and e: 1 + 0 and 0 + 0.
    assert found.scores == {"pcw": (75.0, 50.0, None, None, 25.0)}


def test_no_depth_no_table():
    """Labelled tasks know no depth."""
    assert depths_of(sample(), group="qmsum") is None


def test_making_tells_shared_and_own_settings():
    """What all have alike is told once; what differs stands with its system."""
    made = making(sample(systems=("bm25", "pcw")), chosen_afterwards=False)
    assert "max_length=32768" in made.shared
    assert [setup.settings for setup in made.setups] == ["method=bm25", "method=pcw"]
    assert made.versions == "longembed-rag 0.5.0, torch 2.9.0"
    assert "processor A Processor" in made.machine
    assert "gpu" not in made.machine
    assert made.dates == "2025-11-01 to 2025-11-09"
    assert not made.machines
    assert len(made.tasks) == 1


def test_limits_fit_the_results():
    """What is said of the numbers is said only where it applies."""
    synthetic = " ".join(making(sample(labelled=()), chosen_afterwards=True).limits)
    assert "Passkey and needle" in synthetic
    assert "flatters" in synthetic
    held_out = sample(labelled=(), synthetic=(), held_out=True)
    plain = " ".join(making(held_out, chosen_afterwards=False).limits)
    assert "Passkey and needle" not in plain
    assert "flatters" not in plain
    assert "Sentences held out" in plain
    assert "every token of every passage" in plain
    fewer = making(sample(systems=("bm25", "hybrid")), chosen_afterwards=False).limits
    assert "every token of every passage" not in " ".join(fewer)
