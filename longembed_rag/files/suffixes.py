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
#: Every suffix that can be read, lower case, sorted.
SUFFIXES: tuple[str, ...] = tuple(
    sorted(TEXT_SUFFIXES | HTML_SUFFIXES | PDF_SUFFIXES | DOCX_SUFFIXES)
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
