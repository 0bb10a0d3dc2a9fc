"""Writing documents and removing them: each one whole or not at all, and done on return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from longembed_rag.errors import (
    CollectionNotFoundError,
    PointRefusedError,
    StoreError,
    WriteError,
)
from longembed_rag.index.gateway import NOT_FOUND, Gateway, confirmed
from longembed_rag.index.points import build_point, require_request_size
from longembed_rag.index.schema import document_id

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from longembed_rag.index.schema import IndexedDocument

_PAGE = 1000  # ids per request
# A server's answers that are about this one point: bad request, too large, not understood.
_ABOUT_THE_POINT = (400, 413, 422)


def write_document(
    document: IndexedDocument, *, client: QdrantClient, name: str, gateway: Gateway
) -> None:
    """Write one document; see :meth:`DocumentStore.upsert`."""
    point = build_point(document, embedded=gateway.embedded)
    if not gateway.embedded:
        require_request_size(point, source=document.source)

    def failure(told: str, status: int | None) -> StoreError:
        if status in _ABOUT_THE_POINT:
            return PointRefusedError(f"{document.source} was not written: {told}")
        if status == NOT_FOUND:
            return CollectionNotFoundError(
                f"{document.source} was not written: there is no collection {name!r} at "
                f"{gateway.location} ({told})"
            )
        return WriteError(
            f"{document.source} was not confirmed as written: {told}. Every document that was "
            "reported before it is written; run the same again to go on"
        )

    gateway.call(
        lambda: confirmed(client.upsert(name, points=[point], wait=True).status),
        what=f"writing {document.source}",
        failure=failure,
    )


def delete_documents(
    sources: Iterable[str], *, client: QdrantClient, name: str, gateway: Gateway
) -> None:
    """Remove documents; see :meth:`DocumentStore.delete`."""
    remaining = iter(sources)
    done = 0
    while page := list(islice(remaining, _PAGE)):
        _delete_page(page, done, client=client, name=name, gateway=gateway)
        done += len(page)


def _delete_page(
    sources: Sequence[str], done: int, *, client: QdrantClient, name: str, gateway: Gateway
) -> None:
    from qdrant_client.models import PointIdsList

    selector = PointIdsList(points=[document_id(source) for source in sources])

    def failure(told: str, status: int | None) -> StoreError:
        return WriteError(
            f"removing documents failed after {done}: {told}; run the same again to go on"
        )

    gateway.call(
        lambda: confirmed(client.delete(name, points_selector=selector, wait=True).status),
        what="removing documents",
        failure=failure,
    )
