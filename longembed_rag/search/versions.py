"""Which version of a document is there, with how many passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.search.steps import Steps, fetch
from longembed_rag.store.payload import PASSAGE_COUNT_KEY, VERSION_KEY, read_own
from longembed_rag.store.reading import PassagesOfDocument, told_by_manifest

if TYPE_CHECKING:
    from longembed_rag.store.place import Place


def passages_there(
    documents: Sequence[str], *, place: Place
) -> Steps[dict[str, PassagesOfDocument]]:
    """Which passages documents have, by the ids of their points.

    The manifest says so in a few bytes each; the documents' own payloads hold their texts, and are
    only read where it says nothing yet.

    Args:
        documents: Ids of their points.
        place: Where they are.
    """
    told = told_by_manifest((yield from fetch(place.manifest, documents)).values())
    others = [document for document in documents if document not in told]
    found = yield from fetch(place.documents, others, keys=(PASSAGE_COUNT_KEY, VERSION_KEY))
    for record in found.values():
        own = read_own(record.payload)
        told[record.id] = PassagesOfDocument(
            str(own.get("content_hash", "")), int(own.get("passages", 0))
        )
    return {document: told.get(document, PassagesOfDocument("", 0)) for document in documents}
