"""Weighing words again: by averages that have moved, or in another way; without the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longembed_rag.encoder.values import Passage
from longembed_rag.points.values import Point
from longembed_rag.store.frequencies.postings import postings_id, postings_point
from longembed_rag.store.making import (
    DocumentTerms,
    analyse,
    document_term_vectors,
    passage_term_vectors,
)
from longembed_rag.store.payload import OWN_KEY, counts_payload, read_node
from longembed_rag.store.reading import PassagePlace, passages_of
from longembed_rag.store.sums import NEXT_WORDS, WORDS, words_sums
from longembed_rag.store.values import TERMS_VECTOR

if TYPE_CHECKING:
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import CollectionRecord, StoredSource
    from longembed_rag.words.analyzer import Analyzer
    from longembed_rag.words.lengths import Averages, TermCounts

_PAGE = 256  # passages in a request: a few hundred kilobytes


def recounted(
    stored: Iterable[StoredSource],
    *,
    analyzer_of: Callable[[StoredSource], Analyzer],
    version: int,
    place: Place,
) -> list[StoredSource]:
    """Documents with their words counted by a version of the analyzer; they are not weighed yet.

    Args:
        stored: The documents that are there.
        analyzer_of: Finds the words of each.
        version: Of the analyzers.
        place: Where they are.
    """
    return [
        each if each.counts.analyzer == version else _counted(each, analyzer_of(each), place)
        for each in stored
    ]


def reweigh(
    stored: Iterable[StoredSource],
    averages: Averages,
    *,
    analyzer_of: Callable[[StoredSource], Analyzer],
    version: int,
    weighing: int,
    record: CollectionRecord,
    place: Place,
) -> int:
    """Make the term vectors of documents anew.

    A document notes what it was weighed by last of all, so one that is interrupted is done again.

    Args:
        stored: The documents, counted anew where that was needed.
        averages: What they are weighed by from now on.
        analyzer_of: Finds the words of each.
        version: Of the analyzers.
        weighing: Version of how they are weighed for ``hybrid``.
        record: What the collection says of itself.
        place: Where they are.

    Returns:
        How many documents were done.
    """
    done = 0
    for each in stored:
        counts = replace(
            each.counts,
            average=averages.documents,
            passage_average=averages.passages,
            analyzer=version,
            weighing=weighing,
        )
        done += _reweigh_document(each, counts, analyzer_of(each), record, place)
    return done


def is_off(stored: StoredSource, averages: Averages, version: int, weighing: int) -> bool:
    """Whether a document was weighed otherwise than it should be.

    Args:
        stored: The document, its words counted.
        averages: What it is to be weighed by.
        version: Of the analyzer that is to find its words.
        weighing: Of how they are to be weighed for ``hybrid``.
    """
    made_by = stored.counts.analyzer, stored.counts.weighing
    return made_by != (version, weighing) or not averages.weighed(stored.counts)


def _counted(stored: StoredSource, analyzer: Analyzer, place: Place) -> StoredSource:
    """A document with its words counted by the analyzer; they are not weighed yet."""
    found = _terms(stored, analyzer, place)
    if found is None:
        return stored
    terms, _ = found
    counts = replace(stored.counts, terms=len(terms.stems), passage_terms=terms.in_passages)
    return replace(stored, counts=counts)


def _terms(
    stored: StoredSource, analyzer: Analyzer, place: Place
) -> tuple[DocumentTerms, list[PassagePlace]] | None:
    """The words of a document that is there, and its passages; None without a text."""
    identity = stored.document_id
    records = place.points.fetch(place.documents, [identity], what=_what(stored))
    text = read_node(records[0].payload)[0] if records else None
    if text is None:
        return None
    places = passages_of([identity], version=stored.content_hash, place=place)
    passages = [Passage(each.start, each.end, each.tokens) for each in places]
    return analyse(text, passages, analyzer=analyzer), places


def _what(stored: StoredSource) -> str:
    return f"weighing the words of {stored.source} again"


def _reweigh_document(
    stored: StoredSource,
    counts: TermCounts,
    analyzer: Analyzer,
    record: CollectionRecord,
    place: Place,
) -> bool:
    found = _terms(stored, analyzer, place)
    if found is None:
        return False
    terms, places = found
    name, identity, options = _what(stored), stored.document_id, record.options
    vectors = passage_term_vectors(terms, counts, options)
    points = [
        Point(each.point_id, {TERMS_VECTOR: vector}, {})
        for each, vector in zip(places, vectors, strict=True)
    ]
    own = Point(identity, document_term_vectors(terms, counts, options), {})
    sums = words_sums(each.vectors for each in (own, *points))

    def note(**noted: Any) -> None:
        place.points.set_payload(place.documents, identity, noted, key=OWN_KEY, what=name)

    made = replace(stored, counts=counts)
    if record.frequencies and postings_id(made) != postings_id(stored):
        kept = postings_point(made, own.vectors, (each.vectors for each in points))
        place.points.write(place.words, [kept], what=name)
    note(**{NEXT_WORDS: sums})
    for start in range(0, len(points), _PAGE):
        place.points.revise(place.passages, points[start : start + _PAGE], what=name)
    place.points.revise(place.documents, [own], what=name)
    note(**{"counts": counts_payload(counts), WORDS: sums, NEXT_WORDS: ""})
    return True
