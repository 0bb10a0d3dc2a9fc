"""Gathering what speaks for each document: words and meaning, of the whole and of its passages.

Documents that are among the best by any signal are candidates. What a candidate lacks of the
documents' signals is asked for; of the passages' signals it can only lack what is below the last
of the best 256 passages, and that is what it is taken to have.

A signal's unit is its standard deviation over the collection, for this query: over all documents
or passages, or in larger collections over a sample that is the same for every query. So it does
not depend on which candidates happened to come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longembed_rag.search.document_evidence import AskedEvidence, DocumentEvidence
from longembed_rag.search.fusion import WEIGHTS, Evidence, reach_of
from longembed_rag.search.known import known_of
from longembed_rag.search.known_evidence import MOST_DOCUMENTS, KnownEvidence
from longembed_rag.search.passage_evidence import SAMPLE as PASSAGE_SAMPLE
from longembed_rag.search.passage_evidence import PassageEvidence, gather_passages
from longembed_rag.search.requests import Question, Scope
from longembed_rag.search.steps import Steps
from longembed_rag.store.values import PAIRS_VECTOR

if TYPE_CHECKING:
    from longembed_rag.store.place import Place

#: Best documents of each signal that become candidates.
CANDIDATES = 100
#: Documents that signals are measured over.
SAMPLE = 256


def gather(
    question: Question,
    *,
    with_passages: bool,
    scope: Scope,
    place: Place,
    most: int = 0,
    words_vector: str = PAIRS_VECTOR,
) -> Steps[Evidence]:
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
    known = known_of(place)
    table = known.table(
        sample=SAMPLE, passage_sample=PASSAGE_SAMPLE, with_passages=with_passages, place=place
    )
    most = max(CANDIDATES, most)
    documents: DocumentEvidence
    few = table is not None and len(table.documents) <= MOST_DOCUMENTS
    if table is not None and few and scope.documents is None:
        documents = yield from KnownEvidence.gather(
            question, most=most, words_vector=words_vector, known=known, table=table, place=place
        )
    else:
        documents = yield from AskedEvidence.gather(
            question,
            most=most,
            sample=SAMPLE,
            words_vector=words_vector,
            matching=scope.documents,
            known=known,
            place=place,
        )
    passages = None
    if with_passages:
        passages = yield from gather_passages(
            question,
            words_reach=reach_of(documents.coverage, len(question.words)) > WEIGHTS.covered,
            matching=scope.passages,
            known=known,
            table=table,
            place=place,
        )
    of_passages = [] if passages is None else passages.documents(CANDIDATES)
    candidates = list(dict.fromkeys([*documents.best, *of_passages]))
    return (yield from _complete(candidates, documents, passages, words=len(question.words)))


def _complete(
    candidates: list[str],
    documents: DocumentEvidence,
    passages: PassageEvidence | None,
    *,
    words: int,
) -> Steps[Evidence]:
    """All that is known of the candidates."""
    there = yield from documents.complete(candidates)
    keys = list(zip(there.documents, there.versions, strict=True))
    late = None if passages is None else passages.late
    return Evidence(
        documents=tuple(there.documents),
        passages=there.passages,
        terms=there.terms,
        pairs=there.pairs,
        vector=there.vector,
        passage_terms=None if passages is None else passages.terms.of(keys),
        passage_vector=None if passages is None else passages.vector.of(keys),
        passage_late=None if late is None else late.of(keys),
        words_scale=documents.scales[0],
        vector_scale=documents.scales[1],
        passage_terms_scale=1.0 if passages is None else passages.terms.scale,
        passage_vector_scale=1.0 if passages is None else passages.vector.scale,
        passage_late_scale=1.0 if late is None else late.scale,
        coverage=documents.coverage,
        words=words,
    )
