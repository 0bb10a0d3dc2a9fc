"""RTF, through striprtf.

kreuzberg 4.10 reads other code pages than Western Europe's as if they were that (Czech, Russian,
Japanese come out as ``moøe``, ``Óâàæàåìûé``), loses lists' numbers and sets words of neighbouring
cells together; striprtf reads them right (``benchmarks/office_readers.py``). What it leaves out, or
takes long for, is put right before: notes, which go to the end, pictures, and targets of links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.archives import damaged, is_old_office
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.properties import properties
from longembed_rag.files.text.decoding import without_surrogates
from longembed_rag.files.values import Content

_BRACES = re.compile(r"\\[\\{}]|[{}]")
_BINARY = re.compile(rb"\\bin(\d{1,10}) ?")
_NOTE = re.compile(r"\{\s*(?:\\\*\s*)?\\(?:footnote|annotation)\b[ ]?")
_REFERENCE = re.compile(r"\\ch(?:ftn|atn)\b ?")
_LINK = re.compile(r"(\\fldinst\b)[ ]?|(\\fldinst\s*\{)")
_PICTURE = re.compile(
    r"\{\s*(?:\\\*\s*)?\\(?:pict|objdata|themedata|colorschememapping|datastore)\b"
)
_BYTE = re.compile(r"\\'[0-9a-fA-F]{2}")
_FONT = re.compile(r"(?=\\f\d)")
_CELL = re.compile(r"\\(?:nest)?cell(?![a-zA-Z0-9]) ?")
_EMPTY_LINES = re.compile(r"\n{3,}")
_PROPERTY = re.compile(r"\{\s*(?:\\\*\s*)?\\(title|author|subject|keywords|doccomm|category)\b ?")
_CREATED = re.compile(r"\{\s*\\(creatim|revtim)\\yr(\d+)\\mo(\d+)\\dy(\d+)(?:\\hr(\d+)\\min(\d+))?")
_CODE_PAGES = (("\\mac", "mac_roman"), ("\\pca", "cp850"), ("\\pc", "cp437"))
#: What of a property is looked at; more than is kept.
_LONGEST_PROPERTY = 20_000
#: Properties stand before the text.
_HEAD = 1 << 20


def read_rtf(data: bytes, name: str) -> Content:
    """Paragraphs and table rows as lines, cells apart by ``" | "``, then notes and comments.

    Headers and footers, which repeat on every page, are left out.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is no RTF, or damaged.
    """
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"{\\rtf"):
        old = " (Word's old format, or encrypted)" if is_old_office(data) else ""
        raise ReadError(f"{name}: it is no RTF document{old}; give it the suffix it should have")
    try:
        source = _without_binary(data).decode("latin-1")
        text = _spoken(_prepared(source), _code_page(source))
        known = _properties(source)
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, "the RTF", error) from error
    lines = without_surrogates(text).replace("\r\n", "\n").split("\n")
    text = "\n".join(line.rstrip(" \t|") for line in lines)
    return Content(_EMPTY_LINES.sub("\n\n", text).strip("\n"), known)


def _spoken(source: str, encoding: str) -> str:
    from striprtf.striprtf import rtf_to_text

    return str(rtf_to_text(source, encoding=encoding, errors="replace"))


def _code_page(source: str) -> str:
    head = source[:200]
    return next((page for word, page in _CODE_PAGES if word in head), "cp1252")


def _without_binary(data: bytes) -> bytes:
    """The file without pictures' raw bytes, in which braces may stand."""
    pieces, begin = [], 0
    while (match := _BINARY.search(data, begin)) is not None:
        pieces.append(data[begin : match.start()])
        begin = match.end() + int(match.group(1))
    return b"".join([*pieces, data[begin:]])


def _prepared(source: str) -> str:
    begin = source.find("{\\fonttbl", 0, _HEAD)
    if begin >= 0:
        # Names of fonts in another script would be taken for text.
        end = _group_end(source, begin)
        # striprtf looks for a font's character set up to the line's end.
        fonts = _FONT.sub("\n", _BYTE.sub("", source[begin:end]))
        source = source[:begin] + fonts + source[end:]
    source, _ = _parted(source, _PICTURE)  # megabytes of digits, gone through one by one
    # striprtf looks for a link's target up to the line's end, again and again.
    source = _LINK.sub(lambda match: match.group() + "\n", source)
    source = _CELL.sub("{} | ", source)
    body, notes = _parted(source, _NOTE)
    end = body.rfind("}")
    below = "".join(f"\\par\\par{{\\plain {note}}}" for note in notes)
    return _REFERENCE.sub("", f"{body[: end if end >= 0 else len(body)]}{below}}}")


def _parted(source: str, opening: re.Pattern[str]) -> tuple[str, list[str]]:
    """The text without the groups that open so, and what is in these."""
    body, groups, begin = [], [], 0
    while (match := opening.search(source, begin)) is not None:
        end = _group_end(source, match.start())
        body.append(source[begin : match.start()])
        groups.append(source[match.end() : end])
        begin = end + 1
    return "".join([*body, source[begin:]]), groups


def _group_end(source: str, begin: int) -> int:
    """Where the group that opens at a place is closed; the end where it is not."""
    depth = 0
    for match in _BRACES.finditer(source, begin):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return len(source)


def _properties(source: str) -> dict[str, Any]:
    begin = source.find("{\\info", 0, _HEAD)
    if begin < 0:
        return {}
    info = source[begin : _group_end(source, begin)]
    page = re.search(r"\\ansicpg\d+", source[:1000])
    return properties(_pairs(info, page.group() if page else "", _code_page(source)))


def _pairs(info: str, page: str, encoding: str) -> Iterator[tuple[str, str]]:
    begin = 0
    while (match := _PROPERTY.search(info, begin)) is not None:
        begin = _group_end(info, match.start())
        inner = info[match.end() : begin][:_LONGEST_PROPERTY]
        key = {"doccomm": "description"}.get(match.group(1), match.group(1))
        yield key, without_surrogates(_spoken(f"{{\\rtf1{page} {inner}}}", encoding))
    for match in _CREATED.finditer(info):
        year, month, day, hour, minute = (int(each or 0) for each in match.groups()[1:])
        key = "created" if match.group(1) == "creatim" else "modified"
        if year:
            yield key, f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00"
