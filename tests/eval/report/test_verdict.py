"""The verdict says what the numbers say, and what is lost as loudly as what is won."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from longembed_eval.report.verdict import chosen_afterwards, verdict
from longembed_eval.results import Results
from tests.eval.report.sample import sample, with_versus


def told(results: Results) -> dict[str, str]:
    """Each finding's sentences and evidence, by its title."""
    return {
        finding.title: " ".join([*finding.sentences, *finding.evidence])
        for finding in verdict(results)
    }


def set_scores(results: Results, **scores: list[float]) -> Results:
    """The same results of one task with other scores for each query."""
    rows = []
    for row in results.rows:
        values = scores[row.system]
        metrics = {**row.metrics, row.main_metric: 100 * float(np.mean(values))}
        by_query = dict(zip(row.scores, values, strict=True))
        rows.append(replace(row, scores=by_query, metrics=metrics))
    return replace(results, rows=tuple(with_versus(row, rows) for row in rows))


def test_bm25_is_ahead_where_it_is():
    """A loss is told with both scores, the difference and its interval, and leads."""
    one = sample(labelled=("qmsum",), synthetic=(), systems=("bm25", "pcw", "hybrid"))
    lost = set_scores(one, bm25=[1.0, 0.9] * 20, hybrid=[0.8, 0.7] * 20, pcw=[0.5, 0.4] * 20)
    findings = verdict(lost)
    assert [finding.title for finding in findings[:3]] == [
        "Highest scores",
        "hybrid against bm25",
        "pcw against bm25",
    ]
    assert findings[0].sentences == ("bm25: qmsum (95.0).",)
    assert findings[1].tone == findings[2].tone == findings[1].label == "behind"
    assert findings[1].sentences == ("Behind by 20.0 points on qmsum.",)
    difference = lost.of(group="qmsum", system="hybrid")[0].versus["bm25"]
    assert difference.high < 0
    assert findings[1].evidence[0].startswith("qmsum: hybrid 75.0, bm25 95.0; 95 % interval −2")


def test_a_win_is_a_win_only_with_its_interval():
    """Ahead where the interval leaves zero out; otherwise no clear difference."""
    one = sample(labelled=("qmsum",), synthetic=(), systems=("bm25", "hybrid"))
    won = set_scores(one, bm25=[0.5, 0.6] * 20, hybrid=[0.9, 1.0] * 20)
    assert told(won)["hybrid against bm25"].startswith("Ahead by 40.0 points on qmsum.")
    even = set_scores(one, bm25=[1.0, 0.0] * 20, hybrid=[0.0, 1.0] * 19 + [1.0, 1.0])
    finding = verdict(even)[1]
    assert finding.sentences == ("No clear difference on qmsum (+2.5).",)
    assert finding.tone == "open"


def test_losses_come_before_wins():
    """Findings are sorted by how the product comes off."""
    tones = [finding.tone for finding in verdict(sample()) if finding.tone != "plain"]
    order = ["behind", "mixed", "open", "ahead"]
    assert tones == sorted(tones, key=order.index)
    assert "behind" in tones


def test_the_best_method_is_each_groups_own():
    """The method of a comparison is the one with the highest score on that group."""
    results = sample()
    for finding in verdict(results):
        if finding.title == "Best whole-document method against chunked":
            for each in finding.evidence:
                group, rest = each.split(": ", 1)
                scores = {s: results.score(group=group, system=s) for s in ("pcw", "rp")}
                best = max(scores, key=lambda name: scores[name])
                assert rest.startswith(f"{best} {scores[best]:.1f}, chunked ")
            assert len(finding.evidence) == len(results.groups)
            break
    else:
        raise AssertionError("no such finding")
    assert chosen_afterwards(results)
    assert not chosen_afterwards(sample(systems=("bm25", "pcw")))


def test_truncate_is_compared_though_no_row_carries_it():
    """An interval to a system that is no reference is worked out from the queries."""
    one = sample(labelled=("qmsum",), synthetic=(), systems=("truncate", "pcw"))
    better = set_scores(one, truncate=[0.1, 0.2] * 20, pcw=[0.5, 0.6] * 20)
    text = told(better)["pcw against truncate"]
    assert text == (
        "Ahead by 40.0 points on qmsum. "
        "qmsum: pcw 55.0, truncate 15.0; 95 % interval +40.0 to +40.0"
    )


def test_means_over_lengths_are_judged_by_their_lengths():
    """No interval is claimed for a mean; the lengths with a clear difference are counted."""
    results = sample(labelled=(), synthetic=("needle",), systems=("bm25", "hybrid"))
    rows = results.of(group="needle", system="hybrid")
    ahead = sum(row.versus["bm25"].low > 0 for row in rows)
    assert ahead > 0
    text = told(results)["hybrid against bm25"]
    assert f"means over lengths, ahead at {ahead} of 5 lengths" in text
    assert "interval" not in text


def test_cost_is_told_beside_the_plain_ways():
    """Seconds, milliseconds and bytes are those of the rows."""
    results = sample(labelled=("qmsum",), synthetic=(), systems=("bm25", "chunked", "hybrid"))
    own = results.of(group="qmsum", system="hybrid")[0].cost
    text = told(results)["Cost on qmsum"]
    assert f"hybrid takes {own.index_seconds:.1f} s to index 40 documents (bm25 0.08 s" in text
    assert f"{own.query_ms:.1f} ms a query" in text


def test_any_two_systems_have_a_verdict():
    """Systems that are no method of the product are compared with BM25."""
    results = sample(
        labelled=("qmsum",), synthetic=(), systems=("bm25", "st:model=a", "st:model=b")
    )
    assert {"st:model=a against bm25", "st:model=b against bm25"} <= set(told(results))
    assert verdict(sample(labelled=("qmsum",), synthetic=(), systems=("bm25",))) == ()
