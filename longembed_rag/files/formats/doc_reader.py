r"""Word documents before 2007 (.doc), from their piece table ([MS-DOC] 2.4.1).

kreuzberg 4.10, the only library for it without a program beside it, gives the main text alone:
notes, comments and text boxes are lost, codes of fields stand in it (``HYPERLINK "http://..."``,
``SEQ Figure \* ARABIC``), and a table is one line. olefile opens the container; what the text is
made of is read here.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import is_old_office, refuse_other_kinds
from longembed_rag.files.formats.ole import ole_properties, open_container
from longembed_rag.files.values import Content

_KIND = "the Word document"
_WORD_97 = 0xA5EC
_ENCRYPTED, _SECOND_TABLE = 0x0100, 0x0200
_FLAGS, _COUNTS, _CLX = 0x0A, 0x4C, 0x1A2
#: The parts of a document in the order of its text: running headers are left out.
_PARTS = ("main", "notes", "headers", "macros", "comments", "endnotes", "boxes", "header boxes")
_READ = ("main", "boxes", "notes", "endnotes", "comments")
_SINGLE_BYTES = 1 << 30
# A field is begin, code, middle, result, end: only the result is seen.
_CODE = re.compile(r"\x13[^\x13\x14\x15]*\x14([^\x13\x14\x15]*)\x15")
_NO_RESULT = re.compile(r"\x13([^\x13\x14\x15]*)\x14?\x15")
# Japanese readings above words, and formulas, are codes without a result.
_EQUATION = re.compile(r"\s*(?:EQ|eq)\b(.*)", re.DOTALL)
_SWITCH = re.compile(r'\\\*?\s*[a-zA-Z]*\s*(?:"[^"]*"|(?:hps|jc)?\d+)?')
_ROW = re.compile(r"\x07\x07")
_DEEPEST_FIELD = 50
_MARKS = str.maketrans(
    {
        "\r": "\n\n", "\x0b": "\n", "\x0c": "\n\n", "\x0e": "\n", "\x1e": "-", "\x1f": "\xad",
        "\xa0": " ",
        **{chr(code): None for code in (*range(0x07), 0x08, *range(0x0F, 0x1E), 0x13, 0x14, 0x15)},
    }
)  # fmt: skip


def read_doc(data: bytes, name: str) -> Content:
    """Paragraphs and table rows as lines, cells apart by ``" | "``, then boxes, notes, comments.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is encrypted, damaged, older than Word 97, or something else than a
            document of Word.
    """
    refuse_other_kinds(data, name)
    if not is_old_office(data):
        what = (
            "a document of today's format (.docx)" if data.startswith(b"PK") else "something else"
        )
        raise ReadError(
            f"{name}: it is {what}, whatever its name says; give it the suffix it should have, or "
            "save it with an office program as .docx"
        )
    with open_container(data, name, kind=_KIND) as container:
        if not container.exists("WordDocument"):
            raise ReadError(f"{name}: it holds no text of Word; give it the suffix it should have")
        text = _text(container, name)
        known = ole_properties(container)
    return Content(text, known)


def _text(container: Any, name: str) -> str:
    stream = container.openstream("WordDocument").read()
    magic, flags = struct.unpack_from("<H", stream)[0], struct.unpack_from("<H", stream, _FLAGS)[0]
    if magic != _WORD_97:
        raise ReadError(
            f"{name}: it is older than Word 97; save it with an office program as .docx"
        )
    if flags & _ENCRYPTED:
        raise ReadError(f"{name}: it is encrypted; save a copy without password")
    table = container.openstream("1Table" if flags & _SECOND_TABLE else "0Table").read()
    counts = dict(zip(_PARTS, struct.unpack_from("<8i", stream, _COUNTS), strict=True))
    whole = _pieces(stream, table)
    parts, begin = {}, 0
    for part, count in counts.items():
        end = begin + 2 * max(0, count)
        parts[part] = whole[begin:end].decode("utf-16-le", "replace")
        begin = end
    shown = (_shown(parts[part]) for part in _READ)
    return "\n\n".join(part for part in shown if part)


def _pieces(stream: bytes, table: bytes) -> bytes:
    """The text of all parts in their order, as UTF-16, by whose units Word counts.

    Raises:
        ValueError: The piece table is not where it should be.
    """
    offset, size = struct.unpack_from("<II", stream, _CLX)
    clx = table[offset : offset + size]
    place = 0
    while clx[place : place + 1] == b"\x01":  # formats, before the pieces
        place += 3 + struct.unpack_from("<H", clx, place + 1)[0]
    if clx[place : place + 1] != b"\x02":
        raise ValueError("no piece table")
    size = struct.unpack_from("<I", clx, place + 1)[0]
    count = (size - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}I", clx, place + 5)
    pieces = []
    for number in range(count):
        descriptor = place + 5 + 4 * (count + 1) + 8 * number
        where = struct.unpack_from("<I", clx, descriptor + 2)[0]
        characters = ends[number + 1] - ends[number]
        if characters < 0:
            raise ValueError("pieces out of order")
        if where & _SINGLE_BYTES:
            where = (where & ~_SINGLE_BYTES) // 2
            text = stream[where : where + characters].decode("cp1252", "replace")
            pieces.append(text.encode("utf-16-le"))
        else:
            pieces.append(stream[where : where + 2 * characters])
    return b"".join(pieces)


def _shown(text: str) -> str:
    """What a reader of the document sees of its characters."""
    for _ in range(_DEEPEST_FIELD):
        fewer = _CODE.sub(r"\1", _NO_RESULT.sub(_equation, text))
        if fewer == text:
            break
        text = fewer
    blocks = (_row(row) for row in _ROW.sub("\x07\n\x00", text).split("\n\x00"))
    text = "\n".join(blocks).translate(_MARKS)
    lines = (line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _equation(field: re.Match[str]) -> str:
    """What is written in a formula; nothing of another field without a result."""
    match = _EQUATION.match(field.group(1))
    if match is None:
        return ""
    words = re.split(r"[(),;]+", _SWITCH.sub("", match.group(1)))
    return " ".join(each.strip() for each in words if each.strip())


def _row(text: str) -> str:
    """A stretch of text that ends with a row of a table, or holds none."""
    *cells, rest = text.split("\x07")
    if not cells:
        return rest
    before, between, first = cells[0].rpartition("\r")
    cells[0] = first
    return before + between + " | ".join(" ".join(each.split()) for each in cells) + rest
