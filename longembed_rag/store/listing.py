"""What a collection holds: its documents, and how many passages each of them has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import CollectionNotFoundError, SettingsError
from longembed_rag.points.port import scroll
from longembed_rag.points.values import is_id
from longembed_rag.store.payload import (
    LISTING_KEYS,
    PASSAGE_DOCUMENT_KEY,
    PASSAGE_VERSION_KEY,
    read_stored_source,
)
from longembed_rag.store.values import StoredSource, document_id

if TYPE_CHECKING:
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.store.place import Place


@dataclass(frozen=True, kw_only=True)
class DocumentPage:
    """Some of a collection's documents, without texts and vectors.

    Attributes:
        documents: The documents, in the order of the ids of their points.
        next: What to ask for the next page with; None after the last one.
    """

    documents: tuple[StoredSource, ...]
    next: str | None

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {"documents": [each.to_dict() for each in self.documents], "next": self.next}


def read_page(
    place: Place,
    *,
    limit: int,
    after: str | None = None,
    matching: AnyFilter | None = None,
) -> DocumentPage:
    """A page of the documents that this package wrote.

    Args:
        place: Where they are.
        limit: Most documents; points that others wrote count, and are left out.
        after: Where the page begins: the earlier page's ``next``; None begins at the beginning.
        matching: Which documents; None for all.

    Raises:
        SettingsError: The limit is below 1, or ``after`` is no page's ``next``.
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be read.
    """
    if limit < 1:
        raise SettingsError(f"limit={limit} must be at least 1")
    if after is not None and not is_id(after):
        raise SettingsError(f"after={after!r} is not what a page gave as its next")
    page = place.points.page(
        place.documents,
        what="listing the documents",
        keys=LISTING_KEYS,
        matching=matching,
        after=after,
        limit=limit,
    )
    stored = (read_stored_source(point.payload) for point in page.points)
    return DocumentPage(
        documents=tuple(each for each in stored if each is not None), next=page.next
    )


def list_documents(place: Place, *, matching: AnyFilter | None = None) -> Iterator[StoredSource]:
    """Every document that this package wrote, without texts and vectors.

    Args:
        place: Where they are.
        matching: Which documents; None for all.

    Raises:
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be read.
    """
    found = scroll(
        place.points,
        place.documents,
        what="listing the documents",
        keys=LISTING_KEYS,
        matching=matching,
    )
    for point in found:
        stored = read_stored_source(point.payload)
        if stored is not None:
            yield stored


def find_stored(source: str, *, place: Place) -> StoredSource | None:
    """A document that this package wrote; None where it is not there.

    Args:
        source: Where it comes from.
        place: Where it would be.

    Raises:
        StoreError: It cannot be read.
    """
    ids, what = [document_id(source)], f"reading {source}"
    records = place.points.fetch(place.documents, ids, keys=LISTING_KEYS, what=what)
    return read_stored_source(records[0].payload) if records else None


def without_all_passages(stored: Iterable[StoredSource], *, place: Place) -> list[StoredSource]:
    """Documents that have lost passages, for instance because somebody deleted their collection.

    Args:
        stored: The documents that are there.
        place: Where they are.
    """
    listed = list(stored)
    counts, lacking = passages_by_document(place), lacking_versions(listed, place=place)
    return [
        each
        for each in listed
        if counts.get(each.document_id, 0) < each.passages or each.content_hash in lacking
    ]


def lacking_versions(stored: Iterable[StoredSource], *, place: Place) -> set[str]:
    """Versions of documents' texts that have fewer passages than they should.

    A document may have as many passages as it should, and some of them of another version.
    """
    wanted: Counter[str] = Counter()
    for each in stored:
        wanted[each.content_hash] += each.passages
    there = _tally(place, PASSAGE_VERSION_KEY)
    return {version for version, count in wanted.items() if there.get(version, 0) < count}


def count_passages(place: Place) -> int:
    """How many passages there are; none where somebody has deleted their collection."""
    try:
        return place.points.count(place.passages, what="counting passages")
    except CollectionNotFoundError:
        return 0


def passages_by_document(place: Place) -> dict[str, int]:
    """How many passages each document has, by the id of its point.

    Without any where somebody has deleted their collection: the next ingest makes it anew.
    """
    return _tally(place, PASSAGE_DOCUMENT_KEY)


def _tally(place: Place, key: str) -> dict[str, int]:
    try:
        return place.points.tally(place.passages, key, what="counting passages")
    except CollectionNotFoundError:
        return {}
