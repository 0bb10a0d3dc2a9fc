"""Excel workbooks, old and new.

The cells are kreuzberg's, which is ten times as quick as openpyxl, and reads .xls and Strict Open
XML, too, of which openpyxl gives nothing. It leaves out comments, text boxes and charts, which are
read here from the XML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import (
    damaged,
    is_old_office,
    open_archive,
    refuse_other_kinds,
)
from longembed_rag.files.formats.building import TextBuilder
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.kreuzberg_call import extract
from longembed_rag.files.formats.office_properties import read_properties
from longembed_rag.files.formats.ooxml import Package, local
from longembed_rag.files.formats.properties import properties
from longembed_rag.files.values import Content

_KIND = "the workbook"
_OLD = "application/vnd.ms-excel"
_NEW = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The stream of an encrypted document of today's format.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# Excel keeps a date as a moment at midnight, and a time as one of the day before its first.
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d) 00:00:00")
_TIME = re.compile(r"1899-12-3[01] (\d\d:\d\d:\d\d)")


@dataclass(frozen=True)
class _Sheet:
    name: str
    beside: tuple[str, ...] = ()


def read_sheets(data: bytes, name: str) -> Content:
    """Every sheet under its name as a heading: rows as lines, then text boxes, charts, comments.

    Cells are apart by ``" | "``; empty ones, and sheets of nothing else, are left out. Hidden
    sheets are read, too.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It wants a password, is damaged, of another type, or a decompression bomb.
    """
    if is_old_office(data):
        if _ENCRYPTED in data:
            raise ReadError(f"{name}: it wants a password; save a copy without one")
        return _content(data, name, _OLD, None, {})
    if not data.startswith(b"PK"):
        refuse_other_kinds(data, name)
        raise ReadError(
            f"{name}: it is no workbook, or older than Excel 5; give it the suffix it should "
            "have, or save it with an office program as .xlsx"
        )
    archive = open_archive(data, name, kind=_KIND, holds="xl/")
    try:
        package = Package(archive)
        sheets, known = list(_sheets(package)), read_properties(package)
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, _KIND, error) from error
    return _content(data, name, _NEW, sheets, known)


def _content(
    data: bytes, name: str, mime: str, sheets: list[_Sheet] | None, known: dict[str, object]
) -> Content:
    result = extract(data, name, mime=mime, kind=_KIND)
    if sheets is None:
        sheets = [_Sheet(str(each)) for each in result.metadata.get("sheet_names") or ()]
        known = properties(result.metadata.items())
    rows = {table.page_number: table.cells for table in result.tables}
    builder = TextBuilder()
    for number, sheet in enumerate(sheets, start=1):
        lines = (
            " | ".join(_shown(cell) for cell in row if cell.strip()) for row in rows.get(number, ())
        )
        text = "\n".join(line for line in lines if line)
        if text or sheet.beside:
            builder.add(sheet.name, level=1)
            for block in (text, *sheet.beside):
                builder.add(block)
    return builder.content(known)


def _shown(cell: str) -> str:
    for pattern in (_MIDNIGHT, _TIME):
        match = pattern.fullmatch(cell)
        if match is not None:
            return match.group(1)
    return " ".join(cell.split())


def _sheets(package: Package) -> Iterator[_Sheet]:
    """The sheets in their order, each with what stands beside its cells."""
    part, workbook = package.main()
    relations = package.relations(part)
    for sheet in workbook.iter():
        if local(sheet) != "sheet":
            continue
        relation = next(
            (relations.get(v) for k, v in sheet.attrib.items() if k.endswith("}id")), None
        )
        beside: list[str] = []
        if relation is not None:
            for target, drawing in package.related(relation.target, "drawing"):
                beside += (block.text for block in package.drawing(target, drawing))
            beside += package.comments(relation.target)
        yield _Sheet(sheet.get("name", ""), tuple(text for text in beside if text.strip()))
