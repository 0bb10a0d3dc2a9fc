"""Documents as people name them: a path or URL as it is typed here, or an id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longembed_rag.library.library import Library
    from longembed_rag.store.document import StoredDocument


def find_document(library: Library, name: str) -> StoredDocument | None:
    """The document that somebody means; None where there is none.

    Args:
        library: Where to look.
        name: Its source or id, else a path relative to the working directory, or another form of
            a URL.

    Raises:
        StoreError: The store cannot be read.
    """
    from longembed_rag.files.remote import as_location
    from longembed_rag.files.sources import source_of

    if (found := library.get(name)) is not None:
        return found
    try:
        place = as_location(name)
        source = source_of(place.expanduser() if isinstance(place, Path) else place)
    except (OSError, ValueError, RuntimeError):  # links that go in circles, and no path at all
        return None
    return library.get(source)
