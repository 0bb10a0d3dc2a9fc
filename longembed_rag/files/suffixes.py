"""Which files can be read, by their names."""

from __future__ import annotations

import os
from pathlib import Path


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


#: Written for people to read.
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
#: Source code and settings, read as they stand. Not among them are files of secrets (``.env``)
#: and style sheets, which hold no words that anybody searches.
SOURCE_SUFFIXES = _set(
    ".bash .bat .bib .c .cc .cfg .cjs .clj .cmake .cmd .conf .cpp .cs .cu .cxx .dart .el .erl .ex "
    ".exs .f90 .fs .go .gradle .graphql .groovy .h .hcl .hh .hpp .hs .hxx .ini .java .jl .js .jsx "
    ".kt .kts .lisp .lua .m .mjs .mk .ml .mli .mm .nim .pas .php .pl .pm .po .pot .properties "
    ".proto .ps1 .psm1 .py .pyi .r .rb .rs .scala .scm .sh .sol .sql .svelte .swift .tcl .tf .toml "
    ".ts .tsx .vb .vhdl .vue .zig .zsh"
)
#: A suffix of source code that is more often a film's: such files are looked at first.
AMBIGUOUS_SUFFIXES = frozenset({".ts"})
#: Names without a suffix that hold text, in capitals.
TEXT_NAMES = _set(
    "AUTHORS BUILD CHANGELOG CHANGES CODEOWNERS CONTAINERFILE CONTRIBUTING CONTRIBUTORS COPYING "
    "COPYRIGHT CREDITS DOCKERFILE GEMFILE GNUMAKEFILE HISTORY INSTALL JENKINSFILE JUSTFILE LICENCE "
    "LICENSE MAINTAINERS MAKEFILE NEWS NOTICE PROCFILE RAKEFILE README SECURITY THANKS TODO "
    "VAGRANTFILE VERSION"
)
MARKDOWN_SUFFIXES = frozenset({".markdown", ".md"})
HTML_SUFFIXES = frozenset({".htm", ".html", ".xhtml"})
MHTML_SUFFIXES = frozenset({".mht", ".mhtml"})
PDF_SUFFIXES = frozenset({".pdf"})
DOCX_SUFFIXES = frozenset({".docm", ".docx", ".dotm", ".dotx"})
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
#: Suffixes of documents, lower case.
DOCUMENT_SUFFIXES = (
    TEXT_SUFFIXES | HTML_SUFFIXES | MHTML_SUFFIXES | PDF_SUFFIXES | DOCX_SUFFIXES | OFFICE_SUFFIXES
)
#: Every suffix that can be read, lower case, sorted.
SUFFIXES: tuple[str, ...] = tuple(sorted(DOCUMENT_SUFFIXES | SOURCE_SUFFIXES))
_READABLE = frozenset(SUFFIXES)
#: What is read as it is, without a parser.
PLAIN_SUFFIXES = (TEXT_SUFFIXES | SOURCE_SUFFIXES) - MARKDOWN_SUFFIXES


def suffix_of(name: str) -> str:
    """A file's suffix, in lower case, with its dot; empty where it has none."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - of thousands of names


def is_readable_name(name: str) -> bool:
    """Whether there is a reader for a file of a name: by its suffix, or without one as a whole."""
    suffix = suffix_of(name)
    return suffix in _READABLE or (not suffix and name.upper() in TEXT_NAMES)


def is_readable_type(path: Path) -> bool:
    """Whether there is a reader for a file, by its name."""
    return is_readable_name(path.name)


def is_plain_text(path: Path) -> bool:
    """Whether a file is read as it is, without a parser."""
    suffix = suffix_of(path.name)
    return suffix not in _READABLE or suffix in PLAIN_SUFFIXES


def supported_types() -> str:
    """What is read, in words, for messages."""
    documents = ", ".join(sorted(DOCUMENT_SUFFIXES))
    return (
        f"supported are {documents}, source code and settings; --all-text (in Python "
        "Selection(all_text=True)) takes whatever holds text"
    )
