"""What a text marks as its headings."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_rag.layout import Heading


@dataclass(frozen=True)
class Outline:
    """What a text marks as its headings.

    Attributes:
        headings: The headings, in order.
        title: The whole text's title; None where it has none.
    """

    headings: tuple[Heading, ...] = ()
    title: str | None = None
