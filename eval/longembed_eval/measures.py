"""Scores of rankings, and how certain a difference between two systems is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from longembed_eval.results import Difference
from longembed_eval.systems.protocol import Ranking
from longembed_eval.tasks.values import Query

#: Resamples of a bootstrap, and the part of them that its interval holds.
RESAMPLES = 9_999
CONFIDENCE = 0.95
#: With fewer queries there is no interval: a bootstrap of a handful is far too narrow.
FEWEST = 10
#: In how many parts of equal width the depth of answers is told.
DEPTH_PARTS = 5


def measure_names(depth: int) -> dict[str, Any]:
    """What is measured, by the name that results call it, as ir-measures knows it.

    Args:
        depth: How many documents each query could find; recall is told at that depth, too.
    """
    from ir_measures import RR, R, Success, nDCG

    recalls = {f"recall@{k}": R @ k for k in sorted({5, 10, depth})}
    return {"ndcg@10": nDCG @ 10, "accuracy@1": Success @ 1, **recalls, "mrr@10": RR @ 10}


def measure(
    rankings: Mapping[str, Ranking], gold: Mapping[str, Mapping[str, int]], *, depth: int
) -> dict[str, dict[str, float]]:
    """Score rankings by trec_eval's measures (ir-measures).

    Args:
        rankings: What was found for each query, by its id. The order counts, not the scores, so
            that ties are judged as they are shown.
        gold: The documents that answer each query, with their gain.
        depth: How many documents each query could find.

    Returns:
        For each measure the score of each query, 0 to 1; a query that found nothing has 0.
    """
    import ir_measures

    named = measure_names(depth)
    qrels = [
        ir_measures.Qrel(query, document, gain)
        for query, answers in gold.items()
        for document, gain in answers.items()
    ]
    run = [
        ir_measures.ScoredDoc(query, document, float(-rank))
        for query, ranking in rankings.items()
        for rank, (document, _) in enumerate(ranking)
    ]
    name_of = {each: name for name, each in named.items()}
    scores = {name: dict.fromkeys(gold, 0.0) for name in named}
    if run:
        for found in ir_measures.iter_calc(list(named.values()), qrels, run):
            scores[name_of[found.measure]][found.query_id] = float(found.value)
    return scores


def mean_points(scores: Mapping[str, float]) -> float:
    """Mean over queries, in points (0 to 100)."""
    return 100 * sum(scores.values()) / len(scores)


def difference(
    own: Mapping[str, float], other: Mapping[str, float], *, confidence: float = CONFIDENCE
) -> Difference | None:
    """How much better one system is than another, by paired bootstrap over queries.

    The interval says how far the mean difference may lie from this one if the same systems were
    asked other queries of the same kind about the same documents; it knows nothing of other
    documents. Percentile bootstrap (Efron), 9,999 resamples, fixed seed.

    Args:
        own: Scores of one system, by query, 0 to 1.
        other: Scores of the other one, of the same queries.
        confidence: The part of the resamples that the interval holds.

    Returns:
        The difference; None with fewer than :data:`FEWEST` queries, which say nothing certain.
    """
    import numpy as np
    from scipy.stats import bootstrap

    gaps = 100 * np.array([own[query] - other[query] for query in own])
    if len(gaps) < FEWEST:
        return None
    mean = float(gaps.mean())
    if np.ptp(gaps) == 0:
        return Difference(mean=mean, low=mean, high=mean)
    found = bootstrap(
        (gaps,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method="percentile",
        batch=max(1, 2_000_000 // len(gaps)),
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Difference(mean=mean, low=float(found.low), high=float(found.high))


@dataclass(frozen=True)
class DepthPart:
    """Queries whose answers stand in one part of their documents.

    Attributes:
        start: Where the part begins, 0 to 1.
        end: Where it ends.
        queries: How many queries.
        score: Mean of the main metric over them, in points; None where there are none.
    """

    start: float
    end: float
    queries: int
    score: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Every field by name, ready for JSON."""
        score = None if self.score is None else round(self.score, 2)
        return {"from": self.start, "to": self.end, "queries": self.queries, "score": score}


def by_depth(scores: Mapping[str, float], queries: Sequence[Query]) -> list[DepthPart]:
    """Scores by where in its document the answer stands; empty where no depth is known.

    Args:
        scores: The main metric of each query, 0 to 1.
        queries: The queries.
    """
    parts: list[list[float]] = [[] for _ in range(DEPTH_PARTS)]
    for query in queries:
        if query.depth is not None and query.id in scores:
            parts[min(int(query.depth * DEPTH_PARTS), DEPTH_PARTS - 1)].append(scores[query.id])
    if not any(parts):
        return []
    return [
        DepthPart(
            index / DEPTH_PARTS,
            (index + 1) / DEPTH_PARTS,
            len(part),
            100 * sum(part) / len(part) if part else None,
        )
        for index, part in enumerate(parts)
    ]


def difference_by_document(
    own: Mapping[str, float],
    other: Mapping[str, float],
    gold: Mapping[str, Mapping[str, int]],
    *,
    rivals: int,
) -> Difference | None:
    """How much better the best of several rivals is than what it is compared with.

    Queries of one document share its vector, so documents are resampled, not queries. The best of
    many is good by chance too: the interval is widened by the number of rivals (Bonferroni).

    Args:
        own: Score of each query.
        other: Of what it is compared with.
        gold: The documents that answer each query.
        rivals: How many were compared.
    """

    def by_document(scores: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for query, score in scores.items():
            found.setdefault(next(iter(gold[query])), []).append(score)
        return {name: sum(each) / len(each) for name, each in found.items()}

    confidence = 1 - (1 - CONFIDENCE) / max(rivals, 1)
    return difference(by_document(own), by_document(other), confidence=confidence)
