"""The outline of a PDF: entries that lead to pages, found again where their words stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex

from longembed_rag.layout import Heading

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_NUMBER = r"(?:(?:\d+|\p{Lu}|[ivx]+)[.)\d]*\s+)?"


@dataclass(frozen=True)
class Entry:
    """A heading that is known by its words.

    Attributes:
        level: 1 for the highest.
        title: Its words.
        start: The first character where it can stand.
        end: One past the last.
    """

    level: int
    title: str
    start: int
    end: int


def outline(document: PdfDocument, text: str, starts: Sequence[int]) -> tuple[Heading, ...]:
    """The outline's entries, where their words stand on the page that they lead to.

    Args:
        document: The open PDF.
        text: The text of all pages.
        starts: The first character of each.
    """
    return find_headings(text, _entries(document, starts, len(text)))


def _entries(document: PdfDocument, starts: Sequence[int], length: int) -> Iterator[Entry]:
    ends = [*starts[1:], length]
    for bookmark in document.get_toc():
        destination = bookmark.get_dest()
        page = None if destination is None else destination.get_index()
        if page is not None and 0 <= page < len(starts):
            yield Entry(bookmark.level + 1, bookmark.get_title(), starts[page], ends[page])


def find_headings(text: str, entries: Iterable[Entry]) -> tuple[Heading, ...]:
    """Headings that are known by their words, where they stand in a text.

    Each is looked for behind the one before: at the beginning of a line, or behind its number,
    where there is such a line, else anywhere, blanks being alike. What is not found is left out.

    Args:
        text: The whole text.
        entries: What is looked for, in order.
    """
    found: list[Heading] = []
    last = 0
    for entry in entries:
        words = entry.title.split()
        if not words:
            continue
        pattern = r"\s+".join(regex.escape(word) for word in words)
        begin = max(last, entry.start)
        at_line = regex.compile(rf"(?m)^[^\w\n]*{_NUMBER}{pattern}")
        anywhere = regex.compile(rf"(?i)\b{pattern}")
        match = at_line.search(text, begin, entry.end) or anywhere.search(text, begin, entry.end)
        if match is None:
            continue
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        found.append(Heading(start, entry.level, " ".join(words)))
        last = start + 1
    return tuple(found)
