"""A benchmark's results as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from longembed_eval.published import published
from longembed_eval.report import charts, cost_tables, score_tables, summary, wording
from longembed_eval.report.making import making
from longembed_eval.report.queries import Pair, pairs
from longembed_eval.report.styles import Style, styles_of
from longembed_eval.report.verdict import chosen_afterwards, verdict
from longembed_eval.results import REFERENCES, Results


def render_report(results: Results) -> str:
    """Render everything that the rows hold as a page; what they do not hold is left out.

    Args:
        results: What the benchmark found; at least one row.

    Returns:
        HTML without links to anything that a browser would fetch.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("longembed_eval", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = files("longembed_eval") / "report"
    # Both are the package's own; charts escape what they write.
    style = Markup((folder / "style.css").read_text(encoding="utf-8"))
    context = _context(results)
    for block in (*context["lengths"], *context["costs_of_scores"]):
        block["chart"] = Markup(block["chart"])
    template = environment.get_template("template.html.jinja")
    return template.render(style=style, **context).strip() + "\n"


def _context(results: Results) -> dict[str, Any]:
    styles = styles_of(results.systems)
    groups = results.groups
    synthetic = [g for g in groups if summary.lengths_of(results, g)]
    deep = [g for g in groups if summary.kind_of(results, g) != "labelled"]
    table, beside = score_tables.published_table(results, styles)
    depths = [score_tables.depth_table(results, styles, group) for group in deep]
    costs = [cost_tables.cost_table(results, styles, group) for group in groups]
    differences = [score_tables.difference_table(results, styles, name) for name in REFERENCES]
    afterwards, paper = chosen_afterwards(results), published()
    made = making(results, chosen_afterwards=afterwards)
    return {
        "results": results,
        "headline": _headline(results, made.dates),
        "findings": verdict(results),
        "chosen_afterwards": afterwards,
        "main": score_tables.main_table(results, styles),
        "differences": [each for each in differences if each],
        "published": table,
        "beside": beside,
        "source": paper,
        "words": max(run.average for run in paper.runs if run.method == "words"),
        "vectors": max(run.average for run in paper.runs if run.method != "words"),
        "lengths": [_lengths(results, styles, group) for group in synthetic],
        "costs_of_scores": _costs_of_scores(results, styles),
        "depths": [each for each in depths if each],
        "pairs": _pairs(results),
        "costs": [each for each in costs if each],
        "made": made,
        "colours": {system: style.colour for system, style in styles.items()},
    }


def _headline(results: Results, dates: str) -> str:
    tasks = len({row.task for row in results.rows})
    systems = len(results.systems)
    parts = [
        f"{systems} system{'s' * (systems != 1)}",
        f"{tasks} task{'s' * (tasks != 1)}",
        *([dates] if dates else []),
    ]
    return " · ".join(parts)


def _lengths(results: Results, styles: dict[str, Style], group: str) -> dict[str, Any]:
    """Chart and table of a group of several lengths; a single one has a table only."""
    lengths = summary.lengths_of(results, group)
    chart = ""
    if len(lengths) > 1:
        series = {
            system: {length: row.score for length, row in rows.items()}
            for system in results.systems
            if (rows := summary.at_lengths(results, group=group, system=system))
        }
        name = f"lengths-{results.groups.index(group)}"
        metric = summary.metric_of(results, group)
        chart = charts.length_chart(series, styles, name=name, metric=metric)
    table = score_tables.length_table(results, styles, group)
    return {"group": group, "chart": chart, "table": table}


def _costs_of_scores(results: Results, styles: dict[str, Style]) -> list[dict[str, Any]]:
    """Charts of score against time to index and time to ask, over real tasks if there are any."""
    groups = summary.real_groups(results)
    metrics = {summary.metric_of(results, group) for group in groups}
    metric = metrics.pop() if len(metrics) == 1 else "main metric"
    if len(groups) > 1:
        metric = f"mean {metric}"
    blocks = []
    for name, cost, points in (
        ("index", "seconds to index a document", cost_tables.index_points(results, groups)),
        ("query", "milliseconds a query", cost_tables.query_points(results, groups)),
    ):
        if len(points) > 1:
            chart = charts.cost_chart(points, styles, name=name, cost=cost, metric=metric)
            shown = {point.system for point in points}
            out = [system for system in results.systems if system not in shown]
            blocks.append(
                {
                    "title": f"Score against {cost}",
                    "over": wording.listed(groups),
                    "without": wording.listed(out),
                    "chart": chart,
                }
            )
    return blocks


def _pairs(results: Results) -> list[Pair]:
    real = summary.real_groups(results)
    return pairs(results, best=summary.best_whole(results, real))
