"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from longembed_eval.results import Difference

#: Where there is no number.
NONE = "–"


def metric(name: str) -> str:
    """A measure as people write it."""
    return name.replace("ndcg", "nDCG")


def points(value: float | None) -> str:
    """A score in points, one decimal."""
    return NONE if value is None else f"{value:.1f}"


def signed(value: float) -> str:
    """A difference in points with its sign; zero has none."""
    text = f"{abs(value):.1f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "−") + text


def interval(difference: Difference) -> str:
    """Both ends of a difference's interval."""
    return f"{signed(difference.low)} to {signed(difference.high)}"


def mark(difference: Difference) -> str:
    """An arrow where the interval leaves zero out; otherwise nothing."""
    if not difference.certain:
        return ""
    return "▲" if difference.low > 0 else "▼"


def number(value: float | None) -> str:
    """A positive number with about three digits, thousands set apart."""
    if value is None:
        return NONE
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def count(value: float) -> str:
    """How many there are on average; whole numbers as such."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"


def share(value: float | None) -> str:
    """A share of one, in percent."""
    if value is None:
        return NONE
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %"


def size(value: float) -> str:
    """Bytes in the unit that suits them."""
    power = min(3, int(math.log(value, 1024))) if value >= 1 else 0
    amount = value / 1024**power
    decimals = 0 if power == 0 or amount >= 100 else 1
    return f"{amount:.{decimals}f} {('B', 'KiB', 'MiB', 'GiB')[power]}"


def listed(parts: Sequence[str]) -> str:
    """One after the other, with an "and" before the last."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def length(tokens: int) -> str:
    """A length in tokens: ``512``, ``4k``."""
    return f"{tokens // 1024}k" if tokens >= 1024 and tokens % 1024 == 0 else str(tokens)


def shortened(text: str, limit: int) -> str:
    """A text on one line, cut at a word where it is longer than so many characters."""
    flat = re.sub(r"\s+", " ", text).strip()
    if len(flat) <= limit:
        return flat
    cut = flat[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip() + "…"


def short_name(name: str, limit: int) -> str:
    """A system's name with its middle left out where it is longer than so many characters."""
    if len(name) <= limit:
        return name
    head = (limit - 1) // 3
    return f"{name[:head]}…{name[-(limit - 1 - head) :]}"


def short_names(names: Sequence[str], limit: int) -> dict[str, str]:
    """Short names by name, numbered where two would be the same."""
    short = {name: short_name(name, limit) for name in names}
    values = list(short.values())
    return {
        name: value if values.count(value) == 1 else f"{short_name(name, limit - 4)} ({i})"
        for i, (name, value) in enumerate(short.items(), start=1)
    }


def flat(settings: Mapping[str, object]) -> str:
    """Settings on one line."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())
