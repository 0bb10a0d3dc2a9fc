"""Which reader takes which kind of office document, book or mail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from longembed_rag.files.suffixes import (
    DOC_SUFFIXES,
    EPUB_SUFFIXES,
    FB2_SUFFIXES,
    MAIL_SUFFIXES,
    MSG_SUFFIXES,
    NOTEBOOK_SUFFIXES,
    ODF_SUFFIXES,
    PPT_SUFFIXES,
    RTF_SUFFIXES,
    SHEET_SUFFIXES,
    SLIDE_SUFFIXES,
)
from longembed_rag.files.values import Content

Reader = Callable[[bytes, str], Content]


def office_reader(suffix: str, *, reader_of: Callable[[str], Reader | None]) -> Reader | None:
    """The reader of a type; parsers are imported when a file needs them.

    Args:
        suffix: The file's, lower case.
        reader_of: The reader of a file in a mail, by its name.

    Returns:
        None for another type.
    """
    if suffix in MAIL_SUFFIXES:
        from longembed_rag.files.formats.mail_reader import read_mail

        return partial(read_mail, reader_of=reader_of)
    if suffix in MSG_SUFFIXES:
        from longembed_rag.files.formats.msg_reader import read_msg

        return partial(read_msg, reader_of=reader_of)
    return _of_packages(suffix) or _of_others(suffix)


def _of_packages(suffix: str) -> Reader | None:
    """Those of ZIP archives."""
    if suffix in SLIDE_SUFFIXES:
        from longembed_rag.files.formats.slides_reader import read_slides

        return read_slides
    if suffix in SHEET_SUFFIXES:
        from longembed_rag.files.formats.sheets_reader import read_sheets

        return read_sheets
    if suffix in ODF_SUFFIXES:
        from longembed_rag.files.formats.odf_reader import read_odf

        return read_odf
    if suffix in EPUB_SUFFIXES:
        from longembed_rag.files.formats.epub_reader import read_epub

        return read_epub
    return None


def _of_others(suffix: str) -> Reader | None:
    if suffix in RTF_SUFFIXES:
        from longembed_rag.files.formats.rtf_reader import read_rtf

        return read_rtf
    if suffix in DOC_SUFFIXES:
        from longembed_rag.files.formats.doc_reader import read_doc

        return read_doc
    if suffix in PPT_SUFFIXES:
        from longembed_rag.files.formats.ppt_reader import read_ppt

        return read_ppt
    if suffix in NOTEBOOK_SUFFIXES:
        from longembed_rag.files.formats.notebook_reader import read_notebook

        return read_notebook
    if suffix in FB2_SUFFIXES:
        from longembed_rag.files.formats.fb2_reader import read_fb2

        return read_fb2
    return None
