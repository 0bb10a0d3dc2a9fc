"""What systems cost, as a table and as points beside their scores."""

from __future__ import annotations

from collections.abc import Sequence

from longembed_eval.report import cells, summary, wording
from longembed_eval.report.cells import Cell, Line, Table
from longembed_eval.report.charts import Point
from longembed_eval.report.score_tables import Styles
from longembed_eval.results import Cost, Results

TITLES = (
    "system",
    "tokens read",
    "tokens/s",
    "index, s",
    "peak memory",
    "vectors a document",
    "kept a document",
    "query, ms",
)


def cost_table(results: Results, styles: Styles, group: str) -> Table | None:
    """What each system took on a group of tasks."""
    lines = []
    documents = 0
    for system in results.systems:
        cost = summary.cost_of(results, groups=[group], system=system)
        if cost is None:
            continue
        documents = cost.documents
        found = cells_of(cost)
        lines.append(Line(name=system, colour=styles[system].colour, cells=found))
    if not lines:
        return None
    caption = f"{group}: {documents:,} documents"
    return Table(caption=caption, titles=TITLES, lines=tuple(lines))


def cells_of(cost: Cost) -> tuple[Cell, ...]:
    """What one system took, in the order of :data:`TITLES`."""
    read = cost.tokens_read / cost.tokens if cost.tokens else None
    vectors, kept = cost.vectors / cost.documents, cost.index_bytes / cost.documents
    speed = cost.tokens_per_second
    return (
        cells.amount(read, wording.share(read)),
        cells.amount(speed, wording.number(speed)),
        cells.amount(cost.index_seconds, wording.number(cost.index_seconds)),
        cells.amount(cost.peak_memory_bytes, wording.size(cost.peak_memory_bytes)),
        cells.amount(vectors, wording.count(round(vectors, 2))),
        cells.amount(kept, wording.size(kept)),
        cells.amount(cost.query_ms, wording.number(cost.query_ms)),
    )


def index_points(results: Results, groups: Sequence[str]) -> list[Point]:
    """Mean score against seconds of indexing for each document."""
    return _points(results, groups, "index")


def query_points(results: Results, groups: Sequence[str]) -> list[Point]:
    """Mean score against milliseconds for each query."""
    return _points(results, groups, "query")


def _points(results: Results, groups: Sequence[str], what: str) -> list[Point]:
    points = []
    for system in results.systems:
        score = summary.mean_over_groups(results, system=system, groups=groups)
        cost = summary.cost_of(results, groups=groups, system=system)
        if score is None or cost is None:
            continue
        x = cost.query_ms if what == "query" else cost.index_seconds / cost.documents
        # A logarithm needs something.
        points.append(Point(system=system, x=max(x, 1e-6), y=score))
    return points
