"""A text that grows block by block, and where its pages and headings begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longembed_rag.files.values import Content
from longembed_rag.layout import Heading, Layout


class TextBuilder:
    """Puts blocks together, an empty line between them, and remembers where each stands."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._length = 0
        self._pages: list[int] = []
        self._waiting_pages = 0
        self._headings: list[Heading] = []

    def page(self) -> None:
        """The next page begins; one that gets no text begins where the one after it does."""
        self._waiting_pages += 1

    def add(self, text: str, *, level: int | None = None) -> None:
        """Add a block; one of blanks only is left out.

        Args:
            text: The block.
            level: Where it is a heading: its level, 1 for the highest.
        """
        text = text.strip("\r\n")
        if not text.strip():
            return
        start = self._begin(text)
        if level is not None:
            self._headings.append(Heading(start, level, " ".join(text.split())))

    def add_content(self, content: Content) -> None:
        """Add a text that knows its own headings; pages of its own are not counted."""
        cut = len(content.text) - len(content.text.lstrip("\r\n"))
        text = content.text.strip("\r\n")
        if not text.strip():
            return
        moved = self._begin(text) - cut
        self._headings += content.layout.moved(lambda place: place + moved).headings

    def content(self, metadata: Mapping[str, Any], notes: tuple[str, ...] = ()) -> Content:
        """All of it.

        Args:
            metadata: What is known of the document.
            notes: What a reader should know.
        """
        text = "\n\n".join(self._blocks)
        pages = self._pages + [len(text)] * self._waiting_pages
        layout = Layout((0, *pages[1:]) if pages else (), tuple(self._headings))
        return Content(text, dict(metadata), notes, layout)

    def _begin(self, text: str) -> int:
        start = self._length + 2 * bool(self._blocks)
        self._blocks.append(text)
        self._length = start + len(text)
        self._pages += [start] * self._waiting_pages
        self._waiting_pages = 0
        return start
