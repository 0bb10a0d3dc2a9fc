"""Queries that one system finds and another misses.

Found means that the main metric gives the query any points at all: a right document among the
first ten where the task is judged by nDCG@10, the right document first where it is judged by
accuracy@1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from longembed_eval.report import naming, wording
from longembed_eval.results import Results, Row

EXAMPLES = 5
_QUERY_CHARACTERS = 220
_DOCUMENT_CHARACTERS = 80


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query that one system finds and another misses.

    Attributes:
        task: Its task.
        query: Its text, shortened.
        documents: Ids of the documents that answer it, shortened; at most three.
        found: At which rank the one has the first of them.
        missed: At which rank the other has it; None if not among those that were kept.
        kept: How many the other kept.
    """

    task: str
    query: str
    documents: tuple[str, ...]
    found: int | None
    missed: int | None
    kept: int


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many of a group's queries are found by whom."""

    group: str
    queries: int
    both: int
    left: int
    right: int
    neither: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two systems, what each finds and the other misses.

    Attributes:
        left: One system.
        right: The other.
        counts: For each group of tasks that both were run on.
        left_only: Examples that ``left`` finds and ``right`` misses.
        right_only: The other way round.
    """

    left: str
    right: str
    counts: tuple[Count, ...]
    left_only: tuple[Example, ...]
    right_only: tuple[Example, ...]


def pairs(results: Results, *, best: str | None) -> list[Pair]:
    """The pairs that say most: hybrid search and BM25, a whole-document method and its rivals.

    Args:
        results: The rows.
        best: The whole-document method that is looked at; None where there is none.
    """
    systems = results.systems
    bm25, hybrid = naming.first(systems, "bm25"), naming.first(systems, "hybrid")
    wanted = [(hybrid, bm25)] if hybrid else [(best, bm25)]
    wanted += [(best, naming.first(systems, name)) for name in ("chunked", "truncate")]
    found = [pair(results, left=a, right=b) for a, b in wanted if a and b]
    if not any(found) and len(systems) == 2:
        found = [pair(results, left=systems[1], right=systems[0])]
    return [each for each in found if each is not None]


def pair(results: Results, *, left: str, right: str) -> Pair | None:
    """Compare what two systems find; None where they were run on no task in common."""
    counts, ours, theirs = [], [], []
    for group in results.groups:
        others = {row.task: row for row in results.of(group=group, system=right)}
        rows = [
            (row, others[row.task])
            for row in results.of(group=group, system=left)
            if row.task in others
        ]
        if not rows:
            continue
        counts.append(_count(group, rows))
        ours.append(_examples(results, rows))
        theirs.append(_examples(results, [(b, a) for a, b in rows]))
    if left == right or not counts:
        return None
    return Pair(
        left=left,
        right=right,
        counts=tuple(counts),
        left_only=_mixed(ours),
        right_only=_mixed(theirs),
    )


def _count(group: str, rows: Sequence[tuple[Row, Row]]) -> Count:
    verdicts = [
        (score > 0, b.scores[query] > 0)
        for a, b in rows
        for query, score in a.scores.items()
        if query in b.scores
    ]
    return Count(
        group=group,
        queries=len(verdicts),
        both=verdicts.count((True, True)),
        left=verdicts.count((True, False)),
        right=verdicts.count((False, True)),
        neither=verdicts.count((False, False)),
    )


def _examples(results: Results, rows: Sequence[tuple[Row, Row]]) -> list[Example]:
    """What the first of each two rows finds and the second misses; the clearest first."""
    found = sorted(
        (-score, -(_rank(results, b, query) or 10**9), a.task, query, index)
        for index, (a, b) in enumerate(rows)
        for query, score in a.scores.items()
        if score > 0 and b.scores.get(query) == 0 and _known(results, a.task, query)
    )
    return [_example(results, *rows[index], query) for *_, query, index in found[:EXAMPLES]]


def _known(results: Results, task: str, query: str) -> bool:
    return task in results.tasks and query in results.tasks[task].queries


def _example(results: Results, a: Row, b: Row, query: str) -> Example:
    info = results.tasks[a.task]
    gold = sorted(info.gold.get(query, {}))
    return Example(
        task=a.task,
        query=wording.shortened(info.queries[query].text, _QUERY_CHARACTERS),
        documents=tuple(wording.short_name(id_, _DOCUMENT_CHARACTERS) for id_ in gold[:3]),
        found=_rank(results, a, query),
        missed=_rank(results, b, query),
        kept=len(b.rankings.get(query, ())),
    )


def _rank(results: Results, row: Row, query: str) -> int | None:
    """At which rank, from 1, the first document stands that answers a query."""
    gold = results.tasks[row.task].gold.get(query, {}) if row.task in results.tasks else {}
    ranking = row.rankings.get(query, ())
    return next((rank for rank, id_ in enumerate(ranking, start=1) if id_ in gold), None)


def _mixed(groups: Sequence[Sequence[Example]]) -> tuple[Example, ...]:
    """The first of each group, then the second of each, and so on."""
    turns = chain.from_iterable(zip_longest(*groups))
    return tuple(example for example in turns if example is not None)[:EXAMPLES]
