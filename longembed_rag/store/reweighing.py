"""Weighing words again when a collection has outgrown the averages they were weighed by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from longembed_rag.encoder.values import Passage
from longembed_rag.points.gateway import confirmed
from longembed_rag.store.making import analyse, document_term_vectors, passage_term_vectors
from longembed_rag.store.payload import OWN_KEY, counts_payload, read_node
from longembed_rag.store.reading import passages_of
from longembed_rag.store.values import TERMS_VECTOR

if TYPE_CHECKING:
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource
    from longembed_rag.words.lengths import Lengths, TermCounts

_PAGE = 256  # passages in a request: a few hundred kilobytes


def reweigh(
    stored: Iterable[StoredSource], lengths: Lengths, *, language: str, place: Place
) -> int:
    """Make the term vectors anew of documents that were weighed by averages of another time.

    A document notes the averages it was weighed by last of all, so one that is interrupted is
    done again.

    Args:
        stored: The documents that are there.
        lengths: Their lengths.
        language: What words are stemmed as.
        place: Where they are.

    Returns:
        How many documents were done.
    """
    done = 0
    for each in stored:
        if lengths.is_off(each.counts):
            counts = replace(
                each.counts, average=lengths.average, passage_average=lengths.passage_average
            )
            done += _reweigh_document(each, counts, language=language, place=place)
    return done


def _reweigh_document(
    stored: StoredSource, counts: TermCounts, *, language: str, place: Place
) -> bool:
    from qdrant_client.models import PointVectors

    name = f"weighing the words of {stored.source} again"
    identity = stored.document_id
    records = place.gateway.call(
        lambda: place.client.retrieve(place.documents, ids=[identity], with_payload=True),
        what=name,
    )
    text = read_node(records[0].payload or {})[0] if records else None
    if text is None:
        return False
    places = passages_of([identity], version=stored.content_hash, place=place)
    passages = [Passage(each.start, each.end, each.tokens) for each in places]
    terms = analyse(text, passages, language=language)
    vectors = passage_term_vectors(terms, counts)
    points = [
        PointVectors.model_construct(id=each.point_id, vector={TERMS_VECTOR: vector})
        for each, vector in zip(places, vectors, strict=True)
    ]
    for start in range(0, len(points), _PAGE):
        _update(place.passages, points[start : start + _PAGE], name, place)
    own = PointVectors.model_construct(id=identity, vector=document_term_vectors(terms, counts))
    _update(place.documents, [own], name, place)
    place.gateway.call(
        lambda: confirmed(
            place.client.set_payload(
                place.documents,
                payload={"counts": counts_payload(counts)},
                points=[identity],
                key=OWN_KEY,
                wait=True,
            ).status
        ),
        what=name,
    )
    return True


def _update(name: str, points: Sequence[object], what: str, place: Place) -> None:
    place.gateway.call(
        lambda: confirmed(
            place.client.update_vectors(name, points=list(points), wait=True).status  # type: ignore[arg-type]
        ),
        what=what,
    )
