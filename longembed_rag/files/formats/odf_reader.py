"""OpenDocument texts, presentations and spreadsheets, from the XML in them.

kreuzberg 4.10 loses items of nested lists, tables in lists, text boxes and fields, and runs words
around a line break together (588 words of 20 texts, ``benchmarks/office_readers.py``); .odp it does
not read, and of .ods it gives values as they are stored, where the cell's own text is what people
see. odfpy has not changed for years and knows no order of what a paragraph holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged, open_archive, parse_xml
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.ooxml import local
from longembed_rag.files.formats.properties import properties
from longembed_rag.files.values import Content

_KIND = "the OpenDocument file"
_CONTENT = "content.xml"
# Not shown: deleted text, declarations, alternative texts, and what an index is made from.
_UNSEEN = frozenset(
    {
        "desc", "event-listeners", "forms", "hidden-text", "note-citation", "scripts",
        "sequence-decls", "title", "tracked-changes", "user-field-decls", "variable-decls",
        "table-of-content-source", "alphabetical-index-source", "bibliography-source",
        "illustration-index-source", "object-index-source", "table-index-source",
        "user-index-source", "thumbnail", "binary-data",
    }
)  # fmt: skip
_BLANKS = re.compile(r"[ \t\r\n]+")
_MARKS = {"tab": "\t", "line-break": "\n"}
# Blocks that may hang inside of a paragraph, and are read after it.
_ANCHORED = frozenset(
    {
        "frame", "text-box", "custom-shape", "rect", "line", "circle", "ellipse", "polygon",
        "polyline", "path", "connector", "caption", "measure", "regular-polygon", "g", "object",
    }
)  # fmt: skip
#: A cell or row that is repeated is written so many times at most: a sheet's empty end is
#: one row, a million times.
_MOST_REPEATED = 64
_DEEPEST_OBJECT = 3


def read_odf(data: bytes, name: str) -> Content:
    """Paragraphs, lists, tables, text boxes and formulas in order, then notes and comments.

    Every paragraph and table row is a line; cells are apart by ``" | "``. A presentation's slides
    are pages and their titles headings, a spreadsheet's sheets are headings.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is encrypted, damaged, of another type, or a decompression bomb.
    """
    archive = open_archive(data, name, kind=_KIND, holds=_CONTENT)
    try:
        manifest = "META-INF/manifest.xml"
        if manifest in archive.namelist() and b"encryption-data" in archive.read(manifest):
            raise ReadError(f"{name}: it is encrypted; save a copy without password")
        return _Reader(archive).read()
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, _KIND, error) from error


class _Reader:
    """Walks one document."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._builder = TextBuilder()
        self._notes: list[Any] = []
        self._pages = 0

    def read(self) -> Content:
        """All of it."""
        for body in _children(parse_xml(self._archive.read(_CONTENT)), "body"):
            for kind in body:
                if local(kind) == "presentation":
                    self._slides(kind)
                elif local(kind) == "spreadsheet":
                    self._sheets(kind)
                else:
                    self._blocks(kind)
        self._flush_notes()
        metadata: dict[str, Any] = {}
        if "meta.xml" in self._archive.namelist():
            meta = parse_xml(self._archive.read("meta.xml"))
            pairs = [(local(each), each.text) for group in meta for each in group]
            # `date` is the last change here, `creator` who made it.
            names = {"date": "modified", "creator": "contributor"}
            metadata = properties((names.get(key, key), value) for key, value in pairs)
            if "author" not in metadata and "contributor" in metadata:
                metadata["author"] = metadata["contributor"]
            metadata.pop("contributor", None)
        if self._pages:
            metadata["page_count"] = self._pages
        return self._builder.content(metadata)

    def _slides(self, presentation: Any) -> None:
        for page in _children(presentation, "page"):
            self._pages += 1
            self._builder.page()
            self._blocks(page)
            self._flush_notes()

    def _sheets(self, spreadsheet: Any) -> None:
        for table in _children(spreadsheet, "table"):
            rows = "\n".join(self._rows(table, spread=True))
            shapes = list(_children(table, "shapes"))
            if not rows and not shapes and not self._notes:
                continue
            self._builder.add(_attribute(table, "name"), level=1)
            self._builder.add(rows)
            for each in shapes:
                self._blocks(each)
            self._flush_notes()

    def _flush_notes(self) -> None:
        while self._notes:
            notes, self._notes = self._notes, []
            for note in notes:
                self._builder.add("\n".join(text for text, _ in self._texts(note)))

    def _blocks(self, parent: Any) -> None:
        for text, level in self._texts(parent):
            self._builder.add(text, level=level)

    def _texts(self, parent: Any, depth: int = 0) -> Iterator[tuple[str, int | None]]:
        """The blocks below an element, with the level of headings."""
        for child in parent:
            tag = local(child)
            if tag in ("p", "h"):
                pieces: list[str] = []
                anchored: list[Any] = []
                self._collect(child, pieces, anchored)
                yield "".join(pieces).strip(), self._level(child)
                for each in anchored:
                    yield from self._texts([each], depth)
            elif tag == "table":
                yield "\n".join(self._rows(child)), None
            elif tag == "object":
                yield from self._object(child, depth)
            elif tag == "annotation":
                self._notes.append(child)
            elif tag == "math":
                yield " ".join(" ".join(child.itertext("{*}mi", "{*}mn", "{*}mo")).split()), None
            elif tag not in _UNSEEN:
                yield from self._texts(child, depth)

    def _level(self, paragraph: Any) -> int | None:
        if local(paragraph) == "h":
            return max(1, int(_attribute(paragraph, "outline-level") or 1))
        for up in paragraph.iterancestors():
            if local(up) == "frame":
                return 1 if _attribute(up, "class") == "title" else None
        return None

    def _collect(self, element: Any, pieces: list[str], anchored: list[Any]) -> None:
        pieces.append(_flat(element.text))
        for child in element:
            tag = local(child)
            if tag == "s":
                pieces.append(" " * min(int(_attribute(child, "c") or 1), 1000))
            elif tag in _MARKS:
                pieces.append(_MARKS[tag])
            elif tag == "note":
                self._notes += _children(child, "note-body")
            elif tag == "annotation":
                self._notes.append(child)
            elif tag in _ANCHORED:
                anchored.append(child)
            elif tag and tag not in _UNSEEN:
                self._collect(child, pieces, anchored)
            pieces.append(_flat(child.tail))

    def _object(self, element: Any, depth: int) -> Iterator[tuple[str, int | None]]:
        """A chart or formula, which lies in a folder of its own."""
        path = _attribute(element, "href").removeprefix("./") + "/" + _CONTENT
        if path in self._archive.namelist() and depth < _DEEPEST_OBJECT:
            root = parse_xml(self._archive.read(path))
            yield from self._texts([root] if local(root) == "math" else root, depth + 1)
        else:
            yield from self._texts(element, depth)

    def _rows(self, table: Any, *, spread: bool = False) -> Iterator[str]:
        """A table's rows; of a spreadsheet without empty cells."""
        for child in table:
            tag = local(child)
            if tag == "table-row":
                cells = [cell for cell in self._cells(child) if cell or not spread]
                if any(cells):
                    yield from [" | ".join(cells)] * _repeated(child, "number-rows-repeated")
            elif tag in ("table-header-rows", "table-rows", "table-row-group"):
                yield from self._rows(child, spread=spread)

    def _cells(self, row: Any) -> Iterator[str]:
        for cell in _children(row, "table-cell"):
            text = " ".join(" ".join(text for text, _ in self._texts(cell)).split())
            times = _repeated(cell, "number-columns-repeated") if text else 1
            yield from [text] * times


def _children(element: Any, tag: str) -> Iterator[Any]:
    return (child for child in element if local(child) == tag)


def _attribute(element: Any, name: str) -> str:
    """An attribute by its name without namespace; empty where there is none."""
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


def _repeated(element: Any, name: str) -> int:
    return min(int(_attribute(element, name) or 1), _MOST_REPEATED)


def _flat(text: str | None) -> str:
    """Text of a paragraph: line ends in the file are blanks, and blanks in a row are one."""
    return _BLANKS.sub(" ", text) if text else ""
