"""What stands in a DOCX but is kept in parts of its own: other files, diagrams and charts."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.docx_paragraphs import mark_headings
from longembed_rag.files.formats.ooxml import Package
from longembed_rag.files.values import Content

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "message/rfc822": ".mht",
    "multipart/related": ".mht",
    "text/plain": ".txt",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": ".docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
_INSIDE = "!/"


#: Finds the reader of a file inside another by its name; None where there is none.
FindReader = Callable[[str], Callable[[bytes, str], Content] | None]


def read_inserted(
    package: Package, part: str, *, name: str, reader_of: FindReader
) -> tuple[str, str | None]:
    """The text of a file that was put into a document, with its headings marked.

    Args:
        package: The document.
        part: The part that holds the file.
        name: The document, for messages.
        reader_of: Finds its reader.

    Returns:
        The text, empty where it cannot be read, and a note that says so.
    """
    stem, own = posixpath.splitext(part)
    inner = f"{name}{_INSIDE}{stem}{_SUFFIXES.get(package.content_type(part), own.lower())}"
    read = reader_of(inner)
    if read is None:
        return "", f"{inner} is not read: no reader for its type, or it lies too deep"
    try:
        content = read(package.read(part), inner)
    except KeyError:
        return "", f"a part that it refers to is missing: {part}"
    except ReadError as error:
        return "", f"what was inserted is not read: {error}"
    return mark_headings(content.text, content.layout.headings), None


def read_diagram(root: Any) -> Iterator[str]:
    """The words of a SmartArt diagram, each of its shapes a line."""
    lines = [
        " ".join("".join(text.text or "" for text in each.iter(_DRAWING + "t")).split())
        for each in root.iter(_DRAWING + "p")
    ]
    if any(lines):
        yield "\n".join(filter(None, lines))


def read_chart(root: Any) -> Iterator[str]:
    """The words of a chart: its titles, and the names of what it shows, each once."""
    words: list[str] = []
    for element in root.iter(_DRAWING + "p", _CHART + "strCache"):
        tag = _DRAWING + "t" if element.tag == _DRAWING + "p" else _CHART + "v"
        texts = [text.text or "" for text in element.iter(tag)]
        words += ["".join(texts)] if tag == _DRAWING + "t" else texts
    lines = [line for line in dict.fromkeys(" ".join(word.split()) for word in words) if line]
    if lines:
        yield "\n".join(lines)
