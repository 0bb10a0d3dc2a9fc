"""How rare a query's terms are, where the store does not put that in itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from longembed_rag.search.steps import Steps, fetch
from longembed_rag.store.frequencies.head import HEAD_ID, Head
from longembed_rag.store.frequencies.postings import (
    COLUMNS,
    DOCUMENTS,
    HYBRID,
    PASSAGES,
    Postings,
)
from longembed_rag.store.payload import read_own
from longembed_rag.words.rarity import Rarities, Rarity
from longembed_rag.words.terms import term_id

if TYPE_CHECKING:
    from longembed_rag.store.place import Place
    from longembed_rag.words.query import QueryWords

# How often a table is looked at anew that is merged while it is read.
_MOST_TRIES = 5


def rarities_of(words: QueryWords, place: Place) -> Steps[Rarities]:
    """How rare the terms and pairs of a query are, over all shards.

    Args:
        words: The query's.
        place: Where the collection is; it keeps frequencies of its own.

    Raises:
        StoreError: They cannot be read.
    """
    terms = sorted({term_id(each) for each in (*words.weights, *words.pairs)})
    for attempt in range(_MOST_TRIES):
        head = yield from _head(place)
        wanted = [
            segment.bucket_id(bucket)
            for segment in head.segments
            for bucket in {segment.bucket_of(term) for term in terms}
        ]
        found = yield from fetch(place.words, wanted)
        if len(found) == len(wanted) or attempt + 1 == _MOST_TRIES:
            break
        # An empty bucket, or a segment that was merged meanwhile: the head tells.
        if (yield from _head(place)) == head:
            break
    postings = [Postings.unpacked(read_own(point.payload)) for point in found.values()]
    counts = _counts(terms, postings)
    return Rarities(
        *(
            Rarity(head.totals(column), {term: n[column] for term, n in counts.items()})
            for column in (DOCUMENTS, HYBRID, PASSAGES)
        )
    )


def _head(place: Place) -> Steps[Head]:
    found = yield from fetch(place.words, [HEAD_ID])
    return Head.from_payload(found[HEAD_ID].payload) if found else Head()


def _counts(terms: Sequence[int], buckets: Iterable[Postings]) -> dict[int, list[int]]:
    import numpy as np

    wanted = np.array(terms, dtype=np.uint32)
    counts = np.zeros((len(terms), COLUMNS), dtype=np.int64)
    for each in buckets:
        rows = np.searchsorted(each.terms, wanted)
        rows[rows == len(each)] = 0
        there = each.terms[rows] == wanted if len(each) else np.zeros(len(terms), dtype=bool)
        counts[there] += each.counts[rows[there]]
    return dict(zip(terms, counts.tolist(), strict=True))
