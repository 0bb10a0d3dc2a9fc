"""Rows put together: scores and costs of groups of tasks, and what may be averaged.

Only like is compared with like: a system that was run on some of a group's tasks has no score for
the group, since a mean over other lengths would say something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from longembed_eval.published import is_published
from longembed_eval.report import naming
from longembed_eval.report.wording import metric, points
from longembed_eval.results import Cost, Results, Row
from longembed_eval.tasks.values import Kind


def kind_of(results: Results, group: str) -> Kind:
    """The kind of a group's tasks."""
    return next(row.kind for row in results.rows if row.group == group)


def metric_of(results: Results, group: str) -> str:
    """The main metric of a group's tasks, as people write it."""
    return metric(next(row.main_metric for row in results.rows if row.group == group))


def tasks_of(results: Results, group: str) -> list[str]:
    """Names of a group's tasks, in order."""
    return list(dict.fromkeys(row.task for row in results.rows if row.group == group))


def lengths_of(results: Results, group: str) -> list[int]:
    """The lengths that a group's tasks are made for, ascending; empty where they have none."""
    return sorted({row.length for row in results.rows if row.group == group and row.length})


def is_the_papers(results: Results, group: str) -> bool:
    """Whether a group is a task of the paper's, or made like one; not another one of its name."""
    tasks = [results.tasks[name] for name in tasks_of(results, group)]
    documents = sum(task.documents for task in tasks)
    queries = sum(len(task.queries) for task in tasks)
    return is_published(group, documents=documents, queries=queries)


def real_groups(results: Results) -> list[str]:
    """Groups whose documents nobody made for the purpose; all groups where there are none."""
    real = [g for g in results.groups if kind_of(results, g) in ("labelled", "held_out")]
    return real or results.groups


def complete(results: Results, *, group: str, system: str) -> bool:
    """Whether a system was run on all of a group's tasks."""
    return {row.task for row in results.of(group=group, system=system)} == set(
        tasks_of(results, group)
    )


def partial(results: Results) -> list[tuple[str, str]]:
    """Systems and groups of which only some tasks were run."""
    return [
        (system, group)
        for system in results.systems
        for group in results.groups
        if results.of(group=group, system=system)
        and not complete(results, group=group, system=system)
    ]


def group_score(results: Results, *, group: str, system: str) -> float | None:
    """Plain mean of the main metric over a group's tasks; None unless all were run."""
    if not complete(results, group=group, system=system):
        return None
    return results.score(group=group, system=system)


def scores_of(results: Results, *, group: str) -> dict[str, float | None]:
    """A group's score of each system."""
    return {s: group_score(results, group=group, system=s) for s in results.systems}


def mean_over_groups(
    results: Results, *, system: str, groups: Sequence[str] | None = None
) -> float | None:
    """Plain mean of a system's scores over groups of tasks.

    Args:
        results: The rows.
        system: Whose.
        groups: Over which; all by default.

    Returns:
        The mean, in points; None unless the system was run on all of them.
    """
    values = [
        group_score(results, group=group, system=system)
        for group in (results.groups if groups is None else groups)
    ]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def has_means(results: Results) -> bool:
    """Whether any system was run on everything, and there is more than one group."""
    means = [mean_over_groups(results, system=system) for system in results.systems]
    return len(results.groups) > 1 and any(mean is not None for mean in means)


def best_of(scores: Mapping[str, float | None]) -> set[str]:
    """Who has the highest score to the decimal that is shown; nobody where only one has any."""
    known = {name: value for name, value in scores.items() if value is not None}
    if len(known) < 2:
        return set()
    top = points(max(known.values()))
    return {name for name, value in known.items() if points(value) == top}


def best_among(results: Results, systems: Iterable[str], groups: Sequence[str]) -> str | None:
    """The system with the highest mean over groups, of those that were run on all of them."""
    means = {s: mean_over_groups(results, system=s, groups=groups) for s in systems}
    known = {name: value for name, value in means.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None


def best_whole(results: Results, groups: Sequence[str]) -> str | None:
    """The best of the methods that read whole documents into one vector each."""
    return best_among(results, filter(naming.is_whole, results.systems), groups)


def at_lengths(results: Results, *, group: str, system: str) -> dict[int, Row]:
    """A system's rows on a group's tasks, by length."""
    rows = results.of(group=group, system=system)
    return {row.length: row for row in rows if row.length is not None}


def cost_of(results: Results, *, groups: Sequence[str], system: str) -> Cost | None:
    """What groups of tasks took together; None unless all of their tasks were run.

    Sums, but for memory, which is the most that any task took, and the time of a query, which is
    the mean of the tasks' medians.
    """
    if not groups or not all(complete(results, group=group, system=system) for group in groups):
        return None
    costs = [row.cost for group in groups for row in results.of(group=group, system=system)]
    return Cost(
        documents=sum(cost.documents for cost in costs),
        tokens=sum(cost.tokens for cost in costs),
        tokens_read=sum(cost.tokens_read for cost in costs),
        index_seconds=math.fsum(cost.index_seconds for cost in costs),
        peak_memory_bytes=max(cost.peak_memory_bytes for cost in costs),
        vectors=sum(cost.vectors for cost in costs),
        index_bytes=sum(cost.index_bytes for cost in costs),
        query_ms=math.fsum(cost.query_ms for cost in costs) / len(costs),
    )
