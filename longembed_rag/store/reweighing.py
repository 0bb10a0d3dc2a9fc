"""Weighing words again: by averages that have moved, or in another way; without the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
from longembed_rag.words.lengths import TermCounts

if TYPE_CHECKING:
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import CollectionRecord, StoredSource
    from longembed_rag.words.analyzer import Analyzer
    from longembed_rag.words.lengths import Averages

_PAGE = 256  # passages in a request: a few hundred kilobytes


def recounted(
    stored: Iterable[StoredSource],
    *,
    analyzer_of: Callable[[StoredSource], Analyzer],
    version: int,
    place: Place,
) -> Iterator[StoredSource]:
    """Documents with their words counted by a version of the analyzer; they are not weighed yet.

    Args:
        stored: The documents that are there.
        analyzer_of: Finds the words of each.
        version: Of the analyzers.
        place: Where they are.
    """
    for each in stored:
        if each.counts.analyzer == version:
            yield each
        else:
            yield _counted(each, analyzer_of(each), place)


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
        stored: The documents.
        averages: What they are weighed by from now on.
        analyzer_of: Finds the words of each.
        version: Of the analyzers.
        weighing: Version of how they are weighed for ``hybrid``.
        record: What the collection says of itself.
        place: Where they are.

    Returns:
        How many documents were done.
    """
    made = TermCounts(
        terms=0,
        passage_terms=0,
        average=averages.documents,
        passage_average=averages.passages,
        analyzer=version,
        weighing=weighing,
    )
    return sum(_reweigh_document(each, made, analyzer_of(each), record, place) for each in stored)


def made_with(stored: StoredSource) -> tuple[float, float, int, int]:
    """What a document was weighed by: alike for most of a collection.

    Args:
        stored: The document.

    Returns:
        The averages of documents and passages, and the versions of analyzer and weighing.
    """
    counts = stored.counts
    return counts.average, counts.passage_average, counts.analyzer, counts.weighing


def is_off(
    made: tuple[float, float, int, int], averages: Averages, version: int, weighing: int
) -> bool:
    """Whether documents were weighed otherwise than they should be.

    Args:
        made: As :func:`made_with` gives it.
        averages: What they are to be weighed by.
        version: Of the analyzer that is to find their words.
        weighing: Of how these are to be weighed for ``hybrid``.
    """
    return made[2:] != (version, weighing) or not averages.weighed(*made[:2])


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
    made: TermCounts,
    analyzer: Analyzer,
    record: CollectionRecord,
    place: Place,
) -> bool:
    """Weigh a document's words again, as ``made`` says but for its own counts."""
    found = _terms(stored, analyzer, place)
    if found is None:
        return False
    terms, places = found
    counts = replace(made, terms=len(terms.stems), passage_terms=terms.in_passages)
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

    anew = replace(stored, counts=counts)
    if record.frequencies and postings_id(anew) != postings_id(stored):
        kept = postings_point(anew, own.vectors, (each.vectors for each in points))
        place.points.write(place.words, [kept], what=name)
    note(**{NEXT_WORDS: sums})
    for start in range(0, len(points), _PAGE):
        place.points.revise(place.passages, points[start : start + _PAGE], what=name)
    place.points.revise(place.documents, [own], what=name)
    note(**{"counts": counts_payload(counts), WORDS: sums, NEXT_WORDS: ""})
    return True
