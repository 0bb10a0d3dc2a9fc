"""The file that keeps qdrant-client from taking an embedded store for an empty one of its own.

``QdrantClient(path=...)`` reads ``meta.json``, and makes one where there is none; then every
collection is "not found". What lies there instead makes it stop, with a sentence in its error.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from longembed_rag.whole_files import read_plain, write_whole

_SENTENCE = (
    "This store is kept by Qdrant's own engine, not by qdrant-client's local mode: open it with "
    "longembed_rag.Library.open(folder), whose store.client has the methods of a QdrantClient"
)


def is_refusal(meta: Path) -> bool:
    """Whether a ``meta.json`` is the one that :func:`refuse_local_mode` leaves."""
    try:
        return _SENTENCE in read_plain(meta).decode("utf-8", "replace")
    except OSError:
        return False


def refuse_local_mode(meta: Path) -> None:
    """Leave a ``meta.json`` that qdrant-client refuses; one that says something stays.

    Args:
        meta: Where qdrant-client looks for it.
    """
    # The client checks each collection's settings, and names those that it does not know.
    content = {"collections": {"documents": {_SENTENCE: True}}, "aliases": {}}
    with suppress(OSError):  # a courtesy: a store that cannot be written to can still be read
        if not meta.exists() or not meta.stat().st_size:
            write_whole(meta, json.dumps(content, indent=1))
