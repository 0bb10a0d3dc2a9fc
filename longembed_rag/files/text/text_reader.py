"""Texts as they are, and what Markdown and its like say of themselves and mark as headings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longembed_rag.files.text.decoding import decode
from longembed_rag.files.text.front_matter import front_matter
from longembed_rag.files.text.markup import markdown_outline, outline_of
from longembed_rag.files.text.outline import Outline
from longembed_rag.files.text.text_formats import (
    declared_encoding,
    without_json_escapes,
    without_xml_references,
)
from longembed_rag.files.values import Content
from longembed_rag.layout import Layout

_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})


def read_text(data: bytes, name: str) -> Content:
    """A text as it is, but for escapes of JSON and XML.

    LaTeX, reStructuredText, AsciiDoc and Org give their headings and their title, too.

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
    suffix = Path(name).suffix.lower()
    decoded = decode(data, name=name, declared=declared_encoding(data, suffix))
    metadata = {} if decoded.encoding == "utf-8" else {"encoding": decoded.encoding}
    text = decoded.text
    if suffix in _JSON_SUFFIXES:
        text = without_json_escapes(text)
    elif suffix == ".xml":
        text = without_xml_references(text)
    return Content(text, metadata, () if decoded.note is None else (decoded.note,))


def _with(content: Content, outline: Outline, known: dict[str, Any]) -> Content:
    """The same with its headings, and its title unless it says another."""
    title = {} if outline.title is None else {"title": outline.title}
    if not isinstance(known.get("title", ""), str):
        known = {key: value for key, value in known.items() if key != "title"}
    metadata = {**title, **known, **content.metadata}
    return Content(content.text, metadata, content.notes, Layout(headings=outline.headings))
