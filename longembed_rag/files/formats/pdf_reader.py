"""PDF documents, with PDFium.

PDFium is what a browser shows PDFs with: it puts words together by where their glyphs stand, maps
them to the letters that they show, tells which hyphens break a word at the end of a line, and
opens what is encrypted against changes only. Tried on 973 files of a PDF viewer's tests against
pypdf, which glues words together, spaces letters out and keeps ligatures
(``benchmarks/readers.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import regex

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.damaged import ERRORS_OF_DAMAGED_FILES
from longembed_rag.files.formats.furniture import strip_furniture
from longembed_rag.files.formats.pdf_outline import outline
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.values import Content
from longembed_rag.layout import Layout

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

# PDFium's own mark for a hyphen at the end of a line, where it leaves out the line break.
_BREAK = "\ufffe"
_BREAK_IN_WORD = regex.compile(rf"(?<=\p{{L}}){_BREAK}(?=\p{{L}})")
_CONTROLS = regex.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\uffff]")
_MOST_CONTROLS = 0.1
_BLANKS_AT_END = regex.compile(r"[ \t]+$", regex.MULTILINE)
_DATE = regex.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-])(\d\d)'?(\d\d)?|Z)?")
_PROPERTIES = {"Title": "title", "Author": "author", "Subject": "subject"}
_DATES = {"CreationDate": "created", "ModDate": "modified"}
# The error code of the engine.
_PASSWORD = 4
_ENCRYPTED = b"/Encrypt"
#: Pages are this far apart in the text.
_BETWEEN = "\n\n"


def read_pdf(
    data: bytes,
    name: str,
    *,
    options: ReadOptions | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Content:
    """The text of every page, pages apart by an empty line, filled-in forms included.

    Running headers, footers and page numbers are taken out where they repeat on most pages. Pages
    without text are recognised (OCR) where the language's data are installed.

    Args:
        data: The file.
        name: Its name, for messages.
        options: How to recognise pages without text.
        on_step: Is told before a page is recognised, which takes about a second.

    Raises:
        ReadError: It is encrypted, damaged, or holds pictures of pages only.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # Of some ways of encryption that it does not open, the engine gives no reason.
        if error.err_code == _PASSWORD or (not error.err_code and _ENCRYPTED in data):
            raise ReadError(
                f"{name}: the PDF needs a password; save a copy without and ingest that"
            ) from error
        raise _damaged(name, error) from error
    try:
        return _content(document, name, options or ReadOptions(), on_step)
    except (pypdfium2.PdfiumError, *ERRORS_OF_DAMAGED_FILES) as error:
        raise _damaged(name, error) from error
    finally:
        document.close()


def _damaged(name: str, error: Exception) -> ReadError:
    return ReadError(
        f"{name}: the PDF is damaged ({type(error).__name__}: {error}); save it again with a PDF "
        "viewer, or repair it with qpdf"
    )


def _content(
    document: PdfDocument, name: str, options: ReadOptions, on_step: Callable[[], None]
) -> Content:
    if document.get_formtype():
        document.init_forms()
    count = len(document)
    if not count:
        raise ReadError(f"{name}: the PDF has no pages; save it again with a PDF viewer")
    given = [_page_text(document, number) for number in range(count)]
    pages = [_tidy(text) for text in given]
    unread = {number for number, text in enumerate(pages) if not text or _is_coded(given[number])}
    notes: list[str] = []
    if unread:
        from longembed_rag.files.formats.recognition import recognise_pages

        recognised = recognise_pages(document, sorted(unread), options=options, on_step=on_step)
        for number, text in recognised.pages.items():
            pages[number] = _tidy(text)
        unread -= set(recognised.pages)
        notes += recognised.notes
    without = sum(not text for text in pages)
    coded = sum(bool(pages[number]) for number in unread)
    if coded:
        notes.append(f"on {coded} of {count} pages a font does not say which letters it shows")
    if without == count:
        raise ReadError(
            f"{name}: no text on its {count} pages: they are blank, or pictures, probably scanned"
            + "".join(f"; {note}" for note in notes)
        )
    stripped = strip_furniture(pages)
    metadata: dict[str, Any] = {**_properties(document), "page_count": count}
    if without:
        metadata["pages_without_text"] = without
        notes.append(f"{without} of {count} pages hold no text (pictures, blank or damaged)")
    if stripped.lines or stripped.numbers:
        notes.append(
            f"left out what repeats on its pages: {stripped.lines} running headers and footers, "
            f"{stripped.numbers} page numbers"
        )
    text, starts = _joined(stripped.pages)
    layout = Layout(starts, outline(document, text, starts))
    return Content(text, metadata, tuple(notes), layout, printed=True)


def _page_text(document: PdfDocument, number: int) -> str:
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return ""  # damaged, which the others need not be
    text = str(page.get_textpage().get_text_range())
    if document.formenv is None:
        return text
    # Puts what is filled into forms on the page itself; what was loaded before has none of it.
    page.flatten()
    filled = str(document[number].get_textpage().get_text_range())
    # In some documents what lay there before then has no letters any more.
    return filled if set(text.split()) <= set(filled.split()) else text


def _is_coded(text: str) -> bool:
    """Whether a font hides its letters: its own codes come out, of which many are controls."""
    return len(_CONTROLS.findall(text)) > _MOST_CONTROLS * len(text)


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _BREAK_IN_WORD.sub("-\n", text).replace(_BREAK, "-")
    return str(_BLANKS_AT_END.sub("", _CONTROLS.sub("", text))).strip()


def _joined(pages: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """The pages as one text, and where each begins."""
    pieces: list[str] = []
    starts: list[int] = []
    length = 0
    for page in pages:
        starts.append(length)
        if page:
            pieces.append(page)
            length += len(page) + len(_BETWEEN)
    return _BETWEEN.join(pieces), tuple(min(start, length - len(_BETWEEN)) for start in starts)


def _properties(document: PdfDocument) -> dict[str, Any]:
    """What the document says of itself, by the names that all types use."""
    import ctypes

    import pypdfium2.raw as engine

    given = document.get_metadata_dict(skip_empty=True)
    found: dict[str, Any] = {
        ours: given[theirs].strip() for theirs, ours in _PROPERTIES.items() if theirs in given
    }
    keywords = [each.strip() for each in regex.split("[,;]", given.get("Keywords", ""))]
    found["keywords"] = [each for each in keywords if each]
    for theirs, ours in _DATES.items():
        found[ours] = _date(given.get(theirs, ""))
    length = engine.FPDFCatalog_GetLanguage(document, None, 0)
    if length > 2:  # an empty string is its end mark alone
        buffer = (ctypes.c_ushort * (length // 2))()
        engine.FPDFCatalog_GetLanguage(document, buffer, length)
        found["language"] = bytes(buffer).decode("utf-16-le", "replace").strip("\0 ")
    return {name: value for name, value in found.items() if value}


def _date(written: str) -> str | None:
    """A PDF's date (ISO 32000, 7.9.4) in ISO 8601; None where it is none."""
    match = _DATE.match(written)
    if match is None:
        return None
    from datetime import datetime, timedelta, timezone

    year, *rest = (match.group(index) for index in range(1, 7))
    month, day, hour, minute, second = (
        int(value or default) for value, default in zip(rest, (1, 1, 0, 0, 0), strict=True)
    )
    zone = timezone.utc
    if match.group(7):
        offset = timedelta(hours=int(match.group(8)), minutes=int(match.group(9) or 0))
        zone = timezone(-offset if match.group(7) == "-" else offset)
    try:
        return datetime(int(year), month, day, hour, minute, second, tzinfo=zone).isoformat()
    except ValueError:
        return None
