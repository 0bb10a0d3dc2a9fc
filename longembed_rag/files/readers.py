"""A file as one text, whole, with what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from longembed_rag.errors import ReadError
from longembed_rag.files.cleaning import clean, fold
from longembed_rag.files.formats.office import office_reader
from longembed_rag.files.looking import reason_bytes_are_not_text
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.remote import Location
from longembed_rag.files.snapshots import snapshot
from longembed_rag.files.suffixes import (
    DOCX_SUFFIXES,
    HTML_SUFFIXES,
    MARKDOWN_SUFFIXES,
    MHTML_SUFFIXES,
    PDF_SUFFIXES,
    PLAIN_SUFFIXES,
    is_readable_name,
    supported_types,
)
from longembed_rag.files.text.text_reader import read_markdown, read_text
from longembed_rag.files.values import Content, FileText

#: How deep mails in mails in mails are followed.
_DEEPEST = 2


def read_file(
    path: Location,
    *,
    options: ReadOptions | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> FileText:
    """Read a file whole, by its suffix; one of an unknown suffix as text, where it holds that.

    The file is taken into memory in one go, so that its text is of one moment even while someone
    writes to it. Which process does so is all the same: place, options and text can be pickled,
    and an object in a bucket is fetched by the process that reads it, without a file in between.

    Args:
        path: The file as :func:`~longembed_rag.files.discover.discover` gives it: a resolved path,
            or an object in a bucket.
        options: How to read it; its limits are those of :func:`read_files`, which can end a
            reader.
        on_step: Is told when a reader that takes long has done a part of its work.

    Returns:
        Its text, never empty: paragraphs of HTML, PDF and DOCX as lines, text and Markdown as
        they are; cleaned as :mod:`longembed_rag.files.cleaning` says.

    Raises:
        ReadError: It is of no supported type, cannot be opened, is damaged, encrypted or binary,
            or holds no text; says which, and what to do.
        MissingDependencyError: What reads the protocol of a URL is not installed.
    """
    from longembed_rag.files.sources import source_of_resolved

    options = options or ReadOptions()
    read = _reader(path, options, on_step)
    taken = snapshot(path, most=options.memory)
    if not taken.data.strip():
        raise ReadError(f"{path}: no text: the file is empty")
    content = clean(read(taken.data, str(path)))
    text = content.text
    if not text.strip():
        raise ReadError(f"{path}: no text in it")
    shown = source_of_resolved(str(path))
    metadata: dict[str, Any] = {
        **content.metadata,
        "source": shown,
        "file_name": source_of_resolved(path.name) if isinstance(path, Path) else path.name,
        "file_path": shown,
        "file_type": path.suffix.lower().removeprefix("."),
        "file_size": len(taken.data),
    }
    if taken.modified is not None:
        metadata["last_modified"] = taken.modified.isoformat(timespec="seconds")
    title = metadata.get("title")
    if isinstance(title, str):
        title = " ".join(fold(title).split())
        metadata.pop("title")
        if title:
            metadata["title"] = title
    return FileText(text, metadata, content.notes, content.layout, taken.stamp)


def _reader(
    path: Location, options: ReadOptions, on_step: Callable[[], None]
) -> Callable[[bytes, str], Content]:
    suffix = path.suffix.lower()
    known = _reader_of(suffix, options, on_step)
    return known or (read_text if is_readable_name(path.name) else _read_unknown)


def _reader_of(
    suffix: str, options: ReadOptions, on_step: Callable[[], None], *, depth: int = 0
) -> Callable[[bytes, str], Content] | None:
    """The reader of a type; None where there is none.

    Args:
        suffix: The type.
        options: How to read.
        on_step: Is told when a part of the work is done.
        depth: In how many others, mails or documents, the file lies.
    """
    if suffix in MARKDOWN_SUFFIXES:
        return read_markdown
    if suffix in PLAIN_SUFFIXES:
        return read_text
    # Imported here because these pull in their parsers' types only when a file needs them.
    if suffix in HTML_SUFFIXES:
        from longembed_rag.files.formats.html_reader import read_html

        return read_html
    if suffix in MHTML_SUFFIXES:
        from longembed_rag.files.formats.mhtml_reader import read_mhtml

        return read_mhtml
    if suffix in PDF_SUFFIXES:
        from longembed_rag.files.formats.pdf_reader import read_pdf

        return partial(read_pdf, options=options, on_step=on_step)

    def reader_of(name: str) -> Callable[[bytes, str], Content] | None:
        if depth >= _DEEPEST:
            return None
        reader = _reader_of(Path(name).suffix.lower(), options, on_step, depth=depth + 1)
        # Cleaned by itself: lines of a PDF are broken otherwise than those of the mail.
        return None if reader is None else lambda data, told: clean(reader(data, told))

    if suffix in DOCX_SUFFIXES:
        from longembed_rag.files.formats.docx_reader import read_docx

        return partial(read_docx, reader_of=reader_of)
    return office_reader(suffix, reader_of=reader_of)


def _read_unknown(data: bytes, name: str) -> Content:
    """A file of no known type, which is text or cannot be read."""
    why = reason_bytes_are_not_text(data)
    if why is not None:
        told = Path(name).suffix or "no suffix"
        raise ReadError(f"{name}: unsupported type ({told}; {why}); {supported_types()}")
    return read_text(data, name)
