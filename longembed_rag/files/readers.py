"""A file as one text, whole, with what is known of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.cleaning import clean, fold
from longembed_rag.files.decoding import decode
from longembed_rag.files.looking import reason_bytes_are_not_text
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.suffixes import (
    DOCX_SUFFIXES,
    HTML_SUFFIXES,
    MARKDOWN_SUFFIXES,
    PDF_SUFFIXES,
    is_readable_name,
    supported_types,
)
from longembed_rag.files.text_formats import (
    declared_encoding,
    without_json_escapes,
    without_xml_references,
)
from longembed_rag.files.values import Content, FileText

#: Tries to read a file that changes in the meantime.
_TRIES = 3
_OWN_WORDS = {FileNotFoundError: "it is gone", PermissionError: "no permission to read it"}


def read_file(
    path: Path,
    *,
    options: ReadOptions | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> FileText:
    """Read a file whole, by its suffix; one of an unknown suffix as text, where it holds that.

    The file is taken into memory in one go, so that its text is of one moment even while someone
    writes to it.

    Args:
        path: The file.
        options: How to read it; its limits are those of :func:`read_files`, which can end a
            reader.
        on_step: Is told when a reader that takes long has done a part of its work.

    Returns:
        Its text, never empty: paragraphs of HTML, PDF and DOCX as lines, text and Markdown as
        they are; cleaned as :mod:`longembed_rag.files.cleaning` says.

    Raises:
        ReadError: It is of no supported type, cannot be opened, is damaged, encrypted or binary,
            or holds no text; says which, and what to do.
    """
    from longembed_rag.files.discover import source_of

    options = options or ReadOptions()
    read = _reader(path, options, on_step)
    data, status = _snapshot(path, most=options.memory)
    if not data.strip():
        raise ReadError(f"{path}: no text: the file is empty")
    content = clean(read(data, str(path)))
    text = content.text
    if not text.strip():
        raise ReadError(f"{path}: no text in it")
    modified = datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)
    shown = source_of(path)
    metadata: dict[str, Any] = {
        "source": shown,
        "file_name": os.fsencode(path.name).decode("utf-8", "backslashreplace"),
        "file_path": shown,
        "file_type": path.suffix.lower().removeprefix("."),
        "file_size": status.st_size,
        "last_modified": modified.isoformat(timespec="seconds"),
        **content.metadata,
    }
    title = metadata.get("title")
    if isinstance(title, str):
        title = " ".join(fold(title).split())
        metadata.pop("title")
        if title:
            metadata["title"] = title
    return FileText(text, metadata, content.notes, content.layout)


def _reader(
    path: Path, options: ReadOptions, on_step: Callable[[], None]
) -> Callable[[bytes, str], Content]:
    suffix = path.suffix.lower()
    if suffix in MARKDOWN_SUFFIXES:
        return _read_markdown
    # Imported here because these pull in their parsers' types only when a file needs them.
    if suffix in HTML_SUFFIXES:
        from longembed_rag.files.html_reader import read_html

        return read_html
    if suffix in PDF_SUFFIXES:
        from longembed_rag.files.pdf_reader import read_pdf

        return partial(read_pdf, options=options, on_step=on_step)
    if suffix in DOCX_SUFFIXES:
        from longembed_rag.files.docx_reader import read_docx

        return read_docx
    return _read_text if is_readable_name(path.name) else _read_unknown


def _snapshot(path: Path, *, most: int) -> tuple[bytes, os.stat_result]:
    """All bytes of a file as they were at one moment.

    Args:
        path: The file.
        most: The most bytes that it may have.

    Raises:
        ReadError: It cannot be read, or keeps changing.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ReadError(f"{path}: it is no regular file")  # opening a pipe would wait for ever
        if (size := path.stat().st_size) > most:
            raise ReadError(
                f"{path}: it has {size:,} bytes, more than the {most:,} that reading a file may "
                "take; raise --read-memory, or cut it into parts"
            )
        for _ in range(_TRIES):
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                data = file.read()
                after = os.fstat(file.fileno())
            if _mark(before) == _mark(after) and len(data) == after.st_size:
                return data, after
    except OSError as error:
        told = _OWN_WORDS.get(type(error)) or error.strerror or str(error)
        raise ReadError(f"{path}: {told}") from error
    except MemoryError as error:
        raise ReadError(f"{path}: it does not fit into memory") from error
    raise ReadError(f"{path}: it changes while it is being read; try again when it is at rest")


def _mark(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size


def _read_text(data: bytes, name: str) -> Content:
    suffix = Path(name).suffix.lower()
    decoded = decode(data, name=name, declared=declared_encoding(data, suffix))
    metadata = {} if decoded.encoding == "utf-8" else {"encoding": decoded.encoding}
    text = decoded.text
    if suffix in (".json", ".jsonl", ".ndjson"):
        text = without_json_escapes(text)
    elif suffix == ".xml":
        text = without_xml_references(text)
    return Content(text, metadata, () if decoded.note is None else (decoded.note,))


def _read_unknown(data: bytes, name: str) -> Content:
    """A file of no known type, which is text or cannot be read."""
    why = reason_bytes_are_not_text(data)
    if why is not None:
        told = Path(name).suffix or "no suffix"
        raise ReadError(f"{name}: unsupported type ({told}; {why}); {supported_types()}")
    return _read_text(data, name)


def _read_markdown(data: bytes, name: str) -> Content:
    content = _read_text(data, name)
    title = _markdown_title(content.text)
    if title is None:
        return content
    return Content(content.text, {**content.metadata, "title": title}, content.notes)


def _markdown_title(text: str) -> str | None:
    """The first heading of the first level outside code blocks."""
    fence = None
    for line in text.splitlines():
        stripped = line.strip()
        if fence is None and stripped.startswith(("```", "~~~")):
            fence = stripped[:3]
        elif fence is not None:
            fence = None if stripped.startswith(fence) else fence
        elif line.startswith("# "):
            return stripped.strip("# ")
    return None
