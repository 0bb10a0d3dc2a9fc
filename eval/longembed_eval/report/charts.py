"""Charts as SVG, drawn by matplotlib, to be put into a page as they are."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from longembed_eval.report import placing, wording
from longembed_eval.report.styles import Style

_WIDTH, _HEIGHT = 720, 372
_TEXT = 12.0
_INK, _QUIET, _GRID = "#333333", "#6b6b6b", "#e4e4e0"
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A system in a chart of score against cost.

    Attributes:
        system: The system.
        x: Its cost, above zero.
        y: Its score, in points.
    """

    system: str
    x: float
    y: float


def length_chart(
    series: Mapping[str, Mapping[int, float]],
    styles: Mapping[str, Style],
    *,
    name: str,
    metric: str,
) -> str:
    """Score against length, a line for each system.

    Args:
        series: For each system its score at each length, in points.
        styles: How each system looks.
        name: Prefix of the ids within, unique in the page.
        metric: What the score is.

    Returns:
        An ``<svg>`` element.
    """
    lengths = sorted({length for points in series.values() for length in points})
    with _figure() as (figure, axes):
        axes.set_xlim(math.log2(lengths[0]) - 0.15, math.log2(lengths[-1]) + 0.15)
        axes.set_ylim(-3, 103)
        axes.set_xticks([math.log2(n) for n in lengths], [wording.length(n) for n in lengths])
        axes.set_xlabel("tokens of a document")
        axes.set_ylabel(f"{metric}, points")
        for system, points in series.items():
            style = styles[system]
            xs = [math.log2(length) for length in sorted(points)]
            axes.plot(
                xs,
                [points[length] for length in sorted(points)],
                color=style.colour,
                linestyle=style.dashes,
                marker=style.marker,
                markersize=6.5,
                markeredgecolor="white",
                markeredgewidth=0.8,
                linewidth=1.9,
                clip_on=False,
            )
        _label_ends(figure, axes, series, styles)
        return _svg(figure, name, f"Line chart: {metric} against tokens of a document.")


def cost_chart(
    points: Sequence[Point], styles: Mapping[str, Style], *, name: str, cost: str, metric: str
) -> str:
    """Score against cost, a point for each system; costs on a logarithmic scale.

    A grey line joins the systems that no other beats in both.

    Args:
        points: The systems.
        styles: How each looks.
        name: Prefix of the ids within, unique in the page.
        cost: What the cost is, with its unit.
        metric: What the score is.

    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.ticker import LogLocator

    with _figure() as (figure, axes):
        low, high = min(point.x for point in points), max(point.x for point in points)
        pad = max(0.12 * math.log10(high / low), 0.25)
        axes.set_xscale("log")
        axes.set_xlim(low / 10**pad, high * 10 ** (1.6 * pad))
        bottom, top = min(point.y for point in points), max(point.y for point in points)
        room = max(0.12 * (top - bottom), 3.0)
        axes.set_ylim(max(bottom - room, -3), min(top + room, 103))
        axes.set_xlabel(f"{cost} (logarithmic)")
        axes.set_ylabel(f"{metric}, points")
        if high / low < 300:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        front = unbeaten(points)
        if len(front) > 1:
            xs, ys = [point.x for point in front], [point.y for point in front]
            axes.step(xs, ys, where="post", color="#c9c9c3", linewidth=1.4, zorder=1)
        for point in points:
            style = styles[point.system]
            axes.plot(
                [point.x],
                [point.y],
                color=style.colour,
                marker=style.marker,
                markersize=9.5,
                markeredgecolor="white",
                markeredgewidth=1,
            )
        _label_points(figure, axes, points, styles)
        return _svg(figure, name, f"Scatter chart: {metric} against {cost}.")


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in cost and score, from cheap to dear."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -point.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return found


@contextmanager
def _figure() -> Iterator[tuple[Any, Any]]:
    """A figure and its axes; matplotlib's settings hold while it is drawn, and no longer."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "longembed",
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
        "font.size": _TEXT,
        "axes.labelsize": _TEXT,
        "axes.labelcolor": _QUIET,
        "axes.edgecolor": "#bdbdb8",
        "axes.linewidth": 0.8,
        "xtick.color": _QUIET,
        "ytick.color": _QUIET,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Letters that matplotlib's own font lacks are drawn by the reader's browser.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.085, 0.14, 0.89, 0.82))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=3, width=0.8)
        yield figure, axes


def _label_ends(
    figure: Any,
    axes: Any,
    series: Mapping[str, Mapping[int, float]],
    styles: Mapping[str, Style],
) -> None:
    """Names at the right ends of lines, moved apart where lines end together."""
    names = [system for system, points in series.items() if points]
    sizes = [_size(figure, styles[system].label) for system in names]
    widest = max(width for width, _ in sizes)
    left, bottom, _, height = axes.get_position().bounds
    right = 1 - (widest + 34) / _WIDTH
    axes.set_position((left, bottom, right - left, height))
    ends = {system: max(series[system]) for system in names}
    place = axes.transData.transform
    tips = [place((math.log2(ends[s]), series[s][ends[s]])) for s in names]
    edge = right * _WIDTH
    heights = placing.spread(
        [float(y) for _, y in tips], gap=15.5, low=bottom * _HEIGHT, high=_HEIGHT - 10
    )
    for system, (x, y), at in zip(names, tips, heights, strict=True):
        colour = styles[system].colour
        axes.annotate(
            styles[system].label,
            xy=(x + 5, y),
            xytext=(edge + 16, at),
            xycoords="figure points",
            textcoords="figure points",
            va="center",
            color=colour,
            arrowprops={**_leader(colour), "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 2},
            annotation_clip=False,
        )


def _label_points(
    figure: Any, axes: Any, points: Sequence[Point], styles: Mapping[str, Style]
) -> None:
    """Names beside points, with a thin line where they had to go farther away."""
    anchors = [tuple(map(float, axes.transData.transform((p.x, p.y)))) for p in points]
    sizes = [_size(figure, styles[point.system].label) for point in points]
    left, bottom, width, height = axes.get_position().bounds
    within = placing.Box(
        left * _WIDTH + 2, bottom * _HEIGHT + 2, width * _WIDTH + 10, height * _HEIGHT + 8
    )
    boxes = placing.beside([(x, y) for x, y in anchors], sizes, within=within)
    for point, (x, y), box in zip(points, anchors, boxes, strict=True):
        middle = box.y + box.height / 2
        far = abs(middle - y) > 1.5 * box.height
        style = styles[point.system]
        side = (0 if box.x > x else 1, 0.5)
        line = {**_leader(style.colour), "relpos": side, "shrinkA": 1, "shrinkB": 4}
        axes.annotate(
            style.label,
            xy=(x, y),
            xytext=(box.x, middle),
            xycoords="figure points",
            textcoords="figure points",
            va="center",
            color=style.colour,
            arrowprops=line if far else None,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            annotation_clip=False,
        )


def _leader(colour: str) -> dict[str, Any]:
    """A thin line from a label to what it names."""
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.5}


def _size(figure: Any, text: str) -> tuple[float, float]:
    """Width and height of a text, in points."""
    drawn = figure.text(0, 0, text)
    extent = drawn.get_window_extent(figure.canvas.get_renderer())
    drawn.remove()
    return float(extent.width), _TEXT * 1.3


def _svg(figure: Any, name: str, label: str) -> str:
    """The figure as an element of a page: ids its own, nothing that points outside."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # A style in an element of a page would hold for the whole page.
    text = re.sub(r"<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", text)
    text = text.replace("xlink:href=", "href=")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = text.replace("'DejaVu Sans'", _FONTS)
    # The page decides how wide it is; the view box keeps its shape.
    text = re.sub(r'(<svg[^>]*?)\s(?:width|height)="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?)\s(?:width|height)="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1).strip()
