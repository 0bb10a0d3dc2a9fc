"""What a search answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.layout import Place
    from longembed_rag.words.snippet import Snippet


@dataclass(frozen=True, kw_only=True)
class PassageHit:
    """A passage of a document that was found.

    Attributes:
        text: The passage, ``document[start:end]``.
        start: First character of the passage in the document.
        end: One past its last character.
        score: How well it fits the query, by the same signals as the document.
        scores: The passage's own signals: ``"vector"``, the cosine of its contextual vector and
            the query's, ``"terms"``, its BM25, and ``"late"``, MaxSim of its tokens; those that the
            search mode looks at.
        place: The page, lines and headings that it stands at; also as attributes of the hit.
        vector: Its contextual vector, shape ``[dimension]``; None where it was not asked for.
    """

    text: str
    start: int
    end: int
    score: float
    scores: dict[str, float]
    place: Place
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def page(self) -> int | None:
        """The page that it begins on, from 1; None where the document has none."""
        return self.place.page

    @property
    def lines(self) -> tuple[int, int]:
        """The first and the last line of the document that it stands on, from 1."""
        return self.place.lines

    @property
    def heading(self) -> tuple[str, ...]:
        """The headings above its beginning, the highest first."""
        return self.place.heading

    def to_dict(self) -> dict[str, Any]:
        """Every field but the vector by name, ready for JSON."""
        return {
            "text": self.text,
            "start": self.start,
            "end": self.end,
            **self.place.to_dict(),
            "score": self.score,
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """A document that was found, with the passages that fit the query best.

    Attributes:
        source: Where the document comes from.
        score: What it is ranked by. A cosine for ``dense``, BM25 for ``sparse``, MaxSim for
            ``late``, and for ``passages`` MaxSim where token vectors are kept, else a cosine; for
            ``hybrid`` a sum of standard deviations, to compare within one query only.
        parts: What each signal adds to the score; they sum up to it.
        signals: The signals themselves: ``"terms"`` and ``"pairs"`` (BM25 of the document's words
            and word pairs), ``"vector"`` (its cosine), ``"passage_terms"``,
            ``"passage_vector"`` and ``"passage_late"`` (of its best passage: BM25, cosine, MaxSim
            of the tokens); those that the search mode looks at.
        text: The whole text; None when the point holds none.
        passages: Its best passages, best first; empty where none are kept.
        snippet: A stretch of the best passage for people, with the words that match; None where
            it was not asked for, or there is no text.
        metadata: What is known of the document.
        document_id: Id of its point.
        language: What it is written in, where the collection tells it of each document and knows.
        vector: Vector of the whole document, shape ``[dimension]``; None where it was not asked
            for, or somebody else has stored the document without one.
    """

    source: str
    score: float
    parts: dict[str, float]
    signals: dict[str, float]
    text: str | None
    passages: tuple[PassageHit, ...]
    snippet: Snippet | None
    metadata: dict[str, Any]
    document_id: str
    language: str | None = None
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def passage(self) -> str | None:
        """Text of the best passage."""
        return self.passages[0].text if self.passages else None

    @property
    def span(self) -> tuple[int, int] | None:
        """Where the best passage stands in the text."""
        return (self.passages[0].start, self.passages[0].end) if self.passages else None

    @property
    def page(self) -> int | None:
        """The page that the best passage begins on, from 1; None where there are none."""
        return self.passages[0].page if self.passages else None

    @property
    def lines(self) -> tuple[int, int] | None:
        """The first and the last line that the best passage stands on, from 1."""
        return self.passages[0].lines if self.passages else None

    @property
    def heading(self) -> tuple[str, ...]:
        """The headings above the best passage, the highest first."""
        return self.passages[0].heading if self.passages else ()

    @property
    def passage_score(self) -> float | None:
        """Score of the best passage."""
        return self.passages[0].score if self.passages else None

    def to_dict(self, *, with_text: bool = False) -> dict[str, Any]:
        """Every field but the vectors by name, ready for JSON, the best passage also by itself.

        Args:
            with_text: Also the whole text, which can be as long as a book.
        """
        values: dict[str, Any] = {
            "source": self.source,
            "score": self.score,
            "parts": dict(self.parts),
            "signals": dict(self.signals),
            "passage": self.passage,
            "span": self.span,
            "page": self.page,
            "lines": self.lines,
            "heading": list(self.heading),
            "passage_score": self.passage_score,
            "passages": [passage.to_dict() for passage in self.passages],
            "snippet": None if self.snippet is None else self.snippet.marked(),
            "metadata": dict(self.metadata),
            "document_id": self.document_id,
            "language": self.language,
        }
        if with_text:
            values["text"] = self.text
        return values
