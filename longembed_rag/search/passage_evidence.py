"""What passages say for their documents: words, meaning, and meaning at the level of words.

Of each signal the best passages are looked at, until they come from enough documents; the first of
these are compared by their tokens, too, where a collection keeps those. A document whose passages
are not among them has what the last of them has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longembed_rag.points.filters import AnyFilter, Filter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.late import first_of, late_scores
from longembed_rag.search.requests import (
    Probe,
    Scope,
    ask,
    dense_probe,
    deviation,
    only,
    sample_filter,
    terms_probe,
)
from longembed_rag.store.payload import (
    PASSAGE_DOCUMENT_KEY,
    PASSAGE_VERSION_KEY,
    read_own,
)
from longembed_rag.store.reading import passages_there
from longembed_rag.store.values import DENSE_VECTOR
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.requests import Question
    from longembed_rag.store.place import Place

#: Best passages of each signal that are looked at in one go.
PASSAGES = 256
#: Passages that words and vectors are measured over, and those that tokens are.
SAMPLE = 256
LATE_SAMPLE = 64
#: Passages whose tokens are compared with a query's, of the best by words and by vector: where
#: words reach far, and where it is meaning that decides.
LATE_WHERE_WORDS_REACH = (96, 96)
LATE_WHERE_MEANING_DECIDES = (64, 256)

# From so many documents on, the best passages are taken to say enough of all of them. They come
# from fewer where documents are very long; then the others' are asked for, too.
_ENOUGH_DOCUMENTS = 50
_MOST_ROUNDS = 8
# As few fields as tell whose passage it is: hundreds of them come back.
_KEYS = (PASSAGE_DOCUMENT_KEY, PASSAGE_VERSION_KEY)

#: A document, by the id of its point, and the version of its text.
Key = tuple[str, str]


@dataclass(frozen=True)
class PassageSignal:
    """What the best passage of each document has of a signal.

    Attributes:
        scores: By document and version; documents without a passage among the best are not there.
        floor: What those have at most.
        scale: The signal's standard deviation over all passages.
    """

    scores: Mapping[Key, float]
    floor: float
    scale: float

    def of(self, keys: Iterable[Key]) -> NDArray[np.float64]:
        """What documents have, float64."""
        import numpy as np

        return np.array([self.scores.get(key, self.floor) for key in keys], dtype=np.float64)

    def documents(self, most: int) -> list[str]:
        """The best documents, so many."""
        ranked = sorted(self.scores, key=lambda key: -self.scores[key])
        return [document for document, _ in ranked[:most]]


@dataclass(frozen=True)
class PassageEvidence:
    """The signals of passages.

    Attributes:
        terms: BM25.
        vector: The cosine.
        late: MaxSim of the tokens; None where none are kept, or the query's are not known.
    """

    terms: PassageSignal
    vector: PassageSignal
    late: PassageSignal | None

    def documents(self, most: int) -> list[str]:
        """Candidates: so many of the best documents by each signal."""
        signals = (self.terms, self.vector, self.late)
        return [each for signal in signals if signal is not None for each in signal.documents(most)]


def gather_passages(
    question: Question, *, words_reach: bool, matching: AnyFilter | None, place: Place
) -> PassageEvidence:
    """The signals of the best passages.

    Args:
        question: The query, with its vector.
        words_reach: Whether its words say enough for its tokens to count less.
        matching: Which passages are looked at; None for all. Signals are measured over all.
        place: Where they are.
    """
    assert question.vector is not None
    probes = (terms_probe(question.words), dense_probe(question.vector))
    total = place.points.count(place.passages, exact=False, what="searching")
    sample = sample_filter(total, SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    best = [_for_the_best(probe, matching) for probe in probes]
    answers = ask(place.passages, [*measured, *best], place=place)
    terms_sample, vector_sample = answers[:2]
    by_terms, by_vector = (
        _best_by_document(probe, points, _ENOUGH_DOCUMENTS, matching, place=place)
        for probe, points in zip(probes, answers[2:], strict=True)
    )
    count = len(vector_sample)
    return PassageEvidence(
        PassageSignal(
            by_terms.scores, by_terms.floor, deviation([p.score for p in terms_sample], count)
        ),
        PassageSignal(
            by_vector.scores, by_vector.floor, deviation([p.score for p in vector_sample], count)
        ),
        None
        if question.tokens is None
        else _late(
            question.tokens,
            first_of(
                [by_terms.passages, by_vector.passages],
                LATE_WHERE_WORDS_REACH if words_reach else LATE_WHERE_MEANING_DECIDES,
            ),
            vector_sample,
            place=place,
        ),
    )


def _late(
    tokens: NDArray[np.float32], compared: Sequence[Hit], sample: Sequence[Hit], *, place: Place
) -> PassageSignal | None:
    """MaxSim of those that are among the best by another signal."""
    # Always the same ones: the order of the ids does not depend on the query.
    measured = sorted(each.id for each in sample)[:LATE_SAMPLE]
    wanted = dict.fromkeys([*(each.id for each in compared), *measured])
    scores = late_scores(tokens, list(wanted), place=place)
    by_document = _by_document(compared, scores)
    if not by_document:
        return None
    values = [scores[each] for each in measured if each in scores]
    return PassageSignal(by_document, min(by_document.values()), deviation(values, len(values)))


def _by_document(passages: Iterable[Hit], scores: Mapping[str, float]) -> dict[Key, float]:
    """The best score of each document's passages."""
    best: dict[Key, float] = {}
    for each in passages:
        if each.id in scores:
            key = _key(each)
            best[key] = max(best.get(key, scores[each.id]), scores[each.id])
    return best


def _key(passage: Hit) -> Key:
    own = read_own(passage.payload)
    return str(own.get("document")), str(own.get("version"))


@dataclass(frozen=True)
class _Best:
    """The best passages by a signal.

    Attributes:
        scores: The best score of each document and version.
        floor: What documents without one have at most.
        passages: All of them, in the order in which they came.
    """

    scores: dict[Key, float]
    floor: float
    passages: list[Hit] = field(default_factory=list)


def _for_the_best(probe: Probe, matching: AnyFilter | None) -> Ask:
    """What is asked for to have the best passages by a signal."""
    return Ask(*probe, PASSAGES, matching, _KEYS)


def _best_by_document(
    probe: Probe,
    points: Sequence[Hit],
    documents: int,
    matching: AnyFilter | None,
    *,
    place: Place,
) -> _Best:
    """Best passages of at least so many documents, where there are so many.

    Args:
        probe: The signal.
        points: The best passages of all.
        documents: So many.
        matching: Which passages are looked at.
        place: Where further passages are, of other documents than the best are of.
    """
    scores: dict[Key, float] = {}
    found: list[Hit] = []
    floor = 0.0
    for turn in range(_MOST_ROUNDS):
        if turn:
            others = combine(matching, _without([document for document, _ in scores]))
            (points,) = ask(place.passages, [_for_the_best(probe, others)], place=place)
        found.extend(points)
        for point in points:  # best first
            scores.setdefault(_key(point), float(point.score))
        full = len(points) == PASSAGES
        # Who has no passage at all has none of the words, and the least of the cosines.
        floor = points[-1].score if points and (full or probe[0] == DENSE_VECTOR) else floor
        if not full:
            return _Best(scores, floor if probe[0] == DENSE_VECTOR else 0.0, found)
        if len(scores) >= documents:
            break
    return _Best(scores, floor, found)


def _without(documents: Sequence[str]) -> Filter | None:
    """Passages of other documents than these."""
    ids = list(dict.fromkeys(documents))
    return Filter(must_not=of_documents(ids).must) if ids else None


def rank_by_passages(
    question: Question, *, by_words: bool, most: int, scope: Scope, place: Place
) -> tuple[str, list[tuple[str, float]]]:
    """Documents by their best passage's tokens, or by its cosine where no tokens are compared.

    Args:
        question: The query, with its vector, and its tokens where they are to be compared.
        by_words: Whether passages that are among the best by their words are compared, too.
        most: How many documents are wanted; there may be more.
        scope: What is looked at.
        place: Where they are.

    Returns:
        The name of the signal, and ids of documents' points with it, in any order; passages that
        are no longer, or not yet, of the version that is there do not count.

    Raises:
        StoreError: The collection cannot be searched.
    """
    assert question.vector is not None
    probe = dense_probe(question.vector)
    probes = [probe, terms_probe(question.words)] if by_words else [probe]
    best_of_all = ask(
        place.passages, [_for_the_best(each, scope.passages) for each in probes], place=place
    )
    found = [
        _best_by_document(each, points, most, scope.passages, place=place)
        for each, points in zip(probes, best_of_all, strict=True)
    ]
    name, best = "passage_vector", dict(found[0].scores)
    if question.tokens is not None:
        compared = first_of([each.passages for each in found], [max(PASSAGES, most)] * len(found))
        scores = late_scores(question.tokens, [each.id for each in compared], place=place)
        late = _by_document(compared, scores)
        if late:
            # Of a document that was taken in without tokens nothing better is known.
            name, floor = "passage_late", min(late.values())
            best = {key: late.get(key, floor) for each in found for key in each.scores}
    ids = list(dict.fromkeys(document for document, _ in best))
    among = combine(only(ids), scope.documents)
    (points,) = ask(place.documents, [Ask(*probe, len(ids), among)], place=place)
    there = [point.id for point in points]
    versions = passages_there(there, place=place)
    keys = [(document, versions[document].version) for document in there]
    return name, [(key[0], best[key]) for key in keys if key in best]
