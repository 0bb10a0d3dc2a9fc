"""From a document to the points that Qdrant takes: its own, and one for each passage."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import unit_length
from longembed_rag.errors import PointRefusedError
from longembed_rag.points.values import Point, Vector
from longembed_rag.store.payload import (
    OWN_KEY,
    document_payload,
    passage_payload,
    require_shallow,
)
from longembed_rag.store.sums import add_sum, add_words
from longembed_rag.store.tenants import TENANT, tenant_of
from longembed_rag.store.values import (
    DENSE_VECTOR,
    PAIRS_VECTOR,
    TERMS_VECTOR,
    document_id,
    passage_id,
)
from longembed_rag.words.lengths import TermCounts
from longembed_rag.words.terms import (
    TermVector,
    document_vector,
    tally,
    word_pairs,
    words_and_pairs_vector,
)

if TYPE_CHECKING:
    from longembed_rag.encoder.values import Passage
    from longembed_rag.store.options import IndexOptions
    from longembed_rag.store.values import IndexedDocument
    from longembed_rag.words.analyzer import Analyzer, Term


@dataclass(frozen=True)
class DocumentTerms:
    """The terms of a document.

    Attributes:
        stems: All of them, in order.
        counts: What they and their other forms count.
        by_passage: Those of each passage, in order.
        passage_counts: What they and their other forms count in each passage.
        language: What they are words of, where that is told of each document and known.
    """

    stems: list[str]
    counts: dict[str, float]
    by_passage: list[list[str]]
    passage_counts: list[dict[str, float]]
    language: str | None = None

    @property
    def in_passages(self) -> int:
        """Terms of all passages, together."""
        return sum(map(len, self.by_passage))


def analyse(
    text: str, passages: Sequence[Passage], *, analyzer: Analyzer, language: str | None = None
) -> DocumentTerms:
    """Find the terms of a document and of its passages, in one go.

    Args:
        text: The document.
        passages: Where its passages lie, in order and without overlap.
        analyzer: Finds them.
        language: What the text is written in, to be told of it.
    """
    terms = analyzer.terms(text)
    by_passage: list[list[Term]] = [[] for _ in passages]
    starts = [passage.start for passage in passages]
    for term in terms:
        index = bisect_right(starts, term.start) - 1
        if index >= 0 and term.start < passages[index].end:
            by_passage[index].append(term)
    return DocumentTerms(
        _stems(terms),
        tally(terms),
        [_stems(p) for p in by_passage],
        [tally(p) for p in by_passage],
        language,
    )


def _stems(terms: Iterable[Term]) -> list[str]:
    return [term.stem for term in terms if term.main]


def require_writable(document: IndexedDocument) -> None:
    """Refuse a document that no payload can hold.

    Raises:
        PointRefusedError: Its source or text is not valid Unicode.
    """
    try:
        for value in (document.source, document.text):
            value.encode()
    except UnicodeEncodeError as error:
        raise PointRefusedError(
            f"{document.source!r} was not written: it holds characters that are not Unicode "
            f"(lone surrogates: {error}); replace them before indexing"
        ) from error


def document_point(
    document: IndexedDocument,
    terms: DocumentTerms,
    counts: TermCounts,
    options: IndexOptions,
    *,
    passages: Sequence[Point],
) -> Point:
    """A document as a point: its text, its vector, its terms and its word pairs.

    Args:
        document: The document.
        terms: Its terms.
        counts: How many there are, and the averages to weigh them by.
        options: How the collection weighs them.
        passages: Its passages as points.

    Raises:
        PointRefusedError: Its metadata does not fit into JSON.
    """
    tenant = _tenant_fields(document, options)
    try:
        require_shallow(document.metadata)
        # Strings that are no Unicode would fail only on their way to the store, in its own words.
        json.dumps(document.metadata, ensure_ascii=False, default=str).encode()
        payload = document_payload(document, counts, language=terms.language)
        payload[OWN_KEY].update(tenant)
    except (TypeError, ValueError) as error:
        raise PointRefusedError(
            f"{document.source} was not written: its metadata does not fit into JSON: {error}"
        ) from error
    vectors: dict[str, Vector] = {
        DENSE_VECTOR: unit_length(document.embedding),
        **document_term_vectors(terms, counts, options),
    }
    return add_words(add_sum(Point(document_id(document.source), vectors, payload)), passages)


def _tenant_fields(document: IndexedDocument, options: IndexOptions) -> dict[str, str]:
    """What the points of a document say of whose it is."""
    tenant = tenant_of(document.source, document.metadata, options.tenant_field)
    return {} if tenant is None else {TENANT: tenant}


def document_term_vectors(
    terms: DocumentTerms, counts: TermCounts, options: IndexOptions
) -> dict[str, TermVector]:
    """A document's terms, and what ``hybrid`` compares; all by its length in terms."""
    length, average = counts.terms, counts.average
    return {
        TERMS_VECTOR: document_vector(
            terms.counts, length=length, average=average, k1=options.k1, b=options.b
        ),
        PAIRS_VECTOR: hybrid_vector(
            terms, length=length, average=average, weighing=counts.weighing
        ),
    }


def hybrid_vector(
    terms: DocumentTerms, *, length: int, average: float, weighing: int
) -> TermVector:
    """A document's word pairs, and from version 2 on its words by a rule of their own."""
    if weighing < 2:
        return document_vector(word_pairs(terms.stems), length=length, average=average)
    return words_and_pairs_vector(terms.stems, length=length, average=average, counts=terms.counts)


def passage_points(
    document: IndexedDocument, terms: DocumentTerms, counts: TermCounts, options: IndexOptions
) -> Iterable[Point]:
    """A document's passages as points, each with its vector, its terms and its place."""
    identity = document_id(document.source)
    tenant = _tenant_fields(document, options)
    sparse = passage_term_vectors(terms, counts, options)
    for index, passage in enumerate(document.passages):
        point_id = passage_id(identity, document.content_hash, index)
        vectors: dict[str, Vector] = {
            DENSE_VECTOR: unit_length(document.passage_embeddings[index]),
            TERMS_VECTOR: sparse[index],
        }
        payload = passage_payload(document, passage, index=index, point_id=point_id)
        payload[OWN_KEY].update(tenant)
        yield add_sum(Point(point_id, vectors, payload))


def passage_term_vectors(
    terms: DocumentTerms, counts: TermCounts, options: IndexOptions
) -> list[TermVector]:
    """The terms of each of a document's passages, weighed."""
    average = counts.passage_average
    return [
        document_vector(each, length=len(stems), average=average, k1=options.k1, b=options.b)
        for stems, each in zip(terms.by_passage, terms.passage_counts, strict=True)
    ]
