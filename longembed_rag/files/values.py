"""What is found and read, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from longembed_rag.files.stamps import Stamp
from longembed_rag.layout import NO_LAYOUT, Layout


@dataclass(frozen=True)
class FileText:
    """A file's text.

    Attributes:
        text: All of it.
        metadata: ``source`` (absolute path or URL), ``file_name``, ``file_path``, ``file_type``,
            ``file_size``, ``last_modified``, and by type ``title``, ``page_count``,
            ``pages_without_text``, ``encoding``.
        notes: What a reader should know: a guessed encoding, pages without text.
        layout: Where its pages and headings begin in ``text``.
        stamp: Of an object in a bucket the stamp of what was read; None for other files.
    """

    text: str
    metadata: dict[str, Any]
    notes: tuple[str, ...] = ()
    layout: Layout = NO_LAYOUT
    stamp: Stamp | None = None


@dataclass(frozen=True)
class Content:
    """What the reader of one type finds in a file.

    Attributes:
        text: All of its text.
        metadata: What is particular to the type.
        notes: What a reader should know.
        layout: Where its pages and headings begin in ``text``.
        printed: Whether its lines are those of a printed page, where words are broken.
    """

    text: str
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    layout: Layout = NO_LAYOUT
    printed: bool = False


@dataclass(frozen=True)
class Failure:
    """A file or folder that could not be taken in.

    Attributes:
        source: Which one.
        reason: Why, and what can be done about it.
    """

    source: str
    reason: str


@dataclass(frozen=True)
class Skipped:
    """A file in a folder that was passed over.

    Attributes:
        source: Which one.
        reason: Why.
    """

    source: str
    reason: str
