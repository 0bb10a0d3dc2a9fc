"""Where the pages and headings of a text begin, and what that says of a stretch of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A heading of a text.

    Attributes:
        start: Its first character in the text.
        level: 1 for the highest.
        text: The heading, on one line.
    """

    start: int
    level: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stretch of a text stands, as people say it.

    Attributes:
        page: The page, or slide, that it begins on, from 1; None where the text has none.
        last_page: The one that it ends on.
        lines: The first and the last line that it stands on, from 1.
        heading: The headings above its first character, the highest first.
    """

    page: int | None
    last_page: int | None
    lines: tuple[int, int]
    heading: tuple[str, ...]

    def known(self) -> dict[str, Any]:
        """As metadata of a passage: what there is of ``page``, ``lines`` and ``heading``."""
        values: dict[str, Any] = {} if self.page is None else {"page": self.page}
        values["lines"] = list(self.lines)
        if self.heading:
            values["heading"] = list(self.heading)
        return values

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "page": self.page,
            "last_page": self.last_page,
            "lines": list(self.lines),
            "heading": list(self.heading),
        }


@dataclass(frozen=True)
class Layout:
    """Where the pages and headings of a text begin.

    Attributes:
        pages: First character of each page, ascending, the first one's 0; empty where the text
            has no pages. A page without text begins where the next one does.
        headings: The headings, in order.
    """

    pages: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", tuple(each.start for each in self.headings))

    def __bool__(self) -> bool:
        return bool(self.pages or self.headings)

    def place(self, text: str, start: int, end: int) -> Place:
        """Where the characters from ``start`` to ``end`` of a text stand.

        Blanks at either end are not looked at.

        Args:
            text: The whole text.
            start: The first character.
            end: One past the last.
        """
        stretch = text[start:end]
        first = start + len(stretch) - len(stretch.lstrip())
        last = max(first, start + len(stretch.rstrip()) - 1)
        line = text.count("\n", 0, first) + 1
        return Place(
            page=self._page(first),
            last_page=self._page(last),
            lines=(line, line + text.count("\n", first, last)),
            heading=self._heading(first),
        )

    def _page(self, character: int) -> int | None:
        return bisect_right(self.pages, character) if self.pages else None

    def _heading(self, character: int) -> tuple[str, ...]:
        path: list[Heading] = []
        level = None
        for heading in reversed(self.headings[: bisect_right(self._starts, character)]):
            if level is None or heading.level < level:
                path.append(heading)
                level = heading.level
            if level == 1:
                break
        return tuple(heading.text for heading in reversed(path))

    def moved(self, to: Callable[[int], int]) -> Layout:
        """The layout of a text whose characters stand elsewhere now.

        Args:
            to: From a character's place to its new one; must not put anything out of order.
        """
        return Layout(
            tuple(to(page) for page in self.pages),
            tuple(Heading(to(each.start), each.level, each.text) for each in self.headings),
        )

    def to_dict(self) -> dict[str, Any]:
        """The layout, ready for JSON; what it has none of is left out."""
        values: dict[str, Any] = {}
        if self.pages:
            values["pages"] = list(self.pages)
        if self.headings:
            values["headings"] = [[each.start, each.level, each.text] for each in self.headings]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Layout:
        """The layout that :meth:`to_dict` made; an empty one of None."""
        values = values or {}
        return cls(
            tuple(int(page) for page in values.get("pages", ())),
            tuple(
                Heading(int(start), int(level), str(text))
                for start, level, text in values.get("headings", ())
            ),
        )


#: The layout of a text of which nothing is known.
NO_LAYOUT = Layout()
