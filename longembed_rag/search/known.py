"""What searches of a collection have found out that no query changes.

From the second search on, or once it pays where there are many passages: the vectors of all
documents, which passages are theirs, and a sample of the passages; and what single words score at
most. All of it is dropped as soon as the collection is written to. Where others may write to it, as
on a server, only how many points there are is known, and that for ten seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longembed_rag.points.port import scroll
from longembed_rag.points.values import Ask
from longembed_rag.search.owners import Owners
from longembed_rag.search.requests import sample_filter
from longembed_rag.search.steps import run
from longembed_rag.search.versions import passages_there
from longembed_rag.store.values import DENSE_VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.store.place import Place
    from longembed_rag.words.query import Forms

# Searches after which the ids of so many passages have been worked out for less than they save.
_PASSAGES_A_SEARCH = 10_000
# Words, and passages' bits, of which something is kept at most: some 30 MB each.
_MOST_WORDS = 100_000
_MOST_BITS = 10_000
_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Table:
    """The documents of a collection, and a sample of its passages.

    Attributes:
        documents: Ids of the documents' points.
        rows: Where each stands among them.
        versions: Hashes of their texts.
        passages: How many passages each has, int64.
        vectors: Their vectors, float32, ``[documents, dimension]``.
        sample: Rows of the documents that signals are measured over.
        owners: Whose passage a point is.
        passage_sample: Ids of the passages that signals are measured over, in order.
        passage_vectors: Their vectors, float32, ``[passages, dimension]``.
    """

    documents: Sequence[str]
    rows: dict[str, int]
    versions: Sequence[str]
    passages: NDArray[np.int64]
    vectors: NDArray[np.float32]
    sample: NDArray[np.int64]
    owners: Owners
    passage_sample: Sequence[str]
    passage_vectors: NDArray[np.float32]


@dataclass
class Known:
    """What is known of a collection until it is written to.

    Attributes:
        searches: How many there were, or are about to be.
        bits: The bits of passages' tokens, by the passages' ids.
        ideals: The most that a document gets for a word alone, by the vector that holds documents'
            words and the word's forms; None where none holds it.
        depths: How many of the best passages the last searches had to look at, by vector.
    """

    searches: int = 0
    bits: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    ideals: dict[tuple[str, Forms], float | None] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    _totals: dict[str, int] = field(default_factory=dict)
    _table: Table | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def total(self, collection: str, *, place: Place) -> int:
        """About how many points there are: enough to decide how large a share is a sample."""
        total = self._totals.get(collection)
        if total is None:
            total = place.points.count(collection, exact=False, what="searching")
            self._totals[collection] = total
        return total

    def table(
        self, *, sample: int, passage_sample: int, with_passages: bool, place: Place
    ) -> Table | None:
        """The documents; None where it does not pay, or others may change them.

        Args:
            sample: Documents that signals are measured over.
            passage_sample: Passages that they are.
            with_passages: Whether the collection keeps passages.
            place: Where it is.
        """
        if place.points.changes is None:
            return None
        with self._lock:
            if self._table is None:
                many = self.total(place.passages, place=place) if with_passages else 0
                if self.searches > 1 + many // _PASSAGES_A_SEARCH:
                    self._table = _read(sample, passage_sample if many else 0, place)
            return self._table

    @property
    def table_now(self) -> Table | None:
        """The documents, where they are known already."""
        return self._table

    def keep_bits(self, passage: str, bits: NDArray[np.uint8], *, place: Place) -> None:
        """Keep the bits of a passage's tokens, unless others may change them."""
        if place.points.changes is not None:
            if len(self.bits) >= _MOST_BITS:
                self.bits = {}
            self.bits[passage] = bits

    def keep_ideals(
        self, ideals: Mapping[tuple[str, Forms], float | None], *, place: Place
    ) -> None:
        """Keep what single words score at most, unless others may change it."""
        if place.points.changes is not None:
            if len(self.ideals) >= _MOST_WORDS:
                self.ideals = {}
            self.ideals.update(ideals)


def known_of(place: Place) -> Known:
    """What is known of a collection now."""
    return place.kept.get(place.points, place.documents, Known)


def _read(sample: int, passage_sample: int, place: Place) -> Table | None:
    import numpy as np

    found = scroll(
        place.points,
        place.documents,
        what="searching",
        keys=[],
        vectors=[DENSE_VECTOR],
        limit=_PAGE,
    )
    by_document = {each.id: each.vectors[DENSE_VECTOR] for each in found if each.vectors}
    if not by_document:
        return None
    ids, vectors = list(by_document), np.array(list(by_document.values()), dtype=np.float32)
    told = {}
    for start in range(0, len(ids), _PAGE):
        told.update(run(passages_there(ids[start : start + _PAGE], place=place), place))
    keys = [(each, told[each].version) for each in ids]
    passages = np.array([told[each].passages for each in ids], dtype=np.int64)
    rows = {each: row for row, each in enumerate(ids)}
    drawn = _sample(place.documents, sample, vectors[:1], place)
    of_passages = sorted(_sample(place.passages, passage_sample, vectors[:1], place))
    fetched = place.points.fetch(
        place.passages, of_passages, what="searching", keys=[], vectors=[DENSE_VECTOR]
    )
    by_passage = {each.id: each.vectors[DENSE_VECTOR] for each in fetched}
    there = [each for each in of_passages if each in by_passage]
    of_there = np.array([by_passage[each] for each in there], dtype=np.float32)
    return Table(
        documents=ids,
        rows=rows,
        versions=[version for _, version in keys],
        passages=passages,
        vectors=vectors,
        sample=np.array([rows[each] for each in drawn if each in rows], dtype=np.int64),
        owners=Owners(keys, passages.tolist()),
        passage_sample=there,
        passage_vectors=of_there.reshape(len(there), vectors.shape[1]),
    )


def _sample(collection: str, wanted: int, vector: NDArray[np.float32], place: Place) -> list[str]:
    """The points that signals are measured over; twice as many as are wanted, at most."""
    if not wanted:
        return []
    total = place.points.count(collection, exact=False, what="searching")
    asked = Ask(DENSE_VECTOR, vector[0], 2 * wanted, sample_filter(total, wanted))
    (points,) = place.points.query(collection, [asked], what="searching")
    return [point.id for point in points]
