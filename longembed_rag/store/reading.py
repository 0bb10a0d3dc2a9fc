"""Reading passages: where they stand, and which documents they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.points.port import scroll
from longembed_rag.store.payload import OWN_KEY, read_own
from longembed_rag.store.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.points.values import Stored
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


def told_by_manifest(entries: Iterable[Stored]) -> dict[str, PassagesOfDocument]:
    """What points of the manifest say of documents, by their ids; nothing of what is under way."""
    return {
        each.id: PassagesOfDocument(
            str(each.payload["content_hash"]), int(each.payload["passages"])
        )
        for each in entries
        if each.payload.get("state") == "stored"
    }


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
