"""Where in a document the answer stood that was found or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from longembed_eval import measures
from longembed_eval.measures import DEPTH_PARTS, DepthPart
from longembed_eval.report import summary
from longembed_eval.results import Results


@dataclass(frozen=True, kw_only=True)
class Depths:
    """Scores by where the answer stands, of a group of tasks.

    Attributes:
        group: The group.
        counts: How many queries have their answer in each fifth, over all its tasks.
        scores: For each system its mean score in each fifth, in points; None for one that no
            query asks for.
    """

    group: str
    counts: tuple[int, ...]
    scores: dict[str, tuple[float | None, ...]]


def depths_of(results: Results, *, group: str) -> Depths | None:
    """Scores by depth, of the systems that were run on all of a group's tasks.

    Every query counts the same, whichever task it belongs to. None where no query's depth is
    known, or no system was run on everything.
    """
    counts: tuple[int, ...] = ()
    scores = {}
    for system in results.systems:
        if not summary.complete(results, group=group, system=system):
            continue
        found = [
            measures.by_depth(row.scores, list(results.tasks[row.task].queries.values()))
            for row in results.of(group=group, system=system)
            if row.task in results.tasks
        ]
        if parts := [each for each in found if each]:
            columns = list(zip(*parts, strict=True))
            counts = tuple(sum(part.queries for part in column) for column in columns)
            scores[system] = tuple(_pooled(column) for column in columns)
    return Depths(group=group, counts=counts, scores=scores) if scores else None


def titles() -> list[str]:
    """What the parts are called: ``0–20 %`` and so on."""
    edges = [round(100 * part / DEPTH_PARTS) for part in range(DEPTH_PARTS + 1)]
    return [f"{start}–{end} %" for start, end in pairwise(edges)]


def _pooled(parts: Sequence[DepthPart]) -> float | None:
    """Mean over the queries of the same part of several tasks."""
    queries = sum(part.queries for part in parts)
    if not queries:
        return None
    return sum(part.queries * part.score for part in parts if part.score is not None) / queries
