"""PDF documents, with pypdf."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import ReadError
from longembed_rag.files.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.values import Content

if TYPE_CHECKING:
    from pypdf import PdfReader


def read_pdf(data: bytes, name: str) -> Content:
    """The text of every page, pages apart by an empty line.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        ReadError: It is encrypted, damaged, or holds pictures of pages only.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    damaged: tuple[type[Exception], ...] = (PyPdfError, *ERRORS_OF_DAMAGED_FILES)
    try:
        reader = PdfReader(io.BytesIO(data))
        _unlock(reader, name)
        pages = [page.extract_text().strip() for page in reader.pages]
        title = reader.metadata.title if reader.metadata is not None else None
    except DependencyError as error:
        raise ReadError(
            f"{name}: this PDF needs a package that is not installed: {error}"
        ) from error
    except damaged as error:
        raise ReadError(
            f"{name}: the PDF is damaged ({type(error).__name__}: {error}); save it again with a "
            "PDF viewer, or repair it with qpdf"
        ) from error
    return _joined(pages, title, name)


def _unlock(reader: PdfReader, name: str) -> None:
    """Open a document that is encrypted only against changes.

    Raises:
        ReadError: It wants a password.
    """
    if reader.is_encrypted and not reader.decrypt(""):
        raise ReadError(
            f"{name}: the PDF is encrypted; save a copy without password and ingest that"
        )


def _joined(pages: list[str], title: object, name: str) -> Content:
    blank = [number for number, text in enumerate(pages, start=1) if not text]
    if len(blank) == len(pages):
        raise ReadError(
            f"{name}: no text on its {len(pages)} pages: they are probably scanned pictures; run "
            "text recognition first, for instance with ocrmypdf"
        )
    metadata: dict[str, Any] = {"page_count": len(pages)}
    if isinstance(title, str):
        metadata["title"] = title
    notes: tuple[str, ...] = ()
    if blank:
        metadata["pages_without_text"] = len(blank)
        notes = (f"{len(blank)} of {len(pages)} pages hold no text (pictures or blank)",)
    return Content("\n\n".join(text for text in pages if text), metadata, notes)
