"""Pieces of a page, put together as a browser would lay them out."""

from __future__ import annotations

import re

from longembed_rag.files.formats.superscripts import LOOKS_BACK, write_raised
from longembed_rag.layout import Heading

#: What stands on lines of its own.
BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
        "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
        "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "legend", "li", "main",
        "menu", "nav", "ol", "optgroup", "option", "p", "plaintext", "pre", "search", "section",
        "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
    }
)  # fmt: skip
# Blocks that a reader sees with space around them.
_PARAGRAPHS = frozenset(
    {
        "article", "aside", "blockquote", "dl", "figure", "footer", "form", "h1", "h2", "h3", "h4",
        "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul",
    }
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_VERBATIM = frozenset({"listing", "plaintext", "pre", "textarea", "xmp"})
_LONGEST_HEADING = 300
_SPACES = re.compile(r"[ \t\n\r\f\v]+")


class HtmlWriter:
    """The text of a page as it grows."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        # What comes before the next text: line breaks, else what parts cells, else a space.
        self._breaks = 0
        self._separator = ""
        self._cells = 0
        self._verbatim = 0
        self._headings: list[Heading] = []
        # The heading that has begun: its level and the first of its pieces; and where that stands.
        self._begun: tuple[int, int] | None = None
        self._begun_at: int | None = None

    def open(self, name: str) -> None:
        """An element begins."""
        self._block(name)
        if name == "br":
            self._breaks = min(self._breaks + 1, 2)
        elif name == "tr":
            self._cells = 0
        elif name in _CELLS:
            # After a cell with blocks of its own a line break is due already.
            self._separator = " | " if self._cells else self._separator
            self._cells += 1
        self._verbatim += name in _VERBATIM

    def close(self, name: str) -> None:
        """An element ends."""
        self._verbatim -= name in _VERBATIM
        self._block(name)

    def write(self, text: str) -> None:
        """Some text."""
        if self._verbatim:
            self._flush(text if self._breaks == 0 else text.lstrip("\n"))
            return
        collapsed = _SPACES.sub(" ", text)
        inner = collapsed.strip(" ")
        if collapsed.startswith(" "):
            self._separator = self._separator or " "
        if inner:
            self._flush(inner)
            self._separator = " " if collapsed.endswith(" ") else ""

    def write_raised(self, text: str, *, is_note: bool) -> None:
        """Some raised text."""
        text = _SPACES.sub(" ", text)
        begins_line = self._breaks or self._separator
        before = "" if begins_line else "".join(self._pieces[-LOOKS_BACK:])[-LOOKS_BACK:]
        self.write(write_raised(text, before, is_note=is_note))

    def write_apart(self, text: str) -> None:
        """Some text that is no part of the words around it, such as a picture's."""
        if text.strip():
            self.write(f" {text} ")

    def begin_heading(self, level: int) -> None:
        """What follows is a heading; one that was open ends, as in a browser."""
        self.end_heading()
        self._begun, self._begun_at = (level, len(self._pieces)), None

    def end_heading(self) -> None:
        """The heading that is open ends, if there is one."""
        if self._begun is None:
            return
        level, first = self._begun
        words = "".join(self._pieces[first:]).strip()
        if len(words) > _LONGEST_HEADING:  # its end tag is missing
            words = words.split("\n", 1)[0]
        if self._begun_at is not None and words:
            self._headings.append(Heading(self._begun_at, level, " ".join(words.split())))
        self._begun = None

    def text(self) -> tuple[str, tuple[Heading, ...]]:
        """All of it, and its headings."""
        self.end_heading()
        whole = "".join(self._pieces)
        bare = whole.lstrip("\n")
        gone = len(whole) - len(bare)
        return bare.rstrip("\n"), tuple(
            Heading(max(0, each.start - gone), each.level, each.text) for each in self._headings
        )

    def _block(self, name: str) -> None:
        due = 2 if name in _PARAGRAPHS else int(name in BLOCKS)
        self._breaks = max(self._breaks, due)

    def _flush(self, text: str) -> None:
        if not text:
            return
        if self._pieces:
            self._put("\n" * self._breaks if self._breaks else self._separator)
        if self._begun is not None and self._begun_at is None:
            self._begun, self._begun_at = (self._begun[0], len(self._pieces)), self._length
        self._put(text)
        self._breaks, self._separator = 0, ""

    def _put(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
