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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.fusion import WEIGHTS, Evidence
from longembed_rag.search.requests import (
    Probe,
    ask,
    dense_probe,
    only,
    pairs_probe,
    sample_filter,
    terms_probe,
)
from longembed_rag.store.payload import PASSAGE_DOCUMENT_KEY, PASSAGE_VERSION_KEY, read_own
from longembed_rag.store.reading import passages_there
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.store.place import Place

#: Best documents of each signal that become candidates.
CANDIDATES = 100
#: Best passages of each signal that are looked at.
PASSAGES = 256
#: Documents and passages that signals are measured over.
SAMPLE = 256
PASSAGE_SAMPLE = 256

# Words of a query that are looked up by themselves to know what an ideal document would get.
_MOST_WORDS = 128
# From so many documents on, the best passages are taken to say enough of all of them. They come
# from fewer where documents are very long; then the others' are asked for, too.
_ENOUGH_DOCUMENTS = 50
_MOST_ROUNDS = 8
# BM25's weight of a word in a document that holds it, of at most 1.
_TYPICAL_WEIGHT = 0.7

# As few fields as tell whose passage it is: hundreds of them come back.
_PASSAGE_KEYS = (PASSAGE_DOCUMENT_KEY, PASSAGE_VERSION_KEY)


@dataclass(frozen=True)
class Question:
    """A query, ready to be compared.

    Attributes:
        stems: Its words.
        vector: Its vector, shape ``[dimension]``; None where only words are compared.
    """

    stems: list[str]
    vector: NDArray[np.float32] | None


def gather(
    question: Question,
    *,
    with_passages: bool,
    matching: AnyFilter | None,
    place: Place,
    most: int = 0,
    words_vector: str = PAIRS_VECTOR,
) -> Evidence:
    """What speaks for the documents that may be the best.

    Args:
        question: The query, with its vector.
        with_passages: Whether the collection keeps passages.
        matching: Which documents are looked at; None for all. Signals are measured over all.
        place: Where they are.
        most: How many documents are wanted, if that is more than :data:`CANDIDATES`.
        words_vector: Which vector of documents holds their words; the collection's record says.

    Raises:
        StoreError: The collection cannot be searched.
    """
    if question.vector is None:
        raise ValueError("evidence needs the query's vector")
    probes = (
        terms_probe(question.stems, vector=words_vector),
        pairs_probe(question.stems),
        dense_probe(question.vector),
    )
    total = _count(place.documents, place)
    wanted = [Ask(*probe, max(CANDIDATES, most), matching) for probe in probes]
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    counts = Counter(question.stems)
    words = counts.most_common(_MOST_WORDS)
    alone = [Ask(*terms_probe([stem], vector=words_vector), 1) for stem, _ in words]
    answers = ask(place.documents, [*wanted, *measured, *alone], place=place)
    best, in_sample, of_words = answers[:3], answers[3:6], answers[6:]
    alike = terms_probe(question.stems), probes[2]
    passages = _passages(*alike, matching, place) if with_passages else None
    candidates = list(
        dict.fromkeys(
            [point.id for points in best for point in points]
            + ([] if passages is None else passages.documents())
        )
    )
    ideal = sum(
        count * (points[0].score if points else _unknown(total))
        for (_, count), points in zip(words, of_words, strict=True)
    )
    asked_for = sum(count for _, count in words)
    return _complete(
        candidates,
        probes,
        passages,
        matching=matching,
        scales=_document_scales(in_sample),
        ideal=ideal * len(question.stems) / max(asked_for, 1),
        words=len(question.stems),
        place=place,
    )


def _unknown(total: int) -> float:
    """What a word weighs that no document holds: rarer than any, and held as much as most are."""
    return math.log1p((total + 0.5) / 0.5) * _TYPICAL_WEIGHT


def _count(name: str, place: Place) -> int:
    # An estimate will do: it decides how large a share of the points is about a sample.
    return place.points.count(name, exact=False, what="searching")


@dataclass(frozen=True)
class _Passages:
    """The best passages, by document and version of its text."""

    terms: Mapping[tuple[str, str], float]
    vector: Mapping[tuple[str, str], float]
    terms_floor: float
    vector_floor: float
    terms_scale: float
    vector_scale: float

    def documents(self) -> list[str]:
        """Candidates: the documents of the best of them, as many as of other signals."""
        found: list[str] = []
        for scores in (self.terms, self.vector):
            ranked = sorted(scores, key=lambda key: -scores[key])
            found.extend(document for document, _ in ranked[:CANDIDATES])
        return found


def _passages(terms: Probe, vector: Probe, matching: AnyFilter | None, place: Place) -> _Passages:
    total = _count(place.passages, place)
    sample = sample_filter(total, PASSAGE_SAMPLE)
    asks = [Ask(*probe, 2 * PASSAGE_SAMPLE, sample) for probe in (terms, vector)]
    terms_sample, vector_sample = ask(place.passages, asks, place=place)
    by_terms = _best_by_document(terms, _ENOUGH_DOCUMENTS, matching, place)
    by_vector = _best_by_document(vector, _ENOUGH_DOCUMENTS, matching, place)
    return _Passages(
        terms=by_terms.scores,
        vector=by_vector.scores,
        terms_floor=by_terms.floor,
        vector_floor=by_vector.floor,
        terms_scale=_deviation([p.score for p in terms_sample], len(vector_sample)),
        vector_scale=_deviation([p.score for p in vector_sample], len(vector_sample)),
    )


@dataclass(frozen=True)
class _Best:
    """The best passage of each document and version, and what those without one have at most."""

    scores: dict[tuple[str, str], float]
    floor: float


def _best_by_document(
    probe: Probe, documents: int, matching: AnyFilter | None, place: Place
) -> _Best:
    """Best passages of at least so many documents, where there are so many."""
    scores: dict[tuple[str, str], float] = {}
    floor = 0.0
    for _ in range(_MOST_ROUNDS):
        others = combine(matching, _without([document for document, _ in scores]))
        (points,) = ask(place.passages, [Ask(*probe, PASSAGES, others, _PASSAGE_KEYS)], place=place)
        for point in points:  # best first
            own = read_own(point.payload)
            key = str(own.get("document")), str(own.get("version"))
            scores.setdefault(key, float(point.score))
        full = len(points) == PASSAGES
        # Who has no passage at all has none of the words, and the least of the cosines.
        floor = points[-1].score if points and (full or probe[0] == DENSE_VECTOR) else floor
        if not full:
            return _Best(scores, floor if probe[0] == DENSE_VECTOR else 0.0)
        if len(scores) >= documents:
            break
    return _Best(scores, floor)


def _without(documents: Sequence[str]) -> Filter | None:
    """Passages of other documents than these."""
    ids = list(dict.fromkeys(documents))
    return Filter(must_not=of_documents(ids).must) if ids else None


def best_passages(
    vector: NDArray[np.float32], *, most: int, matching: AnyFilter | None, place: Place
) -> list[tuple[str, float]]:
    """Documents by the cosine of their best passage, in any order.

    Args:
        vector: The query's vector, shape ``[dimension]``.
        most: How many documents are wanted; there may be more.
        matching: Which documents are looked at; None for all.
        place: Where they are.

    Returns:
        Ids of their points with that cosine; passages that are no longer, or not yet, of the
        version that is there do not count.

    Raises:
        StoreError: The collection cannot be searched.
    """
    probe = dense_probe(vector)
    best = _best_by_document(probe, most, matching, place).scores
    ids = list(dict.fromkeys(document for document, _ in best))
    among = combine(only(ids), matching)
    (points,) = ask(place.documents, [Ask(*probe, len(ids), among)], place=place)
    there = [point.id for point in points]
    versions = passages_there(there, place=place)
    keys = [(document, versions[document].version) for document in there]
    return [(key[0], best[key]) for key in keys if key in best]


def _document_scales(in_sample: Sequence[Sequence[Hit]]) -> tuple[float, float]:
    terms, pairs, vector = in_sample
    words: dict[str, float] = {}
    for weight, points in ((1.0, terms), (WEIGHTS.pairs, pairs)):
        for point in points:
            words[point.id] = words.get(point.id, 0.0) + weight * point.score
    return (
        _deviation(list(words.values()), len(vector)),
        _deviation([point.score for point in vector], len(vector)),
    )


def _deviation(scores: Sequence[float], count: int) -> float:
    """Standard deviation over so many, of which those without a score have none: zero.

    Never so small that rounding would decide: at least a fiftieth of the mean.
    """
    import numpy as np

    values = np.zeros(max(count, len(scores), 1))
    values[: len(scores)] = scores
    deviation = max(float(values.std()), float(np.abs(values).mean()) / 50, 1e-3)
    return deviation if values.any() else 1.0


def _complete(
    candidates: Sequence[str],
    probes: Sequence[Probe],
    passages: _Passages | None,
    *,
    matching: AnyFilter | None,
    scales: tuple[float, float],
    ideal: float,
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

    def of_passages(scores: Mapping[tuple[str, str], float], floor: float) -> list[float]:
        return [scores.get((each, known[each].version), floor) for each in there]

    by_terms = _scores_of(there, terms)
    return Evidence(
        documents=tuple(there),
        passages=np.array([known[each].passages for each in there], dtype=np.int64),
        terms=by_terms,
        pairs=_scores_of(there, pairs),
        vector=np.array([point.score for point in vector]),
        passage_terms=None
        if passages is None
        else np.array(of_passages(passages.terms, passages.terms_floor)),
        passage_vector=None
        if passages is None
        else np.array(of_passages(passages.vector, passages.vector_floor)),
        words_scale=scales[0],
        vector_scale=scales[1],
        passage_terms_scale=1.0 if passages is None else passages.terms_scale,
        passage_vector_scale=1.0 if passages is None else passages.vector_scale,
        coverage=min(1.0, float(by_terms.max(initial=0.0)) / ideal) if ideal > 0 else 0.0,
        words=words,
    )


def _scores_of(documents: Sequence[str], points: Iterable[Hit]) -> NDArray[np.float64]:
    """Scores in the order of the documents; a document without any of the words has none."""
    import numpy as np

    scores = {point.id: point.score for point in points}
    return np.array([scores.get(document, 0.0) for document in documents])
