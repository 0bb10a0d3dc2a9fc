"""Gathering what speaks for each document: words and meaning, of the whole and of its passages.

Documents that are among the best by any signal are candidates. What a candidate lacks of the
documents' signals is asked for; of the passages' signals it can only lack what is below the last
of the best 256 passages, and that is what it is taken to have.

A signal's unit is its standard deviation over the collection, for this query: over all documents
or passages, or in larger collections over a sample that is the same for every query. So it does
not depend on which candidates happened to come back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from longembed_rag.points.filters import AnyFilter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.fusion import WEIGHTS, Evidence, reach_of
from longembed_rag.search.passage_evidence import PassageEvidence, gather_passages
from longembed_rag.search.requests import (
    Probe,
    Question,
    Scope,
    ask,
    dense_probe,
    deviation,
    only,
    pairs_probe,
    sample_filter,
    terms_probe,
    word_probe,
)
from longembed_rag.store.reading import passages_there
from longembed_rag.store.values import PAIRS_VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.store.place import Place

#: Best documents of each signal that become candidates.
CANDIDATES = 100
#: Documents that signals are measured over.
SAMPLE = 256

# Words of a query that are looked up by themselves to know what an ideal document would get.
_MOST_WORDS = 128
# BM25's weight of a word in a document that holds it, of at most 1.
_TYPICAL_WEIGHT = 0.7


def gather(
    question: Question,
    *,
    with_passages: bool,
    scope: Scope,
    place: Place,
    most: int = 0,
    words_vector: str = PAIRS_VECTOR,
) -> Evidence:
    """What speaks for the documents that may be the best.

    Args:
        question: The query, with its vector.
        with_passages: Whether the collection keeps passages.
        scope: What is looked at. Signals are measured over all.
        place: Where they are.
        most: How many documents are wanted, if that is more than :data:`CANDIDATES`.
        words_vector: Which vector of documents holds their words; the collection's record says.

    Raises:
        StoreError: The collection cannot be searched.
    """
    if question.vector is None:
        raise ValueError("evidence needs the query's vector")
    probes = (
        terms_probe(question.words, vector=words_vector),
        pairs_probe(question.words),
        dense_probe(question.vector),
    )
    total = _count(place.documents, place)
    wanted = [Ask(*probe, max(CANDIDATES, most), scope.documents) for probe in probes]
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    counts = Counter(question.words.words)
    words = counts.most_common(_MOST_WORDS)
    alone = [Ask(*word_probe(forms, vector=words_vector), 1) for forms, _ in words]
    answers = ask(place.documents, [*wanted, *measured, *alone], place=place)
    best, in_sample, of_words = answers[:3], answers[3:6], answers[6:]
    asked_for = sum(count for _, count in words)
    ideal = sum(
        count * (points[0].score if points else _unknown(total))
        for (_, count), points in zip(words, of_words, strict=True)
    ) * (len(question.words) / max(asked_for, 1))
    found = max((point.score for point in best[0]), default=0.0)
    coverage = min(1.0, float(found) / ideal) if ideal > 0 else 0.0
    passages = None
    if with_passages:
        passages = gather_passages(
            question,
            words_reach=reach_of(coverage, len(question.words)) > WEIGHTS.covered,
            matching=scope.passages,
            place=place,
        )
    candidates = list(
        dict.fromkeys(
            [point.id for points in best for point in points]
            + ([] if passages is None else passages.documents(CANDIDATES))
        )
    )
    return _complete(
        candidates,
        probes,
        passages,
        matching=scope.documents,
        scales=_document_scales(in_sample),
        coverage=coverage,
        words=len(question.words),
        place=place,
    )


def _unknown(total: int) -> float:
    """What a word weighs that no document holds: rarer than any, and held as much as most are."""
    return math.log1p((total + 0.5) / 0.5) * _TYPICAL_WEIGHT


def _count(name: str, place: Place) -> int:
    # An estimate will do: it decides how large a share of the points is about a sample.
    return place.points.count(name, exact=False, what="searching")


def _document_scales(in_sample: Sequence[Sequence[Hit]]) -> tuple[float, float]:
    terms, pairs, vector = in_sample
    words: dict[str, float] = {}
    for weight, points in ((1.0, terms), (WEIGHTS.pairs, pairs)):
        for point in points:
            words[point.id] = words.get(point.id, 0.0) + weight * point.score
    return (
        deviation(list(words.values()), len(vector)),
        deviation([point.score for point in vector], len(vector)),
    )


def _complete(
    candidates: Sequence[str],
    probes: Sequence[Probe],
    passages: PassageEvidence | None,
    *,
    matching: AnyFilter | None,
    scales: tuple[float, float],
    coverage: float,
    words: int,
    place: Place,
) -> Evidence:
    """Ask for what is not known of the candidates; those that are gone are left out."""
    import numpy as np

    # The filter once more: passages do not say all of their documents that can be asked for.
    among = combine(only(candidates), matching)
    asks = [Ask(*probe, len(candidates), among) for probe in probes]
    terms, pairs, vector = ask(place.documents, asks, place=place)
    there = [point.id for point in vector]
    known = passages_there(there, place=place)
    keys = [(each, known[each].version) for each in there]
    return Evidence(
        documents=tuple(there),
        passages=np.array([known[each].passages for each in there], dtype=np.int64),
        terms=_scores_of(there, terms),
        pairs=_scores_of(there, pairs),
        vector=np.array([point.score for point in vector]),
        passage_terms=None if passages is None else passages.terms.of(keys),
        passage_vector=None if passages is None else passages.vector.of(keys),
        passage_late=None if passages is None or passages.late is None else passages.late.of(keys),
        words_scale=scales[0],
        vector_scale=scales[1],
        passage_terms_scale=1.0 if passages is None else passages.terms.scale,
        passage_vector_scale=1.0 if passages is None else passages.vector.scale,
        passage_late_scale=1.0
        if passages is None or passages.late is None
        else passages.late.scale,
        coverage=coverage,
        words=words,
    )


def _scores_of(documents: Sequence[str], points: Iterable[Hit]) -> NDArray[np.float64]:
    """Scores in the order of the documents; a document without any of the words has none."""
    import numpy as np

    scores = {point.id: point.score for point in points}
    return np.array([scores.get(document, 0.0) for document in documents])
