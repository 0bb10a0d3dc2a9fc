"""Draw the figures of ``docs/methods.md`` from the package's own arithmetic.

``make figures`` runs it; the pictures beside this file are its output. A folder as argument takes
them elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from longembed_rag.extension import frequencies, pieces, positions, windows
from longembed_rag.extension.factor_search import Space
from longembed_rag.extension.plan import ABF_FACTOR, default_ntk_lambda, dynamic_ntk_lambda
from longembed_rag.extension.spans import spans_of

# One text of 32 tokens and a model trained on 8: small enough to print every number.
ORIGINAL_LENGTH, TOKENS, SCALE = 8, 32, 4
# The distances are shown on 16 tokens with SelfExtend's g = 2 and w = 4 (its paper's example).
PAIRS, GROUP_SIZE, NEIGHBOR_WINDOW, PAIRS_LENGTH = 16, 2, 4, 10
# The frequencies are those of a BERT-sized head: d = 64, θ = 10,000, 512 tokens read as 4,096.
ROTARY_DIM, THETA, LENGTH, FREQUENCY_SCALE = 64, 1e4, 512, 8

INK, PAPER, FAINT, UNTRAINED = "#1f2430", "#fbfaf7", "#8a8f9c", "#d9483b"
QUARTERS = {0.0: "", 0.25: "¼", 0.5: "½", 0.75: "¾"}

STYLE = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.family": "DejaVu Sans",
    "font.size": 10,
}


def shown(position: float) -> str:
    """A position as it is printed in its cell."""
    whole, part = divmod(position, 1)
    if part == 0:
        return str(int(whole))
    return (str(int(whole)) if whole else "") + QUARTERS[part]


def text_colour(fill: tuple[float, ...]) -> str:
    """Dark on light cells, light on dark ones."""
    red, green, blue = fill[:3]
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else PAPER


def strip(axes: Axes, row: int, name: str, ids: NDArray[np.float64], colours: Colormap) -> None:
    """One method's position ids, token by token."""
    axes.text(-0.6, row + 0.5, name, ha="right", va="center", fontsize=11)
    for token, position in enumerate(ids):
        trained = position <= ORIGINAL_LENGTH - 1
        fill = colours(position / (ORIGINAL_LENGTH - 1)) if trained else mpl.colors.to_rgba(PAPER)
        axes.add_patch(
            Rectangle(
                (token + 0.04, row + 0.1), 0.92, 0.8, facecolor=fill, linewidth=0.8,
                edgecolor=fill if trained else UNTRAINED,
            )
        )  # fmt: skip
        label = shown(float(position))
        colour = text_colour(fill) if trained else UNTRAINED
        axes.text(
            token + 0.5, row + 0.48, label, ha="center", va="center", color=colour,
            fontsize=9 if len(label) < 2 or label.isdigit() else 8,
        )  # fmt: skip


def draw_positions(target: Path) -> None:
    """Which position each token claims under each method that gives out position ids."""
    plain = np.arange(TOKENS, dtype=np.float64)
    bounds = windows.parallel_windows(TOKENS, ORIGINAL_LENGTH)
    rows = {
        "none": plain,
        "PCW": np.concatenate([np.arange(b - a, dtype=np.float64) for a, b in bounds]),
        "GP": positions.grouped(TOKENS, SCALE).astype(np.float64),
        "RP": positions.recurrent(TOKENS, ORIGINAL_LENGTH).astype(np.float64),
        "PI": positions.interpolated(TOKENS, SCALE),
    }
    axes = plt.figure(figsize=(12.6, 3.5)).gca()
    colours = mpl.colormaps["viridis"]
    for row, (name, ids) in enumerate(rows.items()):
        strip(axes, row, name, ids, colours)
    pcw = list(rows).index("PCW")
    for start, stop in bounds:
        axes.add_patch(
            Rectangle(
                (start - 0.03, pcw + 0.01), stop - start + 0.06, 0.98,
                fill=False, linewidth=1.6, edgecolor=INK,
            )
        )  # fmt: skip
    axes.axvline(ORIGINAL_LENGTH, color=FAINT, linewidth=1, linestyle=":")
    axes.text(ORIGINAL_LENGTH - 0.2, -0.22, "L0 = 8", ha="right", va="bottom", fontsize=9)
    axes.text(
        TOKENS, -0.22, "red: positions the model has never seen", ha="right", va="bottom",
        color=UNTRAINED, fontsize=9,
    )  # fmt: skip
    axes.text(
        TOKENS / 2, len(rows) + 0.45, "token 0 … 31;  in each cell the position it is read at",
        ha="center", va="center", fontsize=10,
    )  # fmt: skip
    axes.set_xlim(-2.2, TOKENS + 0.2)
    axes.set_ylim(len(rows) + 0.75, -0.75)
    axes.axis("off")
    save(target / "positions.png")


def matrix(axes: Axes, title: str, distances: NDArray[np.int64], longest: int) -> None:
    """Relative positions of all pairs, query rows and key columns."""
    colours = mpl.colormaps["PuOr"]
    for query in range(PAIRS):
        for key in range(PAIRS):
            distance = int(distances[query, key])
            trained = abs(distance) < longest
            fill = colours(0.5 - 0.4 * distance / longest) if trained else (1.0, 1.0, 1.0, 1.0)
            axes.add_patch(
                Rectangle((key + 0.03, query + 0.03), 0.94, 0.94, facecolor=fill, linewidth=0)
            )
            axes.text(
                key + 0.5, query + 0.54, str(abs(distance)), ha="center", va="center", fontsize=7,
                color=text_colour(fill) if trained else UNTRAINED,
            )  # fmt: skip
    axes.set_title(title, fontsize=11, pad=8)
    axes.set_xlim(0, PAIRS)
    axes.set_ylim(PAIRS, 0)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def arranged() -> dict[str, NDArray[np.int64]]:
    """What is written above a panel, and the distances of all pairs under that method."""
    real = np.arange(PAIRS)[:, None] - np.arange(PAIRS)[None, :]
    group = positions.grouped(PAIRS, GROUP_SIZE)
    dca, string, dpe = (
        spans_of(method, scale=2, original_length=PAIRS_LENGTH)
        for method in ("dca", "string", "dpe")
    )
    assert dca is not None
    assert string is not None
    assert dpe is not None
    chunk, local = dca.chunk_size or 0, dca.neighbor_window
    exact, restart = string.neighbor_window, string.restart or 0
    most, window = dpe.group_size or 0, dpe.neighbor_window
    return {
        "none": real,
        "GP, s = 2": group[:, None] - group[None, :],
        "SelfExtend, w = 4, g = 2": pieces.self_extend(
            PAIRS, GROUP_SIZE, NEIGHBOR_WINDOW
        ).distances(),
        f"DCA, s = {chunk}, w = {local}": pieces.dual_chunk(
            PAIRS, chunk, local, PAIRS_LENGTH
        ).distances(),
        f"STRING, S = {exact}, W = {restart}": pieces.shifted(
            PAIRS, exact, restart, PAIRS_LENGTH
        ).distances(),
        f"DPE, slowest pair, w = {window}, g = {most}": pieces.self_extend(
            PAIRS, most, window
        ).distances(),
    }


def draw_distances(target: Path) -> None:
    """How far apart each pair of tokens is, plain and under each method that says so by pairs."""
    figure, panels = plt.subplots(2, 3, figsize=(12.6, 9.1))
    for axes, (title, distances) in zip(panels.flat, arranged().items(), strict=True):
        matrix(axes, title, distances, PAIRS_LENGTH)
    for axes in panels[1]:
        axes.set_xlabel("key j")
    for axes in panels[:, 0]:
        axes.set_ylabel("query i")
    figure.text(
        0.5, 0.012,
        "distance between query and key; orange: key to the left, violet: key to the right; "
        "red on white: further apart than any pair seen in training (L0 = 10)",
        ha="center", fontsize=9,
    )  # fmt: skip
    figure.subplots_adjust(left=0.03, right=0.99, top=0.96, bottom=0.055, wspace=0.05, hspace=0.11)
    save(target / "distances.png")


def slower(own: NDArray[np.float64]) -> dict[str, tuple[NDArray[np.float64], str, str]]:
    """By how much each method slows each pair down, with its colour and dash."""
    rotary = frequencies.RotaryFrequencies(own, THETA)
    ntk_lambda = default_ntk_lambda(FREQUENCY_SCALE, ROTARY_DIM)
    tokens = FREQUENCY_SCALE * LENGTH
    dynamic = dynamic_ntk_lambda(
        tokens, scale=FREQUENCY_SCALE, original_length=LENGTH, rotary_dim=ROTARY_DIM
    )
    parts = frequencies.yarn(rotary, scale=FREQUENCY_SCALE, original_length=LENGTH)
    *_, beyond = Space(THETA, ROTARY_DIM, LENGTH, tokens).starts()
    return {
        f"ABF: base times {ABF_FACTOR:g}": (own / frequencies.ntk(own, ABF_FACTOR), "#8a5a9e", "-"),
        f"dynamic NTK at n = {tokens:,}: λ = {dynamic:.1f}": (
            own / frequencies.ntk(own, dynamic), "#d9903b", "--",
        ),
        f"NTK: base times λ = {ntk_lambda:g}": (
            own / frequencies.ntk(own, ntk_lambda), "#c8553d", "-",
        ),
        "LongRoPE: one start of the search": (beyond, "#2f8f9d", ":"),
        "PI: all by s = 8": (own / frequencies.interpolate(own, FREQUENCY_SCALE), "#2a6fbb", "--"),
        "YaRN, NTK by parts: slow ones by s": (own / parts, "#3a7d44", "-."),
    }  # fmt: skip


def draw_frequencies(target: Path) -> None:
    """How much slower each pair of rotary dimensions turns, and what resonance rounds off."""
    own = frequencies.inverse_frequencies(THETA, ROTARY_DIM)
    figure, (axes, beside) = plt.subplots(
        1, 2, figsize=(12.6, 4.6), gridspec_kw={"width_ratios": (2.1, 1)}
    )
    pairs = np.arange(ROTARY_DIM // 2)
    for label, (factor, colour, dash) in slower(own).items():
        axes.plot(pairs, factor, color=colour, linestyle=dash, linewidth=2.2, label=label)
    axes.plot(pairs, np.ones_like(own), color=INK, linewidth=1.5, label="none")
    whole_turn = int(np.searchsorted(-own * LENGTH, -2 * np.pi))
    axes.axvline(whole_turn, color=FAINT, linewidth=1, linestyle=":")
    axes.text(
        whole_turn + 0.25, 1.06, "from here on, less than one turn\nin the 512 trained positions",
        va="bottom", fontsize=9,
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
    axes.minorticks_off()
    axes.set_xlabel("pair of dimensions k, from the fastest to the slowest")
    axes.set_ylabel("times slower than trained")
    axes.set_xlim(0, ROTARY_DIM // 2 - 1)
    axes.set_ylim(0.92, 75)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    waves, shown_pairs = 2 * np.pi / own, 12
    whole = 2 * np.pi / frequencies.resonant(own)
    change = 100 * (whole / waves - 1)
    beside.bar(pairs[:shown_pairs], change[:shown_pairs], color="#2a6fbb")
    for pair in range(shown_pairs):
        above = change[pair] > 0
        beside.annotate(
            f"{whole[pair]:.0f}", (pair, change[pair]), (0, 3 if above else -3), fontsize=8,
            textcoords="offset points", ha="center", va="bottom" if above else "top",
        )  # fmt: skip
    beside.axhline(0, color=INK, linewidth=1)
    beside.set_ylim(-6.5, 4.5)
    beside.set_title("Resonance: wavelengths in whole tokens", fontsize=10)
    beside.set_xlabel("pair of dimensions k")
    beside.set_ylabel("wavelength, change in %")
    for each in (axes, beside):
        for side in ("top", "right"):
            each.spines[side].set_visible(False)
    figure.tight_layout()
    save(target / "frequencies.png")


def save(path: Path) -> None:
    """Write the current figure and close it."""
    plt.savefig(path, dpi=130, bbox_inches="tight", pad_inches=0.15)
    plt.close("all")


def main() -> None:
    """Draw all figures."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    target.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        draw_positions(target)
        draw_distances(target)
        draw_frequencies(target)


if __name__ == "__main__":
    main()
