"""HTML pages, with Beautiful Soup."""

from __future__ import annotations

import re
import warnings
from typing import Any

from longembed_rag.files.decoding import decode
from longembed_rag.files.values import Content

# Never shown by a browser that runs scripts. Not <head> itself: its end tag is optional, and
# without it the parser takes the whole body for a part of it.
_UNSEEN = frozenset({"iframe", "noscript", "object", "script", "style", "template", "title"})
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
        "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
        "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "legend", "li", "main",
        "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search", "section", "summary",
        "table", "tbody", "tfoot", "thead", "tr", "ul",
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
_VERBATIM = frozenset({"pre", "textarea", "listing", "xmp"})
_HIDDEN_STYLE = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f\v]+")


def read_html(data: bytes, name: str) -> Content:
    """The page's title and its visible text.

    Blocks become lines, paragraphs are apart by an empty line, cells of a row by ``" | "``;
    spaces are kept in preformatted text and collapsed elsewhere, as in a browser.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It holds no text.
    """
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    declared = EncodingDetector.find_declared_encoding(data, is_html=True)
    decoded = decode(data, name=name, declared=declared)
    with warnings.catch_warnings():
        # That a page looks like XML, or like a file name, changes nothing here.
        warnings.simplefilter("ignore")
        # Python's own parser: libxml2 cuts off deep nesting without a word.
        soup = BeautifulSoup(decoded.text, "html.parser")
    writer = _Writer()
    _walk(soup, writer)
    body = writer.text()
    # A drawing inside the page may have a title too, which is not the page's.
    titles = (tag for tag in soup.find_all("title") if tag.find_parent("svg") is None)
    title = next((_collapsed(tag.get_text()) for tag in titles), "")
    text = body if not title or body.startswith(title) else f"{title}\n\n{body}".rstrip()
    metadata: dict[str, Any] = {"title": title} if title else {}
    if decoded.encoding != "utf-8":
        metadata["encoding"] = decoded.encoding
    return Content(text, metadata, () if decoded.note is None else (decoded.note,))


def _collapsed(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" ")


def _walk(soup: Any, writer: _Writer) -> None:
    """Visit the tree without recursion: pages nest deeper than Python's stack."""
    from bs4.element import NavigableString, PreformattedString, Tag

    waiting: list[Any] = [iter(soup.children)]
    opened: list[str] = []
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
            if opened:
                writer.close(opened.pop())
        elif isinstance(child, Tag):
            if not _is_hidden(child):
                writer.open(child.name)
                opened.append(child.name)
                waiting.append(iter(child.children))
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            writer.write(str(child))  # the others are comments and declarations


def _is_hidden(tag: Any) -> bool:
    if tag.name in _UNSEEN:
        return True
    if tag.has_attr("hidden") and str(tag["hidden"]).lower() != "until-found":
        return True
    return tag.has_attr("style") and bool(_HIDDEN_STYLE.search(str(tag["style"])))


class _Writer:
    """Puts pieces of text together as a browser would lay them out."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        # What comes before the next text: line breaks, else what parts cells, else a space.
        self._breaks = 0
        self._separator = ""
        self._cells = 0
        self._verbatim = 0

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

    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces).strip("\n")

    def _block(self, name: str) -> None:
        due = 2 if name in _PARAGRAPHS else int(name in _BLOCKS)
        self._breaks = max(self._breaks, due)

    def _flush(self, text: str) -> None:
        if self._pieces:
            self._pieces.append("\n" * self._breaks if self._breaks else self._separator)
        self._pieces.append(text)
        self._breaks, self._separator = 0, ""
