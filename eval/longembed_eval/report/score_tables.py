"""Tables of scores: main metric, differences, lengths, depths, and the paper's beside ours."""

from __future__ import annotations

from collections.abc import Mapping

from longembed_eval.published import column_of, published
from longembed_eval.report import cells, depth, naming, notes, summary, wording
from longembed_eval.report.cells import Line, Table
from longembed_eval.report.styles import Style
from longembed_eval.results import Difference, Results

Styles = Mapping[str, Style]


def main_table(results: Results, styles: Styles) -> Table:
    """Score of each system on each group of tasks, and the mean of all."""
    columns = {
        f"{group} · {summary.metric_of(results, group)}": summary.scores_of(results, group=group)
        for group in results.groups
    }
    if summary.has_means(results):
        means = {s: summary.mean_over_groups(results, system=s) for s in results.systems}
        columns["mean"] = means
    best = {title: summary.best_of(scores) for title, scores in columns.items()}
    lines = [
        Line(
            name=system,
            colour=styles[system].colour,
            cells=tuple(
                cells.score(scores[system], strong=system in best[title])
                for title, scores in columns.items()
            ),
        )
        for system in results.systems
    ]
    return Table(
        caption="Scores in points, 0 to 100; the best of each column is bold",
        titles=("system", *columns),
        lines=tuple(lines),
        notes=tuple(notes.of_scores(results)),
    )


def difference_table(results: Results, styles: Styles, baseline: str) -> Table | None:
    """Differences to a baseline with their intervals, on groups that are one task."""
    single = [g for g in results.groups if len(summary.tasks_of(results, g)) == 1]
    found: dict[tuple[str, str], Difference] = {
        (row.system, row.group): row.versus[baseline]
        for row in results.rows
        if row.group in single and baseline in row.versus
    }
    if not found:
        return None
    groups = [group for group in single if any(known == group for _, known in found)]
    scale = cells.scale_of(found.values())
    lines = [
        Line(
            name=system,
            colour=styles[system].colour,
            cells=tuple(
                cells.difference(found.get((system, group)), scale=scale) for group in groups
            ),
        )
        for system in results.systems
        if any(known == system for known, _ in found)
    ]
    return Table(
        caption=f"Difference to {naming.first(results.systems, baseline) or baseline} in points, "
        "with its 95 % interval",
        titles=("system", *groups),
        lines=tuple(lines),
        notes=("▲ better, ▼ worse: only where the interval leaves zero out.",),
    )


def length_table(results: Results, styles: Styles, group: str) -> Table:
    """Score of each system at each length, shaded, and what is published of it."""
    lengths = summary.lengths_of(results, group)
    lines = []
    for system in results.systems:
        rows = summary.at_lengths(results, group=group, system=system)
        if rows:
            found = [rows[n].score if n in rows else None for n in lengths]
            line = tuple(cells.score(value, heat=True) for value in found)
            lines.append(Line(name=system, colour=styles[system].colour, cells=line))
    below = [
        Line(name=run, cells=tuple(cells.score(known.get(n), heat=True) for n in lengths))
        for run, known in published().by_length(group, lengths).items()
    ]
    return Table(
        caption=f"{group}: {summary.metric_of(results, group)} by tokens of a document, in points",
        titles=("system", *(wording.length(n) for n in lengths)),
        lines=tuple(lines),
        below=tuple(below),
        below_title="published in the LongEmbed paper, by length where it is known",
        notes=tuple(notes.of_comparability(results, group)),
    )


def depth_table(results: Results, styles: Styles, group: str) -> Table | None:
    """Score of each system by where in its document the answer stands, shaded."""
    found = depth.depths_of(results, group=group)
    if found is None:
        return None
    titles = [
        f"{title} · {count}" for title, count in zip(depth.titles(), found.counts, strict=True)
    ]
    lines = [
        Line(
            name=system,
            colour=styles[system].colour,
            cells=tuple(cells.score(value, heat=True) for value in parts),
        )
        for system, parts in found.scores.items()
    ]
    metric = summary.metric_of(results, group)
    return Table(
        caption=f"{group}: {metric} by where the answer stands · number of queries",
        titles=("system", *titles),
        lines=tuple(lines),
    )


def published_table(results: Results, styles: Styles) -> tuple[Table, bool]:
    """The paper's runs and, on the same tasks, ours; and whether there are any of these."""
    table = published()
    ours = {
        column_of(group): group
        for group in results.groups
        if table.comparable(group=group, lengths=summary.lengths_of(results, group))
        and summary.is_the_papers(results, group)
    }
    columns = [column for column in table.columns if not ours or column.id in ours]

    def mean(system: str) -> float | None:
        if len(ours) < len(table.columns):
            return None
        return summary.mean_over_groups(results, system=system, groups=list(ours.values()))

    here = [
        Line(
            name=system,
            colour=styles[system].colour,
            cells=(
                *(
                    cells.score(summary.group_score(results, group=ours[column.id], system=system))
                    for column in columns
                ),
                cells.score(mean(system)),
            ),
        )
        for system in results.systems
        if ours and any(results.of(group=group, system=system) for group in ours.values())
    ]
    runs = [
        Line(
            name=run.name,
            cells=tuple(
                cells.score(value, strong=run.method == "words")
                for value in [*(run.scores[column.id] for column in columns), run.average]
            ),
        )
        for run in table.runs
    ]
    titles = ("run", *(f"{c.title} · {wording.metric(c.metric)}" for c in columns), "mean of six")
    without = [group for group in results.groups if group not in ours.values()]
    told = []
    if ours and without:
        told.append(
            f"Not in this table, for want of a published number that compares:"
            f" {wording.listed(without)}."
        )
    told.append("The paper's models are others than the one here; BM25 and PCW are always shown.")
    return (
        Table(
            caption="The paper's runs beside ours" if ours else "The paper's runs",
            titles=titles,
            lines=tuple(here) if ours else tuple(runs),
            below=tuple(runs) if ours else (),
            below_title="published in the LongEmbed paper",
            notes=tuple(told),
        ),
        bool(ours),
    )
