"""Going over the points of a collection, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qdrant_client.models import Filter, Record

    from longembed_rag.store.place import Place

_PAGE = 1000  # points per request: well below a megabyte, without texts and vectors


def scroll(
    name: str,
    *,
    place: Place,
    what: str,
    keys: Sequence[str] | None = None,
    matching: Filter | None = None,
) -> Iterator[Record]:
    """Every point of a collection, with its payload and without its vectors.

    Args:
        name: The collection.
        place: Where it is.
        what: What this is for, for messages: "listing the documents".
        keys: Fields of the payload; None for all.
        matching: Which points; None for all.

    Raises:
        CollectionNotFoundError: There is no collection.
        StoreError: It cannot be read.
    """
    offset = None
    while True:
        page, offset = place.gateway.call(
            lambda offset=offset: place.client.scroll(  # type: ignore[misc]
                name,
                scroll_filter=matching,
                limit=_PAGE,
                offset=offset,
                with_payload=True if keys is None else list(keys),
                with_vectors=False,
            ),
            what=what,
        )
        yield from page
        if offset is None:
            return
