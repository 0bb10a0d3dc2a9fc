"""How each system looks, the same in every chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longembed_eval.report import naming, wording

#: Colours that people with any common kind of colour blindness can tell apart, after Paul Tol's
#: "bright", "vibrant" and "muted" schemes; markers and dashes say the same again.
_COLOURS = {
    "bm25": "#222222",
    "truncate": "#8c8c8c",
    "hybrid": "#cc3311",
    "passages": "#ee7733",
    "late": "#ee3377",
    "chunked": "#0067a5",
    "chunked_mean": "#33a0cc",
    "pcw": "#008f7a",
    "gp": "#882255",
    "rp": "#b8962e",
    "pi": "#7f7a1f",
    "ntk": "#332288",
    "self_extend": "#117733",
    "yarn": "#aa4499",
    "dca": "#997700",
    "string": "#6699cc",
    "dpe": "#994455",
    "none": "#5f8fbf",
    "dynamic_ntk": "#6655aa",
    "ntk_by_parts": "#774488",
    "abf": "#aa7744",
    "longrope": "#447777",
    "st": "#cc6677",
}
_MARKERS = "osD^vPX<>phd"
_DASHES: tuple[tuple[float, tuple[float, ...] | None], ...] = (
    (0, None),
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (6, 2, 1.5, 2)),
)
_LABEL_CHARACTERS = 26


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a system looks in charts.

    Attributes:
        label: Its name, shortened where it is long.
        colour: Hexadecimal.
        marker: Matplotlib's letter for its shape.
        dashes: Matplotlib's dash pattern of its line.
    """

    label: str
    colour: str
    marker: str
    dashes: tuple[float, tuple[float, ...] | None]


def styles_of(systems: Sequence[str]) -> dict[str, Style]:
    """A style for each system; those that differ in settings only get colours of their own."""
    labels = wording.short_names(systems, _LABEL_CHARACTERS)
    wanted = {system: _COLOURS.get(naming.base(system)) for system in systems}
    free = [colour for colour in _COLOURS.values() if colour not in wanted.values()]
    # Whoever bears the name itself has its colour.
    taken = {_COLOURS[system] for system in systems if system in _COLOURS}
    styles = {}
    for number, system in enumerate(systems):
        colour = wanted[system]
        if colour is None or (colour in taken and system not in _COLOURS):
            colour = free.pop(0) if free else list(_COLOURS.values())[number % len(_COLOURS)]
        taken.add(colour)
        styles[system] = Style(
            label=labels[system],
            colour=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            dashes=_DASHES[1] if system == "bm25" else _DASHES[number % len(_DASHES)],
        )
    return styles
