"""Gathering what speaks for each document: words and meaning, of the whole and of its passages.

Documents that are among the best by any signal are candidates. What a candidate lacks of the
documents' signals is asked for; of the passages' signals it can only lack what is below the last
of the best 512 passages, and that is what it is taken to have.

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

from longembed_rag.index.fusion import WEIGHTS, Evidence
from longembed_rag.index.payload import PASSAGE_COUNT_KEY, read_own
from longembed_rag.index.requests import (
    Ask,
    Probe,
    ask,
    dense_probe,
    only,
    pairs_probe,
    sample_filter,
    terms_probe,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client.models import Filter, ScoredPoint

    from longembed_rag.index.place import Place

#: Best documents of each signal that become candidates.
CANDIDATES = 256
#: Best passages of each signal that are looked at.
PASSAGES = 512
#: Documents and passages that signals are measured over.
SAMPLE = 512
PASSAGE_SAMPLE = 512

# Words of a query that are looked up by themselves to know what an ideal document would get.
_MOST_WORDS = 128
# BM25's weight of a word in a document that holds it, of at most 1.
_TYPICAL_WEIGHT = 0.7

_VERSION_KEY = "longembed.content_hash"
# As few fields as tell whose passage it is: a thousand of them come back.
_PASSAGE_KEYS = ("longembed.document", "longembed.version")


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
    question: Question, *, with_passages: bool, matching: Filter | None, place: Place
) -> Evidence:
    """What speaks for the documents that may be the best.

    Args:
        question: The query, with its vector.
        with_passages: Whether the collection keeps passages.
        matching: Which documents are looked at; None for all. Signals are measured over all.
        place: Where they are.

    Raises:
        StoreError: The collection cannot be searched.
    """
    if question.vector is None:
        raise ValueError("evidence needs the query's vector")
    probes = (
        terms_probe(question.stems),
        pairs_probe(question.stems),
        dense_probe(question.vector),
    )
    total = _count(place.documents, place)
    wanted = [Ask(probe, CANDIDATES, matching) for probe in probes]
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(probe, min(total, 2 * SAMPLE), sample) for probe in probes]
    counts = Counter(question.stems)
    words = counts.most_common(_MOST_WORDS)
    alone = [Ask(terms_probe([stem]), 1) for stem, _ in words]
    answers = ask(place.documents, [*wanted, *measured, *alone], place=place)
    best, in_sample, of_words = answers[:3], answers[3:6], answers[6:]
    passages = _passages(probes, matching, place) if with_passages else None
    candidates = list(
        dict.fromkeys(
            [str(point.id) for points in best for point in points]
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
        scales=_document_scales(in_sample),
        ideal=ideal * len(question.stems) / max(asked_for, 1),
        words=len(question.stems),
        place=place,
    )


def _unknown(total: int) -> float:
    """What a word weighs that no document holds: rarer than any, and held as much as most are."""
    return math.log1p((total + 0.5) / 0.5) * _TYPICAL_WEIGHT


def _count(name: str, place: Place) -> int:
    result = place.gateway.call(lambda: place.client.count(name, exact=True), what="searching")
    return int(result.count)


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


def _passages(probes: Sequence[Probe], matching: Filter | None, place: Place) -> _Passages:
    terms, _, vector = probes
    total = _count(place.passages, place)
    sample = sample_filter(total, PASSAGE_SAMPLE)
    asks = [Ask(probe, PASSAGES, matching, _PASSAGE_KEYS) for probe in (terms, vector)]
    asks += [Ask(probe, min(total, 2 * PASSAGE_SAMPLE), sample) for probe in (terms, vector)]
    by_terms, by_vector, terms_sample, vector_sample = ask(place.passages, asks, place=place)
    return _Passages(
        terms=_best_of_each(by_terms),
        vector=_best_of_each(by_vector),
        terms_floor=by_terms[-1].score if len(by_terms) == PASSAGES else 0.0,
        vector_floor=by_vector[-1].score if by_vector else 0.0,
        terms_scale=_deviation([p.score for p in terms_sample], len(vector_sample)),
        vector_scale=_deviation([p.score for p in vector_sample], len(vector_sample)),
    )


def _best_of_each(points: Iterable[ScoredPoint]) -> dict[tuple[str, str], float]:
    best: dict[tuple[str, str], float] = {}
    for point in points:  # best first
        own = read_own(point.payload)
        key = str(own.get("document")), str(own.get("version"))
        best.setdefault(key, float(point.score))
    return best


def best_passages(
    vector: NDArray[np.float32], *, matching: Filter | None, place: Place
) -> list[tuple[str, float]]:
    """Documents by the cosine of their best passage, in any order.

    Args:
        vector: The query's vector, shape ``[dimension]``.
        matching: Which documents are looked at; None for all.
        place: Where they are.

    Returns:
        Ids of their points with that cosine; passages that are no longer, or not yet, of the
        version that is there do not count.

    Raises:
        StoreError: The collection cannot be searched.
    """
    asked = Ask(dense_probe(vector), PASSAGES, matching, _PASSAGE_KEYS)
    (points,) = ask(place.passages, [asked], place=place)
    best = _best_of_each(points)
    ids = list(dict.fromkeys(document for document, _ in best))
    if not ids:
        return []
    records = place.gateway.call(
        lambda: place.client.retrieve(place.documents, ids=ids, with_payload=[_VERSION_KEY]),
        what="searching",
    )
    keys = [(str(r.id), str(read_own(r.payload).get("content_hash", ""))) for r in records]
    return [(key[0], best[key]) for key in keys if key in best]


def _document_scales(in_sample: Sequence[Sequence[ScoredPoint]]) -> tuple[float, float]:
    terms, pairs, vector = in_sample
    words: dict[str, float] = {}
    for weight, points in ((1.0, terms), (WEIGHTS.pairs, pairs)):
        for point in points:
            words[str(point.id)] = words.get(str(point.id), 0.0) + weight * point.score
    return (
        _deviation(list(words.values()), len(vector)),
        _deviation([point.score for point in vector], len(vector)),
    )


def _deviation(scores: Sequence[float], count: int) -> float:
    """Standard deviation over so many, of which those without a score have none: zero.

    One where there is no deviation, so that it can be divided by.
    """
    import numpy as np

    values = np.zeros(max(count, len(scores), 1))
    values[: len(scores)] = scores
    deviation = float(values.std())
    return deviation if deviation > 1e-9 else 1.0


def _complete(
    candidates: Sequence[str],
    probes: Sequence[Probe],
    passages: _Passages | None,
    *,
    scales: tuple[float, float],
    ideal: float,
    words: int,
    place: Place,
) -> Evidence:
    """Ask for what is not known of the candidates; those that are gone are left out."""
    import numpy as np

    among = only(candidates)
    terms, pairs, vector = ask(
        place.documents,
        [
            Ask(probe, len(candidates), among, (PASSAGE_COUNT_KEY, _VERSION_KEY) if last else ())
            for probe, last in zip(probes, (False, False, True), strict=True)
        ],
        place=place,
    )
    there = [str(point.id) for point in vector]
    own = [read_own(point.payload) for point in vector]
    versions = [str(each.get("content_hash", "")) for each in own]

    def of_passages(scores: Mapping[tuple[str, str], float], floor: float) -> list[float]:
        keys = zip(there, versions, strict=True)
        return [scores.get(key, floor) for key in keys]

    by_terms = _scores_of(there, terms)
    return Evidence(
        documents=tuple(there),
        passages=np.array([int(each.get("passages", 0)) for each in own]),
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


def _scores_of(documents: Sequence[str], points: Iterable[ScoredPoint]) -> NDArray[np.float64]:
    """Scores in the order of the documents; a document without any of the words has none."""
    import numpy as np

    scores = {str(point.id): point.score for point in points}
    return np.array([scores.get(document, 0.0) for document in documents])
