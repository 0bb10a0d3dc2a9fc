"""What passages say for their documents: words, meaning, and meaning at the level of words.

Of each signal the best passages are looked at, until they come from enough documents; the first of
these are compared by their tokens, too, where a collection keeps those. A document whose passages
are not among them has what the last of them has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.points.filters import AnyFilter, combine
from longembed_rag.points.values import Ask, Hit
from longembed_rag.search.best_passages import PASSAGES, BestPassages, Looking
from longembed_rag.search.known import known_of
from longembed_rag.search.late import (
    first_of,
    late_of_documents,
    late_of_passages,
    late_scores,
)
from longembed_rag.search.owners import Key
from longembed_rag.search.requests import (
    Scope,
    dense_probe,
    deviation,
    only,
    sample_filter,
    unit_vector,
)
from longembed_rag.search.steps import Steps, ask
from longembed_rag.search.versions import passages_there

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.search.known import Known, Table
    from longembed_rag.search.requests import Question
    from longembed_rag.store.place import Place

#: Passages that words and vectors are measured over, and those that tokens are.
SAMPLE = 256
LATE_SAMPLE = 64
#: Passages whose tokens are compared with a query's, of the best by words and by vector: where
#: words reach far, and where it is meaning that decides.
LATE_WHERE_WORDS_REACH = (96, 96)
LATE_WHERE_MEANING_DECIDES = (64, 256)

# From so many documents on, the best passages are taken to say enough of all of them.
_ENOUGH_DOCUMENTS = 50


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
    question: Question,
    *,
    words_reach: bool,
    matching: AnyFilter | None,
    known: Known,
    table: Table | None,
    place: Place,
) -> Steps[PassageEvidence]:
    """The signals of the best passages.

    Args:
        question: The query, with its vector.
        words_reach: Whether its words say enough for its tokens to count less.
        matching: Which passages are looked at; None for all. Signals are measured over all.
        known: What is known of the collection.
        table: Its documents and a sample of its passages; None where they are not known.
        place: Where they are.
    """
    assert question.vector is not None
    probes = (question.passages_probe(), dense_probe(question.vector))
    sample = sample_filter(known.total(place.passages, place=place), SAMPLE)
    # Twice what is expected: how many pass the sample's filter is a matter of chance.
    measured = [Ask(*probe, 2 * SAMPLE, sample) for probe in probes]
    looking = [Looking(probe, matching, known, table, place) for probe in probes]
    if table is not None:
        del measured[1]  # their vectors are known
    first = [each.first() for each in looking]
    answers = yield from ask(place.passages, [*measured, *first])
    by_terms = yield from looking[0].best(answers[-2], _ENOUGH_DOCUMENTS)
    by_vector = yield from looking[1].best(answers[-1], _ENOUGH_DOCUMENTS)
    terms = [point.score for point in answers[0]]
    if table is not None:
        cosines = (table.passage_vectors @ unit_vector(question.vector)).tolist()
        ids: Sequence[str] = table.passage_sample
    else:
        cosines = [point.score for point in answers[1]]
        ids = sorted(point.id for point in answers[1])
    late = None
    if question.tokens is not None:
        most = LATE_WHERE_WORDS_REACH if words_reach else LATE_WHERE_MEANING_DECIDES
        compared = first_of([by_terms.passages, by_vector.passages], most)
        keys = {**by_terms.keys, **by_vector.keys}
        # Always the same ones: the order of the ids does not depend on the query.
        late = yield from _late(question, compared, keys, ids[:LATE_SAMPLE], place=place)
    return PassageEvidence(
        PassageSignal(by_terms.scores, by_terms.floor, deviation(terms, len(ids))),
        PassageSignal(by_vector.scores, by_vector.floor, deviation(cosines, len(ids))),
        late,
    )


def _late(
    question: Question,
    compared: Sequence[Hit],
    keys: Mapping[str, Key],
    measured: Sequence[str],
    *,
    place: Place,
) -> Steps[PassageSignal | None]:
    """MaxSim of those that are among the best by another signal."""
    wanted = [*(each.id for each in compared), *measured]
    scores = yield from late_scores(question, wanted, place=place)
    by_document = late_of_documents(question, compared, keys, scores)
    if not by_document:
        return None
    whole = late_of_passages(question, scores)
    values = [whole[each] for each in measured if each in whole]
    return PassageSignal(by_document, min(by_document.values()), deviation(values, len(values)))


def rank_by_passages(
    question: Question, *, by_words: bool, most: int, scope: Scope, place: Place
) -> Steps[tuple[str, list[tuple[str, float]]]]:
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
    known = known_of(place)
    table = known.table(sample=SAMPLE, passage_sample=SAMPLE, with_passages=True, place=place)
    probe = dense_probe(question.vector)
    probes = [probe, question.passages_probe()] if by_words else [probe]
    looking = [Looking(each, scope.passages, known, table, place) for each in probes]
    answers = yield from ask(place.passages, [each.first() for each in looking])
    found: list[BestPassages] = []
    for each, points in zip(looking, answers, strict=True):
        found.append((yield from each.best(points, most)))
    name, best = "passage_vector", dict(found[0].scores)
    if question.tokens is not None:
        compared = first_of([each.passages for each in found], [max(PASSAGES, most)] * len(found))
        scores = yield from late_scores(question, [each.id for each in compared], place=place)
        keys = {identity: key for each in found for identity, key in each.keys.items()}
        late = late_of_documents(question, compared, keys, scores)
        if late:
            # Of a document that was taken in without tokens nothing better is known.
            name, floor = "passage_late", min(late.values())
            best = {key: late.get(key, floor) for each in found for key in each.scores}
    ids = list(dict.fromkeys(document for document, _ in best))
    if table is not None and scope.documents is None:
        there = [each for each in ids if each in table.rows]
        versions = {each: table.versions[table.rows[each]] for each in there}
    else:
        among = combine(only(ids), scope.documents)
        (hits,) = yield from ask(place.documents, [Ask(*probe, len(ids), among)])
        there = [point.id for point in hits]
        told = yield from passages_there(there, place=place)
        versions = {each: told[each].version for each in there}
    keyed = [(each, versions[each]) for each in there]
    return name, [(key[0], best[key]) for key in keyed if key in best]
