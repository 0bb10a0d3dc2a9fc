"""HTML pages, parsed by libxml2 as a stream.

No library gives all of a page's text as a browser shows it. Of the visible words in 100 pages of
test documents (Tika's, pandoc's, docling's) kreuzberg 4.10 gives just over half, and more words
than there are in links' targets and pictures' data; libxml2's tokenizer is HTML5's, ends ``<p>``
and ``<li>`` where browsers do, and takes time in the page's length: Python's own takes minutes for
60 KB of ``<a <a <a``. As a stream it nests as deep as a page does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.html_metadata import page_properties
from longembed_rag.files.formats.html_writer import BLOCKS, HtmlWriter
from longembed_rag.files.text.decoding import decode
from longembed_rag.files.values import Content
from longembed_rag.layout import Heading, Layout

# Never shown by a browser that runs scripts. Not <head> itself: its end tag is optional.
_UNSEEN = frozenset({"iframe", "noscript", "object", "rp", "script", "style", "template"})
_HIDDEN_STYLE = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DEFAULT_LEVEL = 2
_SHOWN_INPUTS = frozenset(
    {"", "button", "date", "datetime-local", "email", "month", "number", "reset", "search",
     "submit", "tel", "text", "time", "url", "week"}
)  # fmt: skip
# What of a server's headers a page repeats that says something of its content.
_HEADERS = frozenset({"content-language", "last-modified", "keywords", "description", "author"})
_NOTE = re.compile(r"(?i)(?:foot|end)?note|cite|reference|noteref|\bfn")
_DECLARED = re.compile(
    rb"""(?i)^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([^"'>]+)|<meta\b[^<>]*?charset\s*=\s*["']?\s*"""
    rb"""([^"'\s/>;]+)"""
)
_LOOKED_THROUGH = 65_536
_AT_ONCE = 16_384
# For an end tag libxml2 looks through what is open: so many looks take seconds.
_MOST_LOOKS = 2_000_000_000


def read_html(data: bytes, name: str) -> Content:
    """The page's title and its visible text.

    Blocks become lines, paragraphs are apart by an empty line, cells of a row by ``" | "``;
    spaces are kept in preformatted text and collapsed elsewhere, as in a browser. Pictures are
    told by their alternative texts, powers as ``m²``, and the numbers of notes stand apart from
    the words that they follow.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It holds no text.
    """
    return read_page(data, name, declared=_declared(data))


def read_page(data: bytes, name: str, *, declared: str | None) -> Content:
    """The same, of a page whose encoding is told from outside.

    Args:
        data: The page.
        name: The file, for messages.
        declared: Its encoding; None if nobody says.

    Raises:
        ReadError: It holds no text.
    """
    decoded = decode(data, name=name, declared=declared)
    page = _Page()
    _parse(decoded.text, page, name)
    body, headings = page.writer.text()
    title = " ".join("".join(page.title).split())
    metadata = page_properties(page.metas, title=title, language=page.language)
    if decoded.encoding != "utf-8":
        metadata["encoding"] = decoded.encoding
    notes = () if decoded.note is None else (decoded.note,)
    if title and not body.startswith(title):
        shift = len(title) + 2
        body = f"{title}\n\n{body}".rstrip()
        headings = tuple(Heading(each.start + shift, each.level, each.text) for each in headings)
    return Content(body, metadata, notes, Layout(headings=headings))


def _parse(text: str, page: _Page, name: str) -> None:
    """Tell a page what is in it.

    Raises:
        ReadError: So many elements are open below so many end tags that it would take minutes.
        MemoryError: There is too little memory, of which libxml2 says nothing aloud.
    """
    from lxml import etree

    parser = etree.HTMLParser(target=page, huge_tree=True, encoding="utf-8")
    looks = 0
    for start in range(0, len(text), _AT_ONCE):
        piece = text[start : start + _AT_ONCE]
        looks += page.depth * piece.count("</")
        if looks > _MOST_LOOKS:
            raise ReadError(
                f"{name}: {page.depth:,} of its elements lie inside of each other, far more than "
                "on any page; save it again from a browser"
            )
        parser.feed(piece.encode("utf-8", "replace"))
        last = parser.feed_error_log.last_error
        if last is not None and last.type == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("too little memory to parse the page")
    parser.close()


def _declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:_LOOKED_THROUGH])
    return None if match is None else (match[1] or match[2]).decode("ascii", "replace")


class _Page:
    """What the parser tells of a page, as it comes."""

    def __init__(self) -> None:
        self.writer = HtmlWriter()
        self.metas: list[tuple[str, str]] = []
        self.title: list[str] = []
        self.language = ""
        self._hidden = 0  # depth below the element that hides it
        self._drawings = 0
        self._titles = 0  # of the page: its first; drawings have titles, too
        self._in_title = False
        self.depth = 0
        self._headings: list[bool] = []
        self._links: list[bool] = []  # open links, and whether they lead to a place in the page
        self._raised = 0
        self._raised_text: list[str] = []
        self._is_note = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self.depth += 1
        if self._hidden:
            self._hidden += 1
            return
        if tag == "title":
            self._hidden = 1
            self._in_title = not self._drawings and not self._titles
            self._titles += not self._drawings
            return
        if tag in _UNSEEN or _is_hidden(attributes):
            self._hidden = 1
            return
        self._end_line(tag)
        self.writer.open(tag)
        self._open(tag, attributes)

    def _open(self, tag: str, attributes: Mapping[str, str]) -> None:
        role = attributes.get("role", "").lower()
        level = _HEADINGS.get(tag)
        if role == "heading" and level is None:
            told = attributes.get("aria-level", "")
            level = int(told) if re.fullmatch("[1-9]", told) else _DEFAULT_LEVEL
        self._headings.append(level is not None)
        if level is not None:
            self.writer.begin_heading(level)
        if tag == "a":
            self._links.append(attributes.get("href", "").startswith("#") or "noteref" in role)
            self._is_note = self._is_note or (bool(self._raised) and self._links[-1])
        elif tag == "sup":
            self._raised += 1
            named = attributes.get("class", "") + " " + attributes.get("id", "")
            to_place = bool(self._links) and self._links[-1]
            self._is_note = self._is_note or to_place or bool(_NOTE.search(named))
        elif tag == "rt":
            self.writer.write("(")
        elif tag == "svg":
            self._drawings += 1
        else:
            self._void(tag, attributes)

    def _void(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Elements that hold nothing but attributes."""
        if tag in ("img", "area"):
            self._apart(attributes.get("alt", ""))
        elif tag == "input":
            kind = attributes.get("type", "").lower()
            if kind in _SHOWN_INPUTS:
                self._apart(attributes.get("value", ""))
            elif kind == "image":
                self._apart(attributes.get("alt", ""))
        elif tag == "meta":
            name = attributes.get("name") or attributes.get("property") or ""
            if not name and attributes.get("http-equiv", "").lower() in _HEADERS:
                name = attributes["http-equiv"]
            if name and attributes.get("content"):
                self.metas.append((name, attributes["content"]))
        elif tag == "html":
            self.language = attributes.get("lang") or attributes.get("xml:lang", "")

    def end(self, tag: str) -> None:
        """An element ends."""
        self.depth -= 1
        if self._hidden:
            self._hidden -= 1
            self._in_title = self._in_title and bool(self._hidden)
            return
        self._end_line(tag)
        if self._headings.pop():
            self.writer.end_heading()
        if tag == "a":
            self._links.pop()
        elif tag == "sup":
            self._raised -= 1
            if not self._raised:
                self.writer.write_raised("".join(self._raised_text), is_note=self._is_note)
                self._raised_text, self._is_note = [], False
        elif tag == "rt":
            self.writer.write(")")
        elif tag == "svg":
            self._drawings -= 1
        self.writer.close(tag)

    def data(self, text: str) -> None:
        """Some text."""
        if self._in_title:
            self.title.append(text)
        elif self._raised and not self._hidden:
            self._raised_text.append(text)
        elif not self._hidden:
            self.writer.write(text)

    def _end_line(self, tag: str) -> None:
        """Write what is raised where a block begins or ends: the end tag may be missing."""
        if self._raised_text and tag in BLOCKS:
            self.writer.write("".join(self._raised_text))
            self._raised_text = []

    def _apart(self, text: str) -> None:
        if self._raised:
            self._raised_text.append(f" {text} ")
        else:
            self.writer.write_apart(text)

    def comment(self, text: str) -> None:
        """A comment, which nobody sees."""

    def close(self) -> None:
        """The page ends."""


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    return bool(_HIDDEN_STYLE.search(attributes.get("style", "")))
