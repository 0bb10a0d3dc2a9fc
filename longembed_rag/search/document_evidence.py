"""What speaks for whole documents: their words, word pairs and vectors, as a store tells them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from longembed_rag.points.filters import AnyFilter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.fusion import WEIGHTS
from longembed_rag.search.requests import (
    Probe,
    Question,
    dense_probe,
    deviation,
    only,
    sample_filter,
)
from longembed_rag.search.steps import Steps, ask
from longembed_rag.search.versions import passages_there

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.known import Known
    from longembed_rag.store.place import Place

    Floats = NDArray[np.float64]

# Words of a query that are looked up by themselves to know what an ideal document would get.
_MOST_WORDS = 128
# BM25's weight of a word in a document that holds it, of at most 1.
_TYPICAL_WEIGHT = 0.7


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Candidates that are there, with their signals; arrays are of their length.

    Attributes:
        documents: Ids of their points.
        versions: Hashes of their texts.
        passages: How many passages each has, int64.
        terms: BM25 of their words, float64.
        pairs: BM25 of their word pairs, float64.
        vector: Cosines of their vectors, float64.
    """

    documents: Sequence[str]
    versions: Sequence[str]
    passages: NDArray[np.int64]
    terms: Floats
    pairs: Floats
    vector: Floats


class DocumentEvidence(Protocol):
    """What speaks for documents.

    Attributes:
        best: The best documents by each signal, by the ids of their points.
        scales: Standard deviations over the collection, of words and of cosines.
        coverage: The greatest BM25 as a share of an ideal document's; see
            :class:`~longembed_rag.search.fusion.Evidence`.
    """

    best: list[str]
    scales: tuple[float, float]
    coverage: float

    def complete(self, candidates: Sequence[str]) -> Steps[Candidates]:
        """All signals of candidates; those that are gone are left out."""


class AskedEvidence:
    """The signals of documents, for which the store is asked; see :class:`DocumentEvidence`.

    Args:
        probes: What is compared: words, word pairs and vector.
        best: The best documents by each.
        scales: Of the collection.
        coverage: Of the query.
        matching: Which documents are looked at; None for all.
        place: Where they are.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        *,
        best: list[str],
        scales: tuple[float, float],
        coverage: float,
        matching: AnyFilter | None,
        place: Place,
    ) -> None:
        self.best, self.scales, self.coverage = best, scales, coverage
        self._probes, self._matching, self._place = probes, matching, place

    @classmethod
    def gather(
        cls,
        question: Question,
        *,
        most: int,
        sample: int,
        words_vector: str,
        matching: AnyFilter | None,
        known: Known,
        place: Place,
    ) -> Steps[AskedEvidence]:
        """Ask for it.

        Args:
            question: The query.
            most: How many of the best of each signal are candidates.
            sample: Documents that signals are measured over.
            words_vector: Which vector of documents holds their words.
            matching: Which documents are looked at; None for all.
            known: What is known of the collection.
            place: Where they are.
        """
        probes = probes_of(question, words_vector)
        wanted = [Ask(*probe, most, matching) for probe in probes]
        total = known.total(place.documents, place=place)
        among = sample_filter(total, sample)
        # Twice what is expected: how many pass the sample's filter is a matter of chance.
        measured = [Ask(*probe, 2 * sample, among) for probe in probes]
        words = SingleWords(question, words_vector, known)
        answers = yield from ask(place.documents, [*wanted, *measured, *words.asks()])
        best, found = answers[:3], max((point.score for point in answers[0]), default=0.0)
        return cls(
            probes,
            best=[point.id for points in best for point in points],
            scales=_scales(answers[3:6]),
            coverage=words.coverage(found, answers[6:], total=total, place=place),
            matching=matching,
            place=place,
        )

    def complete(self, candidates: Sequence[str]) -> Steps[Candidates]:
        """All signals of candidates; those that are gone are left out."""
        import numpy as np

        # The filter once more: passages do not say all of their documents that can be asked for.
        among = combine(only(candidates), self._matching)
        asks = [Ask(*probe, len(candidates), among) for probe in self._probes]
        terms, pairs, vector = yield from ask(self._place.documents, asks)
        there = [point.id for point in vector]
        known = yield from passages_there(there, place=self._place)
        return Candidates(
            documents=there,
            versions=[known[each].version for each in there],
            passages=np.array([known[each].passages for each in there], dtype=np.int64),
            terms=_scores_of(there, terms),
            pairs=_scores_of(there, pairs),
            vector=np.array([point.score for point in vector]),
        )


class SingleWords:
    """The words of a query, looked up by themselves to know what an ideal document would get.

    Args:
        question: The query.
        vector: Which vector of documents holds their words.
        known: What is known of the collection: a word is looked up once.
    """

    def __init__(self, question: Question, vector: str, known: Known) -> None:
        self._question, self._vector, self._known = question, vector, known
        self._counts = Counter(question.words.words).most_common(_MOST_WORDS)
        ideals = known.ideals  # another thread may put others in their place
        self._ideals = {
            forms: ideals[vector, forms] for forms, _ in self._counts if (vector, forms) in ideals
        }
        self._new = [forms for forms, _ in self._counts if forms not in self._ideals]

    def asks(self) -> list[Ask]:
        """What is asked of documents: for each word that is new the best of them."""
        return [Ask(*self._question.word_probe(forms, self._vector), 1) for forms in self._new]

    def coverage(
        self, found: float, answers: Sequence[Sequence[Hit]], *, total: int, place: Place
    ) -> float:
        """The best document's share of what an ideal one would get.

        Args:
            found: The greatest BM25 of a document.
            answers: To what was asked.
            total: How many documents there are.
            place: Where they are.
        """
        best = [points[0].score if points else None for points in answers]
        new = dict(zip(self._new, best, strict=True))
        kept = {(self._vector, forms): most for forms, most in new.items()}
        self._known.keep_ideals(kept, place=place)
        ideals = {**self._ideals, **new}
        asked_for = sum(count for _, count in self._counts)
        ideal = sum(
            count * (_unknown(total) if (most := ideals[forms]) is None else most)
            for forms, count in self._counts
        ) * (len(self._question.words) / max(asked_for, 1))
        return min(1.0, float(found) / ideal) if ideal > 0 else 0.0


def _unknown(total: int) -> float:
    """What a word weighs that no document holds: rarer than any, and held as much as most are."""
    return math.log1p((total + 0.5) / 0.5) * _TYPICAL_WEIGHT


def probes_of(question: Question, words_vector: str) -> tuple[Probe, Probe, Probe]:
    """What is compared with documents: words, word pairs and the vector."""
    assert question.vector is not None
    return (
        question.words_probe(words_vector),
        question.pairs_probe(),
        dense_probe(question.vector),
    )


def _scales(in_sample: Sequence[Sequence[Hit]]) -> tuple[float, float]:
    terms, pairs, vector = in_sample
    words: dict[str, float] = {}
    for weight, points in ((1.0, terms), (WEIGHTS.pairs, pairs)):
        for point in points:
            words[point.id] = words.get(point.id, 0.0) + weight * point.score
    return (
        deviation(list(words.values()), len(vector)),
        deviation([point.score for point in vector], len(vector)),
    )


def _scores_of(documents: Sequence[str], points: Iterable[Hit]) -> Floats:
    """Scores in the order of the documents; a document without any of the words has none."""
    import numpy as np

    scores = {point.id: point.score for point in points}
    return np.array([scores.get(document, 0.0) for document in documents])
