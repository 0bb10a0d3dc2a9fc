"""The text of single paragraphs of a DOCX, and how paragraphs become one text.

Where pages and headings begin is marked in the text itself, by control characters that XML cannot
hold, until the text is whole: so their places are right whatever happens to the text before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from longembed_rag.files.formats.docx_styles import WORD
from longembed_rag.files.formats.superscripts import LOOKS_BACK, write_power, write_raised
from longembed_rag.layout import Heading, Layout

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

PARAGRAPH = frozenset({WORD + "p", _DRAWING + "p"})
#: Before the first character of a page.
PAGE_MARK = "\x01"
_HEADING_BEGINS, _HEADING_ENDS = "\x02", "\x03"
_MARKS = re.compile(r"\x01|\x02(.)|\x03", re.DOTALL)
_EDGE = re.compile(r"[\s\x01]*")
_PAGE_MARKS = re.compile(f" ?{PAGE_MARK}[{PAGE_MARK} ]*")

_TABLE = WORD + "tbl"
_TEXT = frozenset({WORD + "t", _MATH + "t", _DRAWING + "t"})
_SIGNS = {
    WORD + "tab": "\t",
    WORD + "ptab": "\t",
    WORD + "br": "\n",
    WORD + "cr": "\n",
    _DRAWING + "br": "\n",
    WORD + "noBreakHyphen": "-",
    WORD + "lastRenderedPageBreak": PAGE_MARK,
}
# Text that was deleted or moved away under review, and settings.
_PASSED_OVER = frozenset(
    {WORD + tag for tag in ("del", "moveFrom", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr")}
)
# Forms of the same content, the best first, for programs of different age.
_FORMS = frozenset({_COMPATIBILITY + "Choice", _COMPATIBILITY + "Fallback"})
_ANCHORED = PARAGRAPH | {
    _TABLE,
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds",
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
}
_RUN, _RAISED = WORD + "r", f"{WORD}rPr/{WORD}vertAlign[@{WORD}val='superscript']"
_RUBY, _BASE, _READING = WORD + "ruby", WORD + "rubyBase", WORD + "rt"
_FRACTION, _POWER = _MATH + "f", _MATH + "sup"


def is_passed_over(element: Any) -> bool:
    """Whether what an element holds is not seen: deleted, settings, or a second form of a first."""
    if element.tag in _FORMS:
        return element.getparent()[0] is not element
    return element.tag in _PASSED_OVER


class Paragraph:
    """What one paragraph holds.

    Attributes:
        text: Its text with its marks, without blanks at its ends.
        anchored: Text boxes' paragraphs and tables, diagrams and charts that are anchored in it.
        is_deleted: Whether the paragraph itself was deleted under review, and not only its words.
    """

    def __init__(self, element: Any) -> None:
        """Collect it.

        Args:
            element: The paragraph's element.
        """
        self.anchored: list[Any] = []
        self._pieces: list[tuple[str, bool]] = []
        self._collect(element, raised=False)
        self.text = _trimmed(_joined(self._pieces))
        deleted = element.find(f"{WORD}pPr/{WORD}rPr/{WORD}del")
        self.is_deleted = deleted is not None and not without_marks(self.text)

    def _collect(self, element: Any, *, raised: bool) -> None:
        for child in element:
            if child.tag in _TEXT:
                self._pieces.append((child.text or "", raised))
            elif child.tag in _SIGNS:
                self._pieces.append((_SIGNS[child.tag], False))
            elif child.tag in _ANCHORED:
                self.anchored.append(child)
            elif child.tag == _RUN:
                self._collect(child, raised=child.find(_RAISED) is not None)
            elif child.tag == _RUBY:
                self._read_aloud(child)
            elif child.tag in (_FRACTION, _POWER):
                self._formula(child)
            elif not is_passed_over(child):
                self._collect(child, raised=raised)

    def _read_aloud(self, ruby: Any) -> None:
        """Characters, and in brackets how they are read."""
        for tag, form in ((_BASE, "{}"), (_READING, "({})")):
            text = "".join(self._inside(each) for each in ruby.iterchildren(tag))
            self._pieces.append((form.format(text) if text else "", False))

    def _formula(self, element: Any) -> None:
        """A power or a fraction, which would be another number without a sign."""
        if element.tag == _POWER:
            self._pieces.append((write_power(self._inside(element)), False))
            return
        parts = [self._inside(each) for each in element.iterchildren(_MATH + "num", _MATH + "den")]
        sides = [side if side.isalnum() else f"({side})" for side in parts]
        self._pieces.append(("/".join(sides), False))

    def _inside(self, element: Any) -> str:
        """The text of an element alone, which is taken out of the paragraph's."""
        before, self._pieces = self._pieces, []
        self._collect(element, raised=False)
        text, self._pieces = _joined(self._pieces), before
        return text


def _joined(pieces: list[tuple[str, bool]]) -> str:
    text: list[str] = []
    before = ""
    for raised, group in groupby(pieces, key=lambda piece: piece[1]):
        piece = "".join(each for each, _ in group)
        if raised:
            piece = write_raised(piece, before)
        text.append(piece)
        before = (before + piece)[-LOOKS_BACK:]
    return "".join(text)


def _trimmed(text: str) -> str:
    """Text without blanks at its ends; the marks among them are kept."""
    edge = _EDGE.match(text)
    start = 0 if edge is None else edge.end()
    marks = text.count(PAGE_MARK, 0, start)
    bare = text.rstrip(" \t\r\n\f\v\u00a0" + PAGE_MARK)
    end = max(len(bare), start)
    return PAGE_MARK * marks + text[start:end].rstrip() + PAGE_MARK * text.count(PAGE_MARK, end)


def on_one_line(text: str) -> str:
    """Text with single spaces between its words, whatever marks stand between them."""

    def spaced(match: re.Match[str]) -> str:
        return (" " if " " in match[0] else "") + PAGE_MARK * match[0].count(PAGE_MARK)

    return _PAGE_MARKS.sub(spaced, " ".join(text.split())).strip(" ")


def without_marks(text: str) -> str:
    """What is seen of a text: without marks, and without blanks at its ends."""
    return _MARKS.sub("", text).strip()


def mark_heading(text: str, level: int) -> str:
    """The text of a heading, marked as such."""
    return f"{_HEADING_BEGINS}{level}{text}{_HEADING_ENDS}"


def mark_headings(text: str, headings: Iterable[Heading]) -> str:
    """A text from elsewhere with its headings marked."""
    pieces, last = [], 0
    clean = text.translate(dict.fromkeys(map(ord, "\x01\x02\x03"), " "))
    for heading in headings:
        # A heading's own text may be tidied; the mark ends with its first line.
        end = clean.find("\n", heading.start)
        end = len(clean) if end < 0 else end
        if heading.start >= last:
            marked = mark_heading(clean[heading.start : end], heading.level)
            pieces += [clean[last : heading.start], marked]
            last = end
    return "".join([*pieces, clean[last:]])


def assemble(blocks: Iterable[str]) -> tuple[str, Layout]:
    """One text of marked ones, apart by empty lines, and where its pages and headings begin."""
    kept: list[str] = []
    waiting = ""  # marks of blocks that nothing is seen of
    for block in blocks:
        if without_marks(block):
            kept.append(waiting + block)
            waiting = ""
        else:
            waiting += PAGE_MARK * block.count(PAGE_MARK)
    return _unmarked("\n\n".join(kept) + waiting)


def _unmarked(text: str) -> tuple[str, Layout]:
    pieces: list[str] = []
    pages, headings = [0], []
    length = last = 0
    begun: tuple[int, int, int] | None = None
    for match in _MARKS.finditer(text):
        pieces.append(text[last : match.start()])
        length += match.start() - last
        last = match.end()
        if match[0] == PAGE_MARK:
            pages.append(length)
        elif match[0] == _HEADING_ENDS and begun is not None:
            start, level, first = begun
            title = " ".join(_MARKS.sub("", text[first : match.start()]).split())
            headings.append(Heading(start, level, title))
            begun = None
        elif match[1]:
            begun = (length, int(match[1]), last)
    pieces.append(text[last:])
    return "".join(pieces), Layout(tuple(pages), tuple(headings))
