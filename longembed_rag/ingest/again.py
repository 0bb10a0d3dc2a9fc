"""Embedding documents again by the texts that the collection holds of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from longembed_rag.files.values import FileText
from longembed_rag.ingest.comparing import content_hash
from longembed_rag.ingest.flow import Flow, GivenText
from longembed_rag.ingest.taking import Run
from longembed_rag.ingest.verify import is_named_as_file
from longembed_rag.store.payload import read_layout, read_node, read_stored_source
from longembed_rag.store.values import document_id

if TYPE_CHECKING:
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.store.store import DocumentStore


def embed_again(
    sources: Iterable[str], *, store: DocumentStore, encoder: DocumentEncoder
) -> frozenset[str]:
    """Embed documents again whose vectors, words or passages are not as they were written.

    Args:
        sources: Where they come from; those that are not there, or whose text is another than was
            written, are passed over.
        store: Where they are.
        encoder: Makes the vectors.

    Returns:
        The sources of those that are whole now.

    Raises:
        StoreError: The store cannot be read or written to.
    """
    ids = [document_id(source) for source in sources]
    texts: dict[str, FileText] = {}
    for point in store.place.points.fetch(store.place.documents, ids, what="reading documents"):
        stored, (text, metadata) = read_stored_source(point.payload), read_node(point.payload)
        if stored is not None and text is not None and content_hash(text) == stored.content_hash:
            texts[stored.source] = FileText(text, metadata, (), read_layout(point.payload))
    given = (
        GivenText(
            source=source,
            size=len(text.text.encode("utf-8", "surrogatepass")),
            position=position,
            read=partial(_given, text),
            is_file=is_named_as_file(source),
        )
        for position, (source, text) in enumerate(texts.items(), start=1)
    )
    with Run.over(store, encoder=encoder, on_event=None, began=time.monotonic()) as run:
        run.whole -= texts.keys()
        Flow(run).take(given)
    report = run.finish()
    return frozenset(texts) - {each.source for each in report.failed}


def _given(read: FileText) -> FileText:
    return read
