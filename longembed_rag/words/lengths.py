"""How long documents and passages are on average: BM25 weighs every word by it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

#: How far the averages in use may lie from the true ones before all vectors are made again. In a
#: document of average length this much moves the weight of a word by about two per cent.
TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class TermCounts:
    """How many terms a document has, and which averages its term vectors were made with.

    Attributes:
        terms: Terms in the document.
        passage_terms: Terms in its passages, together.
        average: Average of ``terms`` in the collection when its vectors were made.
        passage_average: Average length of a passage, likewise.
        analyzer: Version of the analyzer that found them.
        weighing: Version of how they were weighed for ``hybrid``.
    """

    terms: int
    passage_terms: int
    average: float
    passage_average: float
    analyzer: int = 1
    weighing: int = 1


class Counted(Protocol):
    """What a document that is there says of its lengths."""

    @property
    def source(self) -> str:
        """Which document it is."""

    @property
    def passages(self) -> int:
        """Passages that it has."""

    @property
    def counts(self) -> TermCounts:
        """Its terms."""


@dataclass(frozen=True, slots=True)
class Length:
    """Lengths of one document.

    Attributes:
        terms: Terms in it.
        passages: Passages it has.
        passage_terms: Terms in them, together.
    """

    terms: int
    passages: int
    passage_terms: int

    @classmethod
    def of(cls, document: Counted) -> Length:
        """Those of a document that is there."""
        counts = document.counts
        return cls(counts.terms, document.passages, counts.passage_terms)


class Totals:
    """The lengths of documents, summed.

    Attributes:
        documents: How many there are.
        terms: Terms in them.
        passages: Passages they have.
        passage_terms: Terms in those.
    """

    def __init__(self) -> None:
        self.documents = self.terms = self.passages = self.passage_terms = 0

    def count(self, length: Length, sign: int = 1) -> None:
        """Count a document, or with ``-1`` no longer."""
        self.documents += sign
        self.terms += sign * length.terms
        self.passages += sign * length.passages
        self.passage_terms += sign * length.passage_terms

    @property
    def averages(self) -> Averages:
        """What a document and a passage have on average; 0 without any."""
        return Averages(
            self.terms / self.documents if self.documents else 0.0,
            self.passage_terms / self.passages if self.passages else 0.0,
        )

    def settled(self, before: Averages | None) -> Averages:
        """The averages to weigh all documents by.

        They depend on which documents there are, and on nothing else, such as the order in which
        those came; but for those that are in use, which stay while they are true enough.

        Args:
            before: Those that are in use; None where there are none.
        """
        true = self.averages
        is_off = before is None or any(
            abs(used - now) > TOLERANCE * now for used, now in zip(before, true, strict=True)
        )
        return true if before is None or is_off else before


class Lengths:
    """The lengths of a collection's documents, while it grows.

    Args:
        stored: The documents that are there.
    """

    def __init__(self, stored: Iterable[Counted] = ()) -> None:
        self._documents: dict[str, Length] = {}
        self.totals = Totals()
        for each in stored:
            self.put(each.source, Length.of(each))

    def put(self, source: str, length: Length) -> None:
        """Count a document, in place of its earlier version."""
        self.remove(source)
        self._documents[source] = length
        self.totals.count(length)

    def remove(self, source: str) -> None:
        """Count a document no longer, if it was."""
        length = self._documents.pop(source, None)
        if length is not None:
            self.totals.count(length, -1)

    def get(self, source: str) -> Length | None:
        """The lengths of a document; None when it is not counted."""
        return self._documents.get(source)

    def restore(self, source: str, length: Length | None) -> None:
        """Count a document as :meth:`get` gave it before."""
        if length is None:
            self.remove(source)
        else:
            self.put(source, length)


class Averages(NamedTuple):
    """Average lengths that words are weighed by.

    Attributes:
        documents: Terms in a document.
        passages: Terms in a passage.
    """

    documents: float
    passages: float

    def weighed(self, average: float, passage_average: float) -> bool:
        """Whether these, that vectors were made with, are the same; stores round the last digit."""
        used = (average, passage_average)
        return all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(self, used, strict=True))
