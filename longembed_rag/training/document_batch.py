"""What a batch of long documents is, and what is wanted of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.texts import text_number

Ints = NDArray[np.int64]

#: What documents of a batch have to do with one another, as in :class:`DocumentOptions`.
Sort = Literal["any", "alike", "odd"]


@dataclass(frozen=True, kw_only=True)
class DocumentOptions:
    """How documents are made.

    Attributes:
        lengths: Tokens of a document; one of them is drawn for each batch. Long ones are dear.
        weights: How often each length is drawn; none draws all alike.
        batch_tokens: Tokens of a batch's documents.
        queries: Most queries asked of a document.
        coherent: Share of documents made of neighbours in one source, such as the sections of one
            article; the others are made of passages from anywhere.
        alike: Share of batches whose documents have all their passages in common but one each,
            which is what is asked of them: nothing else tells them apart (hard negatives).
        odd: Share of batches whose documents are each of one source but for one short passage from
            elsewhere, which is what is asked of them: such as a needle in a haystack.
        crops: Share of queries in whose place a few words of the passage stand (random cropping,
            arXiv 2112.09118): what names and numbers are found by.
    """

    lengths: tuple[int, ...] = (1024, 2048, 4096)
    weights: tuple[float, ...] = ()
    batch_tokens: int = 8192
    queries: int = 16
    coherent: float = 0.5
    alike: float = 0.2
    odd: float = 0.2
    crops: float = 0.4

    def __post_init__(self) -> None:
        if not self.lengths or len(self.weights) not in (0, len(self.lengths)):
            raise SettingsError(
                f"lengths={self.lengths} must be one at least, and weights={self.weights} as many"
            )
        if min(self.weights, default=1.0) < 0 or not 0 < sum(self.weights or (1.0,)) < math.inf:
            raise SettingsError(f"weights={self.weights} must not be negative, nor all zero")
        if min(self.alike, self.odd) < 0 or self.alike + self.odd > 1:
            raise SettingsError(
                f"alike={self.alike} and odd={self.odd} are shares of all batches: not negative, "
                "and not more than 1 together"
            )
        if not 0 <= self.crops <= 1:
            raise SettingsError(f"crops={self.crops} is a share of queries: 0 to 1")


@dataclass(frozen=True)
class Span:
    """A passage that stands in a document whole.

    Attributes:
        document: Which document.
        start: Its first token in the document.
        stop: One past its last token.
        passage: Which passage, as :func:`passage_id`.
    """

    document: int
    start: int
    stop: int
    passage: int


@dataclass(frozen=True)
class Answered:
    """A query and the passage that answers it.

    Attributes:
        query: The query.
        text: The passage.
        tokens: Those of it that are in the document.
    """

    query: str
    text: str
    tokens: NDArray[np.int32]


@dataclass(frozen=True)
class MadeDocument:
    """One document.

    Attributes:
        ids: Token ids.
        spans: Passages that stand in it whole.
        contents: Those that stand in it whole or begun, as :func:`passage_id`.
        answered: What is asked of it.
        texts: Its passages.
        first: Tokens of its first passage.
    """

    ids: Ints
    spans: list[Span]
    contents: frozenset[int]
    answered: list[Answered]
    texts: tuple[str, ...]
    first: NDArray[np.int32]


@dataclass(frozen=True)
class DocumentBatch:
    """Documents of one length, and what they answer.

    Attributes:
        documents: Token ids, ``[documents, n]``.
        spans: Passages that stand in them whole.
        queries: Token ids of each query.
        asked_of: Which document each query is asked of.
        answers: The passage that answers each query, as :func:`passage_id`.
        contents: The passages that stand in each document, whole or begun.
        odd: Whether each document has one passage unlike all others, which is what is asked.
        positions: At which each document is read, ``[documents, n]``; None reads them plainly.
        labels: What another model makes of each query's candidates, by :func:`passage_id`; nothing
            where it was not asked.
    """

    documents: Ints
    spans: list[Span]
    queries: list[Ints]
    asked_of: list[int]
    answers: list[int]
    contents: list[frozenset[int]]
    odd: bool = False
    positions: Ints | None = None
    labels: list[dict[int, float]] = field(default_factory=list)

    def bounds(self, spans: Sequence[Span]) -> list[tuple[int, int]]:
        """First token of each span, and one past its last, among those of all documents."""
        length = self.documents.shape[1]
        offsets = [span.document * length for span in spans]
        return [
            (offset + span.start, offset + span.stop)
            for offset, span in zip(offsets, spans, strict=True)
        ]

    def answering(self, contents: Sequence[frozenset[int]]) -> NDArray[np.bool_]:
        """Which documents of some contents answer each query, ``[queries, documents]``."""
        holding: dict[int, list[int]] = defaultdict(list)
        for document, each in enumerate(contents):
            for passage in each:
                holding[passage].append(document)
        found = np.zeros((len(self.answers), len(contents)), dtype=np.bool_)
        for row, answer in enumerate(self.answers):
            found[row, holding.get(answer, [])] = True
        return found


def passage_id(text: str) -> int:
    """A number of 63 bits that stands for a passage."""
    return text_number(text) >> 1
