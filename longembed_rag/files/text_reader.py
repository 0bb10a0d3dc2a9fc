"""Texts as they are, and what Markdown and its like say of themselves and mark as headings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longembed_rag.files.decoding import decode
from longembed_rag.files.front_matter import front_matter
from longembed_rag.files.markup import markdown_outline, outline_of
from longembed_rag.files.outline import Outline
from longembed_rag.files.values import Content
from longembed_rag.layout import Layout


def read_text(data: bytes, name: str) -> Content:
    """A text as it is; headings and title of LaTeX, reStructuredText, AsciiDoc and Org.

    Args:
        data: The file.
        name: Its name, for messages and for what its text is written in.

    Raises:
        ReadError: It holds no text.
    """
    content = _decoded(data, name)
    outline = outline_of(Path(name).suffix.lower())
    return content if outline is None else _with(content, outline(content.text), {})


def read_markdown(data: bytes, name: str) -> Content:
    """A Markdown text as it is, with its front matter as metadata and its headings.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It holds no text.
    """
    content = _decoded(data, name)
    front = front_matter(content.text)
    found = _with(content, markdown_outline(content.text, front.end), front.metadata)
    if front.note is None:
        return found
    return Content(found.text, found.metadata, (*found.notes, front.note), found.layout)


def _decoded(data: bytes, name: str) -> Content:
    decoded = decode(data, name=name)
    metadata = {} if decoded.encoding == "utf-8" else {"encoding": decoded.encoding}
    return Content(decoded.text, metadata, () if decoded.note is None else (decoded.note,))


def _with(content: Content, outline: Outline, known: dict[str, Any]) -> Content:
    """The same with its headings, and its title unless it says another."""
    title = {} if outline.title is None else {"title": outline.title}
    if not isinstance(known.get("title", ""), str):
        known = {key: value for key, value in known.items() if key != "title"}
    metadata = {**title, **known, **content.metadata}
    return Content(content.text, metadata, content.notes, Layout(headings=outline.headings))
