"""FictionBook (.fb2): one XML file, whose sections and titles nest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from longembed_rag.files.formats.archives import damaged, parse_xml
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.ooxml import local
from longembed_rag.files.formats.properties import properties
from longembed_rag.files.values import Content

_KIND = "the FictionBook"
_BLANKS = re.compile(r"[ \t\r\n]+")
_LINES = frozenset({"p", "v", "subtitle", "text-author", "date"})


def read_fb2(data: bytes, name: str) -> Content:
    """The annotation, then sections in their order, notes last, as they stand in the file.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is no FictionBook, or damaged.
    """
    try:
        root = parse_xml(data)
        if local(root) != "FictionBook":
            raise ValueError(f"its root element is {local(root)}")
        builder = TextBuilder()
        for each in root.iterfind("{*}description/{*}title-info/{*}annotation"):
            _write(each, builder, 1)
        for body in root.iterfind("{*}body"):
            _write(body, builder, 1)
        return builder.content(properties(_known(root)))
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, _KIND, error) from error


def _write(parent: Any, builder: TextBuilder, level: int) -> None:
    for child in parent:
        tag = local(child)
        if tag == "title":
            builder.add(" ".join(_said(each) for each in child), level=level)
        elif tag in _LINES:
            builder.add(_said(child))
        elif tag == "tr":
            builder.add(" | ".join(_said(cell) for cell in child))
        elif tag == "stanza":
            builder.add("\n".join(_said(each) for each in child))
        elif tag == "section":
            _write(child, builder, level + 1)
        elif tag:
            _write(child, builder, level)


def _said(element: Any) -> str:
    text = "" if not local(element) else "".join(element.itertext())
    return _BLANKS.sub(" ", text).strip()


def _known(root: Any) -> Iterator[tuple[str, str]]:
    for info in root.iterfind("{*}description/{*}title-info"):
        for each in info:
            tag = local(each)
            if tag == "author":
                parts = {local(part): _said(part) for part in each}
                names = ("first-name", "middle-name", "last-name")
                full = " ".join(parts[part] for part in names if parts.get(part))
                yield "author", full or parts.get("nickname", "")
            elif tag in ("book-title", "lang", "date", "keywords"):
                keys = {"book-title": "title", "lang": "language", "date": "created"}
                yield keys.get(tag, tag), _said(each)
    for each in root.iterfind("{*}description/{*}publish-info/*"):
        keys = {"publisher": "publisher", "isbn": "identifier"}
        if local(each) in keys:
            yield keys[local(each)], _said(each)
