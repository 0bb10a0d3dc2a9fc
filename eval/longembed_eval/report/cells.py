"""Tables as the page's template takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from longembed_eval.report import wording
from longembed_eval.results import Difference


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """A difference and its interval on a common scale, each from 0 to 100; zero is 50.

    Attributes:
        low: Lower end.
        mean: The difference.
        high: Upper end.
    """

    low: float
    mean: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell.

    Attributes:
        text: What stands in it.
        value: What it is sorted by; None sorts last.
        strong: Whether it is the best of its column.
        heat: Shade from 0 to 10; None for a plain cell.
        tone: ``"better"``, ``"worse"`` or nothing.
        detail: A smaller second line.
        whisker: A drawing of an interval.
    """

    text: str
    value: float | None = None
    strong: bool = False
    heat: int | None = None
    tone: str = ""
    detail: str = ""
    whisker: Whisker | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row.

    Attributes:
        name: What stands at its head.
        cells: Its cells.
        colour: Of the system in charts; empty for what is in none.
    """

    name: str
    cells: tuple[Cell, ...]
    colour: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows.
        titles: Heads of its columns, the first one's among them.
        lines: Its rows.
        below: More rows, of another origin; these are not sorted with the others.
        below_title: What these are.
        notes: What must be said of it.
    """

    caption: str
    titles: tuple[str, ...]
    lines: tuple[Line, ...]
    below: tuple[Line, ...] = ()
    below_title: str = ""
    notes: tuple[str, ...] = field(default=())


def score(value: float | None, *, strong: bool = False, heat: bool = False) -> Cell:
    """A score in points."""
    shade = None if value is None or not heat else min(10, max(0, round(value / 10)))
    return Cell(text=wording.points(value), value=value, strong=strong, heat=shade)


def amount(value: float | None, text: str) -> Cell:
    """A number that is told in some unit."""
    return Cell(text=text, value=value)


def difference(found: Difference | None, *, scale: float) -> Cell:
    """A difference with its interval, drawn to a scale in points either side of zero."""
    if found is None:
        return Cell(text=wording.NONE)

    def place(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / scale)), 2)

    tone = ("better" if found.low > 0 else "worse") if found.certain else ""
    return Cell(
        text=f"{wording.signed(found.mean)} {wording.mark(found)}".strip(),
        value=found.mean,
        tone=tone,
        detail=wording.interval(found),
        whisker=Whisker(low=place(found.low), mean=place(found.mean), high=place(found.high)),
    )


def scale_of(found: Iterable[Difference]) -> float:
    """How far intervals reach from zero, at most; at least one point."""
    return max([1.0, *(max(abs(each.low), abs(each.high)) for each in found)])
