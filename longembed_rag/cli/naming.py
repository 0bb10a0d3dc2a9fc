"""Documents as people name them: a path as it is typed here, or an id."""

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
        name: Its source or id, else a path relative to the working directory.

    Raises:
        StoreError: The store cannot be read.
    """
    from longembed_rag.files.sources import source_of

    if (found := library.get(name)) is not None:
        return found
    try:
        source = source_of(Path(name).expanduser())
    except (OSError, ValueError, RuntimeError):  # links that go in circles, and no path at all
        return None
    return library.get(source)
