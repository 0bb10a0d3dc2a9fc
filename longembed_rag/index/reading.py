"""Reading passages: where they stand, and which documents they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.index.payload import read_own
from longembed_rag.index.scrolling import scroll
from longembed_rag.index.writing import of_documents

if TYPE_CHECKING:
    from longembed_rag.index.place import Place

#: What of a passage's payload says where it stands.
PLACE_KEYS = [
    f"longembed.{name}" for name in ("document", "version", "index", "start", "end", "tokens")
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
        place.passages,
        place=place,
        what="reading passages",
        keys=PLACE_KEYS,
        matching=of_documents(documents, version=version),
    )
    places = (read_place(point.id, point.payload) for point in points)
    found = [each for each in places if each is not None]
    return sorted(found, key=lambda each: (each.document, each.index))
