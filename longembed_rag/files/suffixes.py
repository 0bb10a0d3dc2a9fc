"""Which files can be read, by their suffix."""

from __future__ import annotations

from pathlib import Path

TEXT_SUFFIXES = frozenset(
    {
        ".adoc",
        ".asc",
        ".csv",
        ".json",
        ".jsonl",
        ".log",
        ".markdown",
        ".md",
        ".ndjson",
        ".org",
        ".rst",
        ".srt",
        ".tex",
        ".text",
        ".tsv",
        ".txt",
        ".vtt",
        ".xml",
        ".yaml",
        ".yml",
    }
)
MARKDOWN_SUFFIXES = frozenset({".markdown", ".md"})
HTML_SUFFIXES = frozenset({".htm", ".html", ".xhtml"})
PDF_SUFFIXES = frozenset({".pdf"})
DOCX_SUFFIXES = frozenset({".docx"})
DOC_SUFFIXES = frozenset({".doc", ".dot"})
EPUB_SUFFIXES = frozenset({".epub"})
FB2_SUFFIXES = frozenset({".fb2"})
MAIL_SUFFIXES = frozenset({".eml"})
MSG_SUFFIXES = frozenset({".msg"})
NOTEBOOK_SUFFIXES = frozenset({".ipynb"})
ODF_SUFFIXES = frozenset({".odp", ".ods", ".odt", ".otp", ".ots", ".ott"})
PPT_SUFFIXES = frozenset({".pps", ".ppt"})
RTF_SUFFIXES = frozenset({".rtf"})
SHEET_SUFFIXES = frozenset({".xls", ".xlsm", ".xlsx", ".xltx"})
SLIDE_SUFFIXES = frozenset({".potx", ".ppsm", ".ppsx", ".pptm", ".pptx"})
#: Office documents but DOCX, books, mails, notebooks.
OFFICE_SUFFIXES = (
    DOC_SUFFIXES
    | EPUB_SUFFIXES
    | FB2_SUFFIXES
    | MAIL_SUFFIXES
    | MSG_SUFFIXES
    | NOTEBOOK_SUFFIXES
    | ODF_SUFFIXES
    | PPT_SUFFIXES
    | RTF_SUFFIXES
    | SHEET_SUFFIXES
    | SLIDE_SUFFIXES
)
#: Every suffix that can be read, lower case, sorted.
SUFFIXES: tuple[str, ...] = tuple(
    sorted(TEXT_SUFFIXES | HTML_SUFFIXES | PDF_SUFFIXES | DOCX_SUFFIXES | OFFICE_SUFFIXES)
)


def is_readable_type(path: Path) -> bool:
    """Whether there is a reader for a file, by its suffix."""
    return path.suffix.lower() in SUFFIXES


def is_plain_text(path: Path) -> bool:
    """Whether a file is read as it is, without a parser."""
    return path.suffix.lower() in TEXT_SUFFIXES - MARKDOWN_SUFFIXES


def supported_types() -> str:
    """The suffixes in words, for messages."""
    return ", ".join(SUFFIXES)
