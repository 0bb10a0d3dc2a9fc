"""EPUB books: a ZIP archive of pages, in the order that their package file gives.

kreuzberg 4.10 finds the same words (``benchmarks/office_readers.py``); but it writes ``[Image:
...]`` where nobody sees it, and reads pages by other rules than a page beside the book: these are
ours for HTML.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged, open_archive, parse_xml
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.html_reader import read_html
from longembed_rag.files.formats.ooxml import local
from longembed_rag.files.formats.properties import properties
from longembed_rag.files.values import Content

_KIND = "the EPUB"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# A page's title, which programs for reading books do not show.
_TITLE = re.compile(rb"<title\b[^<>]*(?:/>|>[^<]*</title\s*>)", re.IGNORECASE)
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "image/svg+xml")


def read_epub(data: bytes, name: str) -> Content:
    """The chapters in reading order; headings are those of their pages.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is copy-protected, damaged, of another type, or a decompression bomb.
    """
    archive = open_archive(data, name, kind=_KIND, holds=_CONTAINER)
    try:
        path, package = _package(archive)
        chapters = list(dict.fromkeys(_chapters(path, package)))
        names = set(archive.namelist())
        _require_readable(archive, [each for each in chapters if each in names], name)
        builder = TextBuilder()
        missing = 0
        for chapter in chapters:
            if chapter not in names:
                missing += 1
                continue
            page = archive.read(chapter)
            if page.strip():
                builder.add_content(read_html(_TITLE.sub(b"", page), f"{name}: {chapter}"))
        pairs = [
            (local(each), each.text)
            for group in package
            if local(group) == "metadata"
            for each in group
        ]
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, _KIND, error) from error
    notes = (f"{missing} of {len(chapters)} chapters are missing in the file",) if missing else ()
    metadata = properties(("created" if key == "date" else key, text) for key, text in pairs)
    return builder.content(metadata, notes)


def _package(archive: ZipFile) -> tuple[str, Any]:
    """The name of the package file and its root element.

    Raises:
        LookupError: The container names none.
    """
    for each in parse_xml(archive.read(_CONTAINER)).iter():
        if local(each) == "rootfile":
            path = unquote(each.get("full-path", ""))
            return path, parse_xml(archive.read(path))
    raise LookupError("no package file")


def _chapters(path: str, package: Any) -> Iterator[str]:
    items = {
        each.get("id"): each.get("href", "")
        for each in package.iter()
        if local(each) == "item" and each.get("media-type", _PAGES[0]) in _PAGES
    }
    folder = posixpath.dirname(path)
    for each in package.iter():
        href = items.get(each.get("idref")) if local(each) == "itemref" else None
        if href:
            yield posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _require_readable(archive: ZipFile, chapters: list[str], name: str) -> None:
    """Refuse a book whose chapters are encrypted; fonts may be."""
    if _ENCRYPTION not in archive.namelist():
        return
    locked = {
        unquote(each.get("URI", ""))
        for each in parse_xml(archive.read(_ENCRYPTION)).iter()
        if local(each) == "CipherReference"
    }
    if locked.intersection(chapters):
        raise ReadError(
            f"{name}: it is copy-protected; only the program it was bought for opens it"
        )
