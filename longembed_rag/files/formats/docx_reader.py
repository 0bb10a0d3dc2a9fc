"""DOCX documents, read from the XML inside them.

No library keeps all of the text. Of the 38,176 words in 278 test documents of Tika, pandoc,
python-docx and docling, a walk over the XML as this one keeps all (powers and fractions with
signs: ``x²`` of ``x2``); kreuzberg 4.10 loses 443 (notes, moved text, text boxes, tabs between
words, documents under another part's name), adds 2,293 that nobody sees (names of pictures,
LaTeX, signs of tables), and drops Word's automatic numbers; python-docx's ``paragraph.text``
leaves out content controls, text boxes, inserted text under review and notes, and it cannot open
Strict Open XML.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged, is_old_office, open_archive
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.docx_inserted import (
    FindReader,
    read_chart,
    read_diagram,
    read_inserted,
)
from longembed_rag.files.formats.docx_numbering import Numbering
from longembed_rag.files.formats.docx_paragraphs import (
    PAGE_MARK,
    PARAGRAPH,
    Paragraph,
    assemble,
    is_passed_over,
    mark_heading,
    on_one_line,
    without_marks,
)
from longembed_rag.files.formats.docx_styles import WORD, Styles, number_of, value_of
from longembed_rag.files.formats.office_properties import read_properties, told_pages
from longembed_rag.files.formats.ooxml import Package
from longembed_rag.files.formats.strict_xml import as_transitional
from longembed_rag.files.values import Content
from longembed_rag.layout import Layout

_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_KIND = "the DOCX"
_DOCUMENT, _BODY, _PROPERTIES = WORD + "document", WORD + "body", WORD + "pPr"
_TABLE, _ROW, _CELL = (WORD + tag for tag in ("tbl", "tr", "tc"))
_INSERTED = WORD + "altChunk"
# Notes of the document and of its reviewers, by the kind of the part that they lie in; the first
# two footnotes and endnotes are separator lines.
_NOTES = ("footnotes", "endnotes", "comments")


def read_docx(data: bytes, name: str, *, reader_of: FindReader = lambda name: None) -> Content:
    """The document's text: headings, paragraphs and tables in order, then its notes and comments.

    Every paragraph and table row is a line, with the number that Word shows before it; paragraphs
    are apart by an empty line; cells by ``" | "``. What is inserted from other files, diagrams
    and charts stand in their places. Headers and footers, which repeat on every page, are left
    out. Pages are those that Word saw when it last saved the document, where its marks agree with
    the count that it noted.

    Args:
        data: The file.
        name: Its name, for messages.
        reader_of: Finds the reader of a file that was inserted into the document, by its name.

    Raises:
        ReadError: It is damaged, encrypted, of an older format, or made to fill the memory.
    """
    if is_old_office(data):
        raise ReadError(
            f"{name}: it is encrypted, or of Word's old .doc format; save a copy as .docx without "
            "password"
        )
    from lxml.etree import LxmlError

    archive = open_archive(data, name, kind=_KIND, holds="word/")
    try:
        document = _Document(Package(archive), name, reader_of)
        text, layout = assemble(document.blocks())
        pages = told_pages(document.package)
        metadata = read_properties(document.package)
    except (MemoryError, ReadError):
        raise
    except (LxmlError, *ERRORS_OF_DAMAGED_FILES) as error:
        raise damaged(name, _KIND, error) from error
    if len(layout.pages) < 2 or len(layout.pages) != pages:
        layout = Layout(headings=layout.headings)
    return Content(text, metadata, tuple(document.notes), layout)


class _Document:
    """A document's parts, and what has been read of it so far."""

    def __init__(self, package: Package, name: str, reader_of: FindReader) -> None:
        self.package = package
        self.notes: list[str] = []
        self._name = name
        self._reader_of = reader_of
        self._part, self._root = package.main()
        self._relations = package.relations(self._part)
        self._styles = Styles(self._only("styles"))
        self._numbering = Numbering(self._only("numbering"), self._styles)
        self._inserted: set[str] = set()

    def _only(self, kind: str) -> Any | None:
        return next(self._related(kind), None)

    def _related(self, kind: str) -> Iterator[Any]:
        """The root elements of the parts of a kind that the document refers to."""
        for _, root in self.package.related(self._part, kind):
            yield as_transitional(root)

    def blocks(self) -> Iterator[str]:
        """All of it: the body, then the notes, which lie in parts of their own."""
        root = as_transitional(self._root)
        body = root.find(_BODY)
        if root.tag != _DOCUMENT or body is None:
            raise ReadError(
                f"{self._name}: it is an office document, but none of Word's; give it the suffix "
                "that it should have"
            )
        yield from self._blocks(body)
        for kind in _NOTES:
            for notes in self._related(kind):
                for note in notes:
                    if note.get(WORD + "type") in (None, "normal"):
                        yield from self._blocks(note)

    def _blocks(self, parent: Any) -> Iterator[str]:
        """The paragraphs and tables below an element, as texts, in document order."""
        for child in parent:
            if child.tag in PARAGRAPH:
                yield from self._paragraph(child)
            elif child.tag == _TABLE:
                rows = [self._row(row) for row in _own(child, _ROW)]
                table = "\n".join(row for row in rows if row)
                if table:
                    yield table
            elif child.tag == _INSERTED:
                yield from self._insert(child)
            elif not is_passed_over(child):
                yield from self._blocks(child)  # content controls, inserted blocks, custom XML

    def _row(self, row: Any) -> str:
        cells = [on_one_line(" ".join(self._blocks(cell))) for cell in _own(row, _CELL)]
        # A page that ends inside a row is marked in each of its cells.
        marks = [cell.count(PAGE_MARK) for cell in cells]
        most = max(marks, default=0)
        if not any(without_marks(cell) for cell in cells):
            return PAGE_MARK * most
        counted = marks.index(most)
        return " | ".join(
            cell if place == counted else cell.replace(PAGE_MARK, "")
            for place, cell in enumerate(cells)
        )

    def _paragraph(self, element: Any) -> Iterator[str]:
        """A paragraph's text, then that of what is anchored in it."""
        paragraph = Paragraph(element)
        properties = element.find(_PROPERTIES)
        # The number of a paragraph that was deleted under review is free again.
        label = "" if paragraph.is_deleted else self._numbering.label(properties)
        text = paragraph.text
        if without_marks(text):
            marks = text[: len(text) - len(text.lstrip(PAGE_MARK))]
            text = f"{label}{text[len(marks) :]}"
            level = self._heading(properties)
            yield marks + (text if level is None else mark_heading(text, level))
        elif text:
            yield text
        for anchored in paragraph.anchored:
            yield from self._anchored(anchored)

    def _anchored(self, element: Any) -> Iterator[str]:
        relation = self._relations.get(
            element.get(_RELATIONSHIP + "dm") or element.get(_RELATIONSHIP + "id") or ""
        )
        if element.tag in PARAGRAPH or element.tag == _TABLE:
            yield from self._blocks([element])
        elif relation is not None:
            root = self.package.xml(relation.target)
            if root is None:
                self.notes.append(f"a part that it refers to is missing: {relation.target}")
                return
            read = read_diagram if relation.kind == "diagramData" else read_chart
            yield from read(as_transitional(root))

    def _insert(self, element: Any) -> Iterator[str]:
        """The text of another file that was put into the document; once, however often shown."""
        relation = self._relations.get(element.get(_RELATIONSHIP + "id", ""))
        if relation is None or relation.target in self._inserted:
            return
        self._inserted.add(relation.target)
        text, note = read_inserted(
            self.package, relation.target, name=self._name, reader_of=self._reader_of
        )
        if text:
            yield text
        if note:
            self.notes.append(note)

    def _heading(self, properties: Any | None) -> int | None:
        own = number_of(properties, "outlineLvl")
        if own is not None:
            return own + 1 if 0 <= own < 9 else None
        return self._styles.paragraph(value_of(properties, "pStyle")).heading


def _own(element: Any, tag: str) -> Iterator[Any]:
    """The rows of a table, or cells of a row, itself: not those of tables inside of them."""
    for child in element:
        if child.tag == tag:
            yield child
        elif not is_passed_over(child):
            yield from _own(child, tag)
