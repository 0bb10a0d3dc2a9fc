"""How one text will be read, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.encoder.tokens import TokenizedText
from longembed_rag.encoder.values import Coverage, Passage
from longembed_rag.extension.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Reading:
    """How one text will be read.

    Attributes:
        text: Its tokens.
        windows: The forward windows over its content.
        coverage: What of it is read.
    """

    text: TokenizedText
    windows: tuple[Window, ...]
    coverage: Coverage


@dataclass(frozen=True)
class DocumentReading:
    """How a document will be read, and its passages from the same forward passes.

    Attributes:
        name: What it is called.
        reading: Its tokens and windows.
        passages: First and one-past-last content token of each passage, and where it stands.
    """

    name: str
    reading: Reading
    passages: Sequence[tuple[tuple[int, int], Passage]]

    @property
    def tokens(self) -> int:
        """Tokens that go through the model, special tokens and prompt of each window included."""
        overhead = self.reading.text.overhead
        return sum(each.tokens + overhead for each in self.reading.windows)
