"""Documents that are ZIP archives of XML, opened so that no bomb goes off."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES

#: An archive that says it unpacks to more is refused where it is packed more tightly than text
#: ever is, in bytes and in times its size.
MOST_UNPACKED = 256 << 20
MOST_TIMES = 100
# The same of a single file in it, which a parser makes many times larger still.
_LARGE_PART = 10 << 20
_MOST_TIMES_A_PART = 300
_ENCODINGS = ("ascii", "utf-16-le", "utf-16-be")
_OLE = b"\xd0\xcf\x11\xe0"
# What a file is by its first bytes, as far as people save one kind under another's suffix.
_KINDS = (
    (b"{\\rtf", "an RTF document", ".rtf"),
    (b"%PDF-", "a PDF document", ".pdf"),
    (b"<!doctype html", "an HTML page", ".html"),
    (b"<html", "an HTML page", ".html"),
    (b"<?xml", "an XML file", ".xml"),
)
_PARTS = (
    ("word/", "a Word document", ".docx"),
    ("ppt/", "a PowerPoint presentation", ".pptx"),
    ("xl/", "an Excel workbook", ".xlsx"),
)
_MIMETYPES = {
    b"application/epub+zip": ("an EPUB", ".epub"),
    b"application/vnd.oasis.opendocument.text": ("an OpenDocument text", ".odt"),
    b"application/vnd.oasis.opendocument.presentation": ("a presentation", ".odp"),
    b"application/vnd.oasis.opendocument.spreadsheet": ("a spreadsheet", ".ods"),
}


def is_old_office(data: bytes) -> bool:
    """Whether a file is one of the containers of Office before 2007, or an encrypted newer one."""
    return data.startswith(_OLE)


def open_archive(data: bytes, name: str, *, kind: str, holds: str) -> zipfile.ZipFile:
    """Open a document that is a ZIP archive.

    Args:
        data: The file.
        name: Its name, for messages.
        kind: What it should be, for messages: ``"the PPTX"``.
        holds: How the name of a file in it must begin.

    Raises:
        ReadError: It is encrypted, damaged, something else than its suffix says, or unpacks to
            far more than a document does.
    """
    if is_old_office(data):
        raise ReadError(
            f"{name}: it is encrypted, or of Office's old format; save a copy without password in "
            "today's format"
        )
    refuse_other_kinds(data, name)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except ERRORS_OF_DAMAGED_FILES as error:
        raise damaged(name, kind, error) from error
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max(MOST_UNPACKED, MOST_TIMES * len(data)) or any(
        entry.file_size > max(_LARGE_PART, _MOST_TIMES_A_PART * entry.compress_size)
        for entry in entries
    ):
        raise ReadError(
            f"{name}: it would unpack from {len(data):,} to {unpacked:,} bytes, as a decompression "
            "bomb does; save it again with an office program if it is a document"
        )
    names = [entry.filename for entry in entries]
    if not any(each.startswith(holds) for each in names):
        _refuse_other_archives(archive, names, name)
        raise ReadError(f"{name}: {kind} is damaged (it lacks {holds}); save it again")
    return archive


def refuse_other_kinds(data: bytes, name: str) -> None:
    """Refuse a file that is plainly of another kind than its suffix says.

    Raises:
        ReadError: It is; says of which, and which suffix it should have.
    """
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for signature, what, suffix in _KINDS:
        if start.startswith(signature.lower()):
            raise ReadError(
                f"{name}: it is {what}, whatever its name says; give it the suffix {suffix}"
            )


def damaged(name: str, kind: str, error: BaseException) -> ReadError:
    """The error of a document that its parser cannot make sense of."""
    told = " ".join(str(error).split())[:200]
    return ReadError(
        f"{name}: {kind} is damaged ({type(error).__name__}: {told}); open it in the program that "
        "it is of and save it again"
    )


def parse_xml(data: bytes) -> Any:
    """The root element of an XML file, without entities, DTDs or the network.

    Args:
        data: The file.

    Raises:
        SyntaxError: It is not well-formed, or declares entities: office programs never do, and
            a few lines of them can stand for gigabytes.
    """
    from lxml import etree

    # Looked for before: in attributes lxml would put in what they stand for while it parses.
    if any("<!ENTITY".encode(encoding) in data for encoding in _ENCODINGS):
        raise SyntaxError("it declares entities, which can stand for any amount of text")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_pis=True,
        remove_comments=True,
    )
    return etree.fromstring(data, parser)


def _refuse_other_archives(archive: zipfile.ZipFile, names: list[str], name: str) -> None:
    found = next(
        ((what, end) for part, what, end in _PARTS if any(n.startswith(part) for n in names)), None
    )
    if found is None and "mimetype" in names:
        # One that is damaged says nothing of what it is.
        with suppress(*ERRORS_OF_DAMAGED_FILES), archive.open("mimetype") as file:
            found = _MIMETYPES.get(file.read(100).strip())
    if found is not None:
        raise ReadError(
            f"{name}: it is {found[0]}, whatever its name says; give it the suffix {found[1]}"
        )
