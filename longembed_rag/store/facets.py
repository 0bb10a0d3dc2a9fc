"""What a collection's documents could be narrowed down to, and how many each would leave."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.points.port import scroll
from longembed_rag.store.payload import LISTING_KEYS, read_stored_source
from longembed_rag.store.payload import folders as folders_above

if TYPE_CHECKING:
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.store.place import Place

_TYPE, _DATE = "file_type", "last_modified"
_YEAR = 4  # characters of a date that are its year


@dataclass(frozen=True, kw_only=True)
class Facets:
    """Values of documents, each with how many have it, the most frequent first.

    Attributes:
        documents: Documents that were counted.
        types: Their file types.
        folders: The folders that their files lie in, as absolute paths or URLs.
        years: The years that their files were last changed in, newest first.
    """

    documents: int
    types: dict[str, int]
    folders: dict[str, int]
    years: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return vars(self).copy()


def count_facets(place: Place, *, matching: AnyFilter | None = None) -> Facets:
    """Count the types, folders and years of the documents that this package wrote.

    Args:
        place: Where they are.
        matching: Which documents; None for all.

    Raises:
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be read.
    """
    types: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    years: Counter[str] = Counter()
    documents = 0
    found = scroll(
        place.points,
        place.documents,
        what="counting the documents",
        keys=[*LISTING_KEYS, _TYPE, _DATE],
        matching=matching,
    )
    for point in found:
        stored = read_stored_source(point.payload)
        if stored is None:
            continue
        documents += 1
        kind, date = point.payload.get(_TYPE), point.payload.get(_DATE)
        types.update([kind] if isinstance(kind, str) else [])
        years.update([date[:_YEAR]] if isinstance(date, str) else [])
        folders.update(folders_above(stored.source)[:1])
    return Facets(
        documents=documents,
        types=dict(types.most_common()),
        folders=dict(folders.most_common()),
        years=dict(sorted(years.items(), reverse=True)),
    )
