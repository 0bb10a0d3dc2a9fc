"""DOCX documents, opened with python-docx.

python-docx's own ``paragraph.text`` leaves out content controls, text boxes, inserted text under
review and notes, so the text is taken from the XML underneath, in document order.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import ReadError
from longembed_rag.files.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.values import Content

if TYPE_CHECKING:
    from docx.document import Document

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_OFFICE_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"

_PARAGRAPH, _TABLE, _ROW, _CELL = (_WORD + tag for tag in ("p", "tbl", "tr", "tc"))
# The second form of the same content, for older programs; and text that was deleted or moved
# away under review.
_PASSED_OVER = frozenset({_COMPATIBILITY + "Fallback", _WORD + "del", _WORD + "moveFrom"})
_TEXT = frozenset({_WORD + "t", _OFFICE_MATH + "t"})
_MARKS = {
    _WORD + "tab": "\t",
    _WORD + "br": "\n",
    _WORD + "cr": "\n",
    _WORD + "noBreakHyphen": "-",
}
_TAB_STOPS = _WORD + "tabs"
# Notes, by the end of the relationship's type; their first two entries are separator lines.
_NOTES = ("/footnotes", "/endnotes")


def read_docx(data: bytes, name: str) -> Content:
    """The document's text: headings, paragraphs and tables in order, then its notes.

    Every paragraph and table row is a line; paragraphs are apart by an empty line; cells by
    ``" | "``. Headers and footers, which repeat on every page, are left out.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is damaged, encrypted or of an older format.
    """
    import docx
    from docx.exceptions import PythonDocxError
    from docx.opc.exceptions import OpcError

    if data.startswith(_OLD_OFFICE):
        raise ReadError(
            f"{name}: it is encrypted, or of Word's old .doc format; save a copy as .docx without "
            "password"
        )
    damaged: tuple[type[Exception], ...] = (
        PythonDocxError,
        OpcError,
        *ERRORS_OF_DAMAGED_FILES,
    )
    try:
        document = docx.Document(io.BytesIO(data))
        blocks = [*_blocks(document.element.body), *_notes(document)]
        title = document.core_properties.title
    except damaged as error:
        raise ReadError(
            f"{name}: the DOCX is damaged ({type(error).__name__}: {error}); open it in an office "
            "program and save it again"
        ) from error
    return Content("\n\n".join(blocks), {"title": title} if title else {})


def _blocks(parent: Any) -> Iterator[str]:
    """The paragraphs and tables below an element, as texts, in document order."""
    for child in parent:
        if child.tag == _PARAGRAPH:
            yield from _paragraph(child)
        elif child.tag == _TABLE:
            rows = [_row(row) for row in _own(child, _ROW)]
            table = "\n".join(row for row in rows if row)
            if table:
                yield table
        elif child.tag not in _PASSED_OVER and isinstance(child.tag, str):
            yield from _blocks(child)  # content controls, inserted blocks, custom XML


def _own(element: Any, tag: str) -> Iterator[Any]:
    """The rows of a table, or cells of a row, itself: not those of tables inside of them."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in _PASSED_OVER and isinstance(child.tag, str):
            yield from _own(child, tag)


def _row(row: Any) -> str:
    cells = [" ".join(" ".join(_blocks(cell)).split()) for cell in _own(row, _CELL)]
    return " | ".join(cells) if any(cells) else ""


def _paragraph(paragraph: Any) -> Iterator[str]:
    """A paragraph's text, then that of the text boxes anchored in it."""
    pieces: list[str] = []
    boxes: list[str] = []
    _collect(paragraph, pieces, boxes)
    text = "".join(pieces).strip()
    if text:
        yield text
    yield from boxes


def _collect(element: Any, pieces: list[str], boxes: list[str]) -> None:
    for child in element:
        if child.tag in _TEXT:
            pieces.append(child.text or "")
        elif child.tag in _MARKS:
            pieces.append(_MARKS[child.tag])
        elif child.tag in (_PARAGRAPH, _TABLE):
            boxes.extend(_blocks([child]))
        elif child.tag not in _PASSED_OVER and child.tag != _TAB_STOPS:
            _collect(child, pieces, boxes)


def _notes(document: Document) -> Iterator[str]:
    """Footnotes and endnotes, which lie in files of their own."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.endswith(_NOTES):
            continue
        for note in parse_xml(relation.target_part.blob):
            if note.get(_WORD + "type") is None:  # else a separator line
                yield from _blocks(note)
