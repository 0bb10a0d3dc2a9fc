"""A benchmark's results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from longembed_eval.published import published
from longembed_eval.report import cost_tables, naming, notes, summary, wording
from longembed_eval.report.summary import mean_over_groups
from longembed_eval.results import REFERENCES, Results

__all__ = ["markdown_table", "mean_over_groups"]


def markdown_table(results: Results) -> str:
    """Scores, differences with their intervals, scores by length, cost, and published numbers.

    Args:
        results: What the benchmark found.

    Returns:
        Markdown that ends with a line break.
    """
    parts = [
        _scores(results),
        *(_differences(results, baseline) for baseline in REFERENCES),
        *(_lengths(results, group) for group in results.groups),
        *(_costs(results, group) for group in results.groups),
        *_cells(notes.of_times(results)),
        _published(results),
        _notes(results),
        _failed(results),
        f"Model: {_code(results.model)}. Made by:\n\n```sh\n{results.command}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(results: Results) -> str:
    groups = results.groups
    columns = {group: summary.scores_of(results, group=group) for group in groups}
    titles = [f"{group} ({summary.metric_of(results, group)})" for group in groups]
    if summary.has_means(results):
        titles.append("mean")
        columns["\0mean"] = {s: mean_over_groups(results, system=s) for s in results.systems}
    best = {name: summary.best_of(scores) for name, scores in columns.items()}
    rows = [
        [_code(system)]
        + [
            _bold(wording.points(scores[system]), system in best[name])
            for name, scores in columns.items()
        ]
        for system in results.systems
    ]
    return "\n\n".join(
        [
            "Scores in points, 0 to 100; the best of each column is bold.",
            _table(["system", *titles], rows),
            *_cells(notes.of_scores(results)),
        ]
    )


def _differences(results: Results, baseline: str) -> str:
    """Differences of groups that are one task; a mean over several has no interval."""
    single = [g for g in results.groups if len(summary.tasks_of(results, g)) == 1]
    cells: dict[str, dict[str, str]] = {}
    for group in single:
        for row in results.rows:
            if row.group == group and (found := row.versus.get(baseline)) is not None:
                text = f"{wording.signed(found.mean)} ({wording.interval(found)})"
                sign = wording.mark(found)
                cells.setdefault(row.system, {})[group] = f"{text} {sign}".strip()
    if not cells:
        return ""
    groups = [group for group in single if any(group in row for row in cells.values())]
    rows = [
        [_code(system)] + [cells[system].get(group, wording.NONE) for group in groups]
        for system in results.systems
        if system in cells
    ]
    system = naming.first(results.systems, baseline) or baseline
    title = (
        f"Difference to {_code(system)} in points, with its 95 % interval by paired bootstrap over"
        " queries; ▲ better and ▼ worse only where the interval leaves zero out."
    )
    return f"{title}\n\n{_table(['system', *groups], rows)}"


def _lengths(results: Results, group: str) -> str:
    lengths = summary.lengths_of(results, group)
    if not lengths:
        return ""
    scores = {
        system: summary.at_lengths(results, group=group, system=system)
        for system in results.systems
    }
    best = {
        length: summary.best_of(
            {s: rows[length].score if length in rows else None for s, rows in scores.items()}
        )
        for length in lengths
    }
    rows = [
        [_code(system)]
        + [
            _bold(wording.points(found[length].score), system in best[length])
            if length in found
            else wording.NONE
            for length in lengths
        ]
        for system, found in scores.items()
        if found
    ]
    for run, known in published().by_length(group, lengths).items():
        values = [wording.points(known.get(length)) for length in lengths]
        rows.append([f"{_cell(run)} (published)", *values])
    metric = summary.metric_of(results, group)
    title = f"{_cell(group)}, {metric} by tokens of a document."
    parts = [title, _table(["system", *(str(length) for length in lengths)], rows)]
    return "\n\n".join([*parts, *_cells(notes.of_comparability(results, group))])


def _costs(results: Results, group: str) -> str:
    rows, documents = [], 0
    for system in results.systems:
        cost = summary.cost_of(results, groups=[group], system=system)
        if cost is not None:
            documents = cost.documents
            rows.append([_code(system), *(cell.text for cell in cost_tables.cells_of(cost))])
    if not rows:
        return ""
    table = _table(cost_tables.TITLES, rows)
    return f"Cost of {_cell(group)}, {documents:,} documents.\n\n{table}"


def _published(results: Results) -> str:
    table = published()
    titles = ["published run", *(column.title for column in table.columns), "mean of six"]
    rows = [
        [
            _bold(run.name, run.method == "words"),
            *(wording.points(run.scores[column.id]) for column in table.columns),
            wording.points(run.average),
        ]
        for run in table.runs
    ]
    title = (
        f"Published for comparison, not measured here: {table.source},"
        f" [arXiv {table.arxiv}]({table.url}), other models than ours."
    )
    none = [group for group in results.groups if not summary.is_the_papers(results, group)]
    parts = [title, _table(titles, rows)]
    if none:
        parts.append(f"Without a published column: {', '.join(_cell(group) for group in none)}.")
    return "\n\n".join(parts)


def _notes(results: Results) -> str:
    lines = [
        f"- {_cell(', '.join(task.name for task in tasks))}: {_cell(told)}"
        for told, tasks in notes.of_tasks(results)
        if told
    ]
    return "Tasks:\n\n" + "\n".join(lines) if lines else ""


def _failed(results: Results) -> str:
    lines = [f"- {_cell(failure)}" for failure in notes.of_failures(results)]
    return "Could not be run:\n\n" + "\n".join(lines) if lines else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = "|".join(["---", *["---:"] * (len(titles) - 1)])
    lines = ["| " + " | ".join(_cell(title) for title in titles) + " |", f"|{ruler}|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _cell(text: str) -> str:
    """Text that does not end its cell or line."""
    return " ".join(text.split()).replace("|", "\\|")


def _cells(texts: Iterable[str]) -> list[str]:
    return [_cell(text) for text in texts]


def _code(name: str) -> str:
    return f"`{_cell(name)}`"


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text
