"""Running headers, footers and page numbers: what a page repeats and its text does not say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import regex

# Lines looked at from either end of a page, and pages that there must be for one to repeat.
_DEPTH = 4
_FEWEST = 4
# Share of the pages, or of the left or right ones, that repeat a line.
_MOST = 0.6
_NUMBER = regex.compile(r"\d+|(?<!\w)[ivxlc]+(?!\w)", regex.IGNORECASE)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_LETTER = regex.compile(r"\p{L}")


@dataclass(frozen=True)
class Stripped:
    """Pages without what repeats on them.

    Attributes:
        pages: The text of each page.
        lines: Running headers and footers that were taken out; the first of each stays.
        numbers: Lines with nothing but a page number that were taken out.
    """

    pages: tuple[str, ...]
    lines: int
    numbers: int


@dataclass(frozen=True)
class _Line:
    page: int
    place: int
    text: str
    key: str
    numbers: tuple[int, ...]


def strip_furniture(pages: Sequence[str]) -> Stripped:
    """Take out the lines at the top and bottom of pages that repeat on most of them.

    A line repeats when it is the same but for numbers, and each of its numbers either stays the
    same or counts the pages. A header stays where it stands first, so that no word is lost; a
    line that is a page number and nothing else goes everywhere. Only lines at the edge of a page
    go: what has other text between itself and the edge stays.

    Args:
        pages: The text of each page.
    """
    if len(pages) < _FEWEST:
        return Stripped(tuple(pages), 0, 0)
    lines = [page.split("\n") for page in pages]
    edges = [_edges(number, page) for number, page in enumerate(lines)]
    repeated = _repeated([line for edge in edges for line in edge], edges)
    seen: set[str] = set()
    gone_lines = gone_numbers = 0
    result = []
    for edge, page in zip(edges, lines, strict=True):
        gone: set[int] = set()
        for line in _outermost(edge, repeated):
            is_number = "#" in line.key and not _LETTER.search(line.key)
            if is_number or line.key in seen:
                gone.add(line.place)
                gone_numbers += is_number
                gone_lines += not is_number
            else:
                seen.add(line.key)
        kept = [text for place, text in enumerate(page) if place not in gone]
        result.append("\n".join(kept).strip("\n"))
    if not any(result):  # pages that hold numbers and nothing else are about those
        return Stripped(tuple(pages), 0, 0)
    return Stripped(tuple(result), gone_lines, gone_numbers)


def _edges(number: int, page: Sequence[str]) -> list[_Line]:
    """The first and the last lines of a page that hold anything, each once."""
    places = [place for place, text in enumerate(page) if text.strip()]
    chosen = sorted({*places[:_DEPTH], *places[-_DEPTH:]})
    return [_line(number, place, page[place]) for place in chosen]


def _line(page: int, place: int, text: str) -> _Line:
    words = " ".join(text.split()).casefold()
    numbers = tuple(_value(match.group()) for match in _NUMBER.finditer(words))
    return _Line(page, place, words, _NUMBER.sub("#", words), numbers)


def _value(number: str) -> int:
    if number.isdecimal():
        return int(number[-9:])
    values = [_ROMAN[letter] for letter in number.lower()]
    following = [*values[1:], 0]
    return sum(
        -value if value < after else value for value, after in zip(values, following, strict=True)
    )


def _repeated(lines: Sequence[_Line], edges: Sequence[Sequence[_Line]]) -> set[tuple[str, int]]:
    """What repeats: keys, with the page, since a number has to fit the page that it is on."""
    groups: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        groups[line.key].append(line)
    pages = len(edges)
    filled = [number for number, edge in enumerate(edges) if edge]
    repeated: set[tuple[str, int]] = set()
    for key, group in groups.items():
        fitting = _fitting(group)
        on = {line.page for line in fitting}
        sides = (filled, filled[0::2], filled[1::2])
        if (
            key
            and len(on) >= _FEWEST - 1
            and any(
                len(on.intersection(side)) >= _MOST * len(side) for side in sides if len(side) > 2
            )
        ):
            repeated.update((key, page) for page in on)
    return repeated if pages >= _FEWEST else set()


def _fitting(group: Sequence[_Line]) -> list[_Line]:
    """Lines whose numbers are those of most of the group, or count the pages as most do."""
    fitting = list(group)
    for index in range(len(group[0].numbers)):
        same = Counter(line.numbers[index] for line in group).most_common(1)[0]
        counting = Counter(line.numbers[index] - line.page for line in group).most_common(1)[0]
        if counting[1] >= same[1]:
            fitting = [line for line in fitting if line.numbers[index] - line.page == counting[0]]
        else:
            fitting = [line for line in fitting if line.numbers[index] == same[0]]
    return fitting


def _outermost(edge: Sequence[_Line], repeated: set[tuple[str, int]]) -> list[_Line]:
    """The lines of a page that repeat and have nothing but such lines between them and the edge."""
    found: dict[int, _Line] = {}
    for ordered in (edge, edge[::-1]):
        for line in ordered:
            if (line.key, line.page) not in repeated:
                break
            found[line.place] = line
    return [found[place] for place in sorted(found)]
