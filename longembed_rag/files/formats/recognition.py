"""Pages that are pictures: their text by Tesseract, which kreuzberg brings along.

The data of a language are looked for in ``TESSDATA_PREFIX``, in this environment (the extra
``ocr`` puts English there) and where Tesseract's own packages put them. Nothing is downloaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.files.options import ReadOptions

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_PREFIX = "TESSDATA_PREFIX"
_INSTALLED = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
# Dots per inch that Tesseract is trained on, and the largest picture made for it.
_RESOLUTION = 300
_MOST_PIXELS = 40_000_000
_POINTS = 72


@dataclass(frozen=True)
class Recognised:
    """What was recognised.

    Attributes:
        pages: The text of each page that has some, by its index.
        notes: What a reader should know.
    """

    pages: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def tessdata(language: str) -> Path | None:
    """The folder with the data of a language, or of several joined by ``+``; None without."""
    given = os.environ.get(_PREFIX)
    folders = [given] if given else []
    folders += [str(Path(sys.prefix, "share", "tessdata")), *_INSTALLED]
    names = [f"{each}.traineddata" for each in language.split("+")]
    for folder in map(Path, folders):
        if all((folder / name).is_file() for name in names):
            return folder
    return None


def recognise_pages(
    document: PdfDocument,
    numbers: Sequence[int],
    *,
    options: ReadOptions,
    on_step: Callable[[], None],
) -> Recognised:
    """The text of pages that show some and hold none.

    Args:
        document: The open PDF.
        numbers: The pages, from 0; those that show nothing are passed over.
        options: The language, or that nothing is to be recognised.
        on_step: Is told before every page: each may take as long as a file.
    """
    shown = [number for number in numbers if _shows_something(document[number])]
    if not shown or options.ocr_language == "none":
        return Recognised()
    folder = tessdata(options.ocr_language)
    if folder is None:
        return Recognised(notes=[_what_to_install(len(shown), options.ocr_language)])
    # Tesseract reads it when it starts, which it does once in this process.
    os.environ[_PREFIX] = str(folder)
    pages = {}
    for number in shown:
        on_step()
        text = _recognise(document[number], options.ocr_language)
        if text.strip():
            pages[number] = text
    return Recognised(pages, [f"text was recognised on {len(pages)} of {len(shown)} such pages"])


def _what_to_install(pages: int, language: str) -> str:
    if language == "eng":
        way = "pip install 'longembed-rag[ocr]'"
    else:
        way = (
            f"put {language.replace('+', '.traineddata and ')}.traineddata into a folder, named "
            f"by {_PREFIX} (on Debian: apt install tesseract-ocr-{language.split('+')[0]})"
        )
    return f"to have the text of {pages} such pages recognised by Tesseract, {way}"


def _shows_something(page: PdfPage) -> bool:
    return next(iter(page.get_objects(max_depth=2)), None) is not None


def _recognise(page: PdfPage, language: str) -> str:
    from kreuzberg import ExtractionConfig, OcrConfig, extract_bytes_sync

    width, height = page.get_size()
    scale = _RESOLUTION / _POINTS
    pixels = width * height * scale * scale
    if pixels > _MOST_PIXELS:
        scale *= (_MOST_PIXELS / pixels) ** 0.5
    bitmap = page.render(scale=scale, grayscale=True)
    picture = bitmap.to_numpy()
    rows, columns = picture.shape[:2]
    # PGM, which needs no library.
    data = b"P5 %d %d 255\n" % (columns, rows) + picture.tobytes()
    result = extract_bytes_sync(
        data,
        "image/x-portable-graymap",
        ExtractionConfig(
            use_cache=False,
            enable_quality_processing=False,
            ocr=OcrConfig(backend="tesseract", language=language),
        ),
    )
    return str(result.content)
