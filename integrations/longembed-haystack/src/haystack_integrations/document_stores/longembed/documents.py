"""From Haystack's documents to a library's, and back."""

from __future__ import annotations

from collections.abc import Sequence

from haystack import Document, logging
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy

from longembed_rag import Document as LibraryDocument
from longembed_rag import StoredDocument
from longembed_rag.errors import InputError

logger = logging.getLogger(__name__)

# What a document of Haystack's may carry and a collection does not keep.
_NOT_KEPT = ("blob", "embedding", "sparse_embedding")
_NAMED = 5


def to_library(documents: Sequence[Document]) -> list[LibraryDocument]:
    """Documents as a library takes them in.

    Vectors and files that they carry are left behind, which is logged: a collection has the
    vectors of one model, its own.

    Raises:
        InputError: A document has no text, or metadata that does not fit into JSON; names it.
    """
    without = [each.id for each in documents if not (each.content or "").strip()]
    if without:
        raise InputError(
            f"{named(without)}: there is no text in them to embed; convert files to text first, "
            "and leave empty documents out"
        )
    for name in _NOT_KEPT:
        count = sum(getattr(each, name) is not None for each in documents)
        if count:
            logger.warning(
                "{count} of {total} documents carry {field!r}, which is not kept: a "
                "LongDocumentStore embeds texts with the model of its collection.",
                count=count,
                total=len(documents),
                field=name,
            )
    return [
        LibraryDocument(id=each.id, text=each.content or "", metadata=each.meta)
        for each in documents
    ]


def to_haystack(stored: StoredDocument) -> Document:
    """A stored document under the id that it was added with."""
    return Document(id=stored.source, content=stored.text, meta=stored.metadata)


def once_each(documents: Sequence[Document], policy: DuplicatePolicy) -> list[Document]:
    """Documents without those whose id another of them has.

    Args:
        documents: The documents.
        policy: With ``OVERWRITE`` the last of an id stays, with ``SKIP`` the first.

    Raises:
        DuplicateDocumentError: Two have the same id, and the policy is ``FAIL``.
    """
    kept: dict[str, Document] = {}
    for each in documents:
        if each.id in kept and policy == DuplicatePolicy.FAIL:
            raise DuplicateDocumentError(f"{each.id}: two of the documents have this id")
        if each.id not in kept or policy == DuplicatePolicy.OVERWRITE:
            kept[each.id] = each
    return list(kept.values())


def named(ids: Sequence[str]) -> str:
    """Some ids for a message, the first few of many."""
    more = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
