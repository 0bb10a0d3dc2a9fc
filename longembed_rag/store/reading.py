"""Reading passages: where they stand, and which documents they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.points.port import scroll
from longembed_rag.store.payload import OWN_KEY, PASSAGE_COUNT_KEY, VERSION_KEY, read_own
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.store.place import Place

#: What of a passage's payload says where it stands.
PLACE_KEYS = [
    f"{OWN_KEY}.{name}" for name in ("document", "version", "index", "start", "end", "tokens")
]


@dataclass(frozen=True, kw_only=True)
class PassagePlace:
    """Where a stored passage stands.

    Attributes:
        point_id: Id of its point.
        document: Id of its document's point.
        version: Hash of the text that it is a passage of.
        index: Which of the document's passages it is, from 0.
        start: First character in the document.
        end: One past its last character.
        tokens: Tokens in it.
    """

    point_id: str
    document: str
    version: str
    index: int
    start: int
    end: int
    tokens: int


@dataclass(frozen=True)
class PassagesOfDocument:
    """Which passages a document has.

    Attributes:
        version: Hash of the text that they are of; empty where it is not known.
        passages: How many there are.
    """

    version: str
    passages: int


def passages_there(documents: Sequence[str], *, place: Place) -> dict[str, PassagesOfDocument]:
    """Which passages documents have, by the ids of their points.

    The manifest says so in a few bytes each; the documents' own payloads hold their texts, and are
    only read where it says nothing yet.

    Args:
        documents: Ids of their points.
        place: Where they are.
    """
    told: dict[str, PassagesOfDocument] = {}
    for record in place.points.fetch(place.manifest, documents, what="searching"):
        payload = record.payload
        if payload.get("state") == "stored":
            told[record.id] = PassagesOfDocument(
                str(payload["content_hash"]), int(payload["passages"])
            )
    others = [document for document in documents if document not in told]
    keys = (PASSAGE_COUNT_KEY, VERSION_KEY)
    for record in place.points.fetch(place.documents, others, keys=keys, what="searching"):
        own = read_own(record.payload)
        told[record.id] = PassagesOfDocument(
            str(own.get("content_hash", "")), int(own.get("passages", 0))
        )
    return {document: told.get(document, PassagesOfDocument("", 0)) for document in documents}


def read_place(point_id: object, payload: dict[str, Any] | None) -> PassagePlace | None:
    """The place of a passage's point; None when the point is not one of ours."""
    own = read_own(payload)
    if "document" not in own or "start" not in own:
        return None
    return PassagePlace(
        point_id=str(point_id),
        document=str(own["document"]),
        version=str(own.get("version", "")),
        index=int(own.get("index", 0)),
        start=int(own["start"]),
        end=int(own["end"]),
        tokens=int(own.get("tokens", 0)),
    )


def passages_of(documents: Sequence[str], *, version: str, place: Place) -> list[PassagePlace]:
    """The passages of one version of documents, in the order of the text.

    Args:
        documents: Ids of their points.
        version: Hash of the text.
        place: Where they are.
    """
    points = scroll(
        place.points,
        place.passages,
        what="reading passages",
        keys=PLACE_KEYS,
        matching=of_documents(documents, version=version),
    )
    places = (read_place(point.id, point.payload) for point in points)
    found = [each for each in places if each is not None]
    return sorted(found, key=lambda each: (each.document, each.index))
