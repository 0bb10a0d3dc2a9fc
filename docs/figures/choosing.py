"""Draw the heat map of ``docs/choosing.md`` from committed results, and print its table.

Beside this file lies what it draws from ``benchmarks/results/far_*.json``, which
``benchmarks/far.py`` makes. A folder as argument takes the picture elsewhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
MODELS = ("far_minilm.json", "far_long_minilm.json")
WAYS = ("one vector", "passages")
INK, PAPER, FAINT = "#1f2430", "#fbfaf7", "#8a8f9c"


def load() -> list[dict[str, Any]]:
    """The results, a model each."""
    return [json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in MODELS]


def score(row: dict[str, Any], way: str) -> float:
    """Of 100 needles and keys how many find their document, the mean of both."""
    return float(row["needle"][way] + row["passkey"][way]) / 2


def axes_of(result: dict[str, Any]) -> tuple[list[str], list[int]]:
    """A model's methods, in the order of their mean by one vector, and its lengths."""
    rows = list(result["rows"].values())
    lengths = sorted({row["length"] for row in rows})
    methods = sorted(
        {row["method"] for row in rows},
        key=lambda name: -np.mean([score(r, WAYS[0]) for r in rows if r["method"] == name]),
    )
    return methods, lengths


def draw_one(axes: Axes, result: dict[str, Any], way: str) -> None:
    """A model's methods by lengths; empty where a method changes nothing."""
    methods, lengths = axes_of(result)
    values = np.full((len(methods), len(lengths)), np.nan)
    for row in result["rows"].values():
        values[methods.index(row["method"]), lengths.index(row["length"])] = score(row, way)
    colours = mpl.colormaps["YlGnBu"].with_extremes(bad="#e8e6e0")
    axes.imshow(values, cmap=colours, vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(lengths)), [f"{each // 1024}k" for each in lengths])
    axes.set_yticks(range(len(methods)), methods)
    axes.tick_params(length=0)
    for (y, x), value in np.ndenumerate(values):
        told = "–" if np.isnan(value) else f"{value:.0f}"
        axes.text(
            x, y, told, ha="center", va="center", color=PAPER if value > 60 else INK, fontsize=9
        )
    axes.set_title(f"{result['model']}, {way}", fontsize=10, loc="left", color=INK)
    for side in axes.spines.values():
        side.set_visible(False)


def draw(folder: Path) -> None:
    """Both models, by one vector and by passages."""
    results = load()
    heights = [len(axes_of(each)[0]) for each in results]
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": INK}):
        figure, grid = plt.subplots(
            len(results),
            2,
            figsize=(10, 0.32 * sum(heights) + 1.6),
            height_ratios=heights,
            squeeze=False,
            layout="constrained",
        )
        figure.set_facecolor(PAPER)
        for row, result in zip(grid, results, strict=True):
            for axes, way in zip(row, WAYS, strict=True):
                draw_one(axes, result, way)
        figure.savefig(folder / "choosing.png", dpi=110, metadata={"Software": None})
        plt.close(figure)


def table() -> str:
    """The same as text: by one vector / by passages."""
    lines = []
    for result in load():
        methods, lengths = axes_of(result)
        rows = {(row["method"], row["length"]): row for row in result["rows"].values()}
        lines += [
            f"\n| {result['model']} | "
            + " | ".join(f"{each:,}" for each in lengths)
            + " | CPU s, longest |",
            "|---" * (len(lengths) + 2) + "|",
        ]
        for method in methods:
            cells = [
                f"{score(row, WAYS[0]):.0f} / {score(row, WAYS[1]):.0f}" if row else "–"
                for row in (rows.get((method, length)) for length in lengths)
            ]
            last = rows.get((method, lengths[-1]))
            cost = f"{last['cpu_seconds_a_document']:.0f}" if last else "–"
            lines.append(f"| `{method}` | {' | '.join(cells)} | {cost} |")
    return "\n".join(lines)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
    print(table())
