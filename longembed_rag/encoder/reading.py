"""How one text will be read."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_rag.encoder.tokens import TokenizedText
from longembed_rag.encoder.values import Coverage
from longembed_rag.extension.windows import Window


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
