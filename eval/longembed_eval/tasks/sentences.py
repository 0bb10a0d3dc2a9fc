"""Where the sentences of a text begin and end, in any language that marks their ends.

Lines that a file wraps belong to one sentence; headings, items of lists and paragraphs end one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

# A sentence's last mark, with the quotes and brackets that close behind it. Marks of scripts that
# put no space between sentences need none after them.
_CLOSING = "\"'”’»›)\\]"
_END = re.compile(rf"(?<![.!?…؟۔।॥])[.!?…؟۔।॥]+[{_CLOSING}]*(?=\s)|[。！？]+[」』”’）]*")
_BLANK_LINE = re.compile(r"\n\s*\n|\f")
# Lines that begin a unit of their own: items of lists, headings, rows of tables, quotations.
_ITEM = re.compile(r"[ \t]*(?:[-*+•–—]\s|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]+)[.)]\s|#|\||>)")
_LAST_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*$")
_OPENING = "\"'“‘«‹([¿¡`"
_ABBREVIATIONS = frozenset(
    """
    abb al approx apr aug bd bzw ca capt cf ch chap co col corp dec dept dr ed eds eq esp est
    evtl feb fig figs gen ggf gov hon inc jan jr jul jun lt ltd mar mlle mm mme mr mrs ms mt
    nos nov nr obs oct op pp prof rev resp sep sept sr sra st str tel vgl vol vols vs
    """.split()  # noqa: SIM905 - a list of words is easier to read and to add to
)
# Lines shorter than this part of the longest around them were ended on purpose.
_FULL_LINE = 0.6
# Longer lines are paragraphs: whoever wrote the file wrapped nothing.
_LONGEST_WRAPPED = 160


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text.

    Args:
        text: Any text.

    Returns:
        Start and end of each in characters, in order, without the white space around them;
        together they hold every other character of the text. Units without a mark at their end,
        such as headings, are among them.
    """
    spans = []
    for start, end in _units(text):
        for first, last in _split(text, start, end):
            piece = text[first:last]
            left = first + len(piece) - len(piece.lstrip())
            right = first + len(piece.rstrip())
            if left < right:
                spans.append((left, right))
    return spans


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, headings and items of lists."""
    start = 0
    for match in _BLANK_LINE.finditer(text):
        yield from _units_of_paragraph(text, start, match.start())
        start = match.end()
    yield from _units_of_paragraph(text, start, len(text))


def _units_of_paragraph(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    lines = text[start:end].split("\n")
    width = max(len(line.rstrip()) for line in lines)
    position = start
    for line, following in pairwise(lines):
        position += len(line) + 1
        if _is_ended(line.rstrip(), following, width):
            yield start, position
            start = position
    yield start, end


def _is_ended(line: str, following: str, width: int) -> bool:
    """Whether a line break is more than a wrapped line."""
    if width > _LONGEST_WRAPPED or _ITEM.match(following) or line.lstrip().startswith("#"):
        return True
    return len(line) < _FULL_LINE * width and not following.lstrip(_OPENING + " \t")[:1].islower()


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _END.finditer(text, start, end):
        if _ends_sentence(text, match, end):
            yield start, match.end()
            start = match.end()
    yield start, end


def _ends_sentence(text: str, match: re.Match[str], end: int) -> bool:
    following = text[match.end() : min(end, match.end() + 40)].lstrip()
    if following.lstrip(_OPENING)[:1].islower():
        return False
    if match.group() != ".":
        return True
    word = _LAST_WORD.search(text, max(0, match.start() - 40), match.start())
    return word is None or not _is_abbreviation(word.group())


def _is_abbreviation(word: str) -> bool:
    """Whether a full stop after a word is part of it: an initial, ``e.g``, ``Dr``, ``3``."""
    if word.isdigit():
        return len(word) <= 2
    return len(word) == 1 or "." in word or word.lower() in _ABBREVIATIONS
