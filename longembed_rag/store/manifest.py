"""The manifest: what a collection holds, and what is being done to it at this moment.

A document is more than one point (its own, and its passages'), so a process can be killed between
two of them. Before it touches any, it writes down what it is about to do, and afterwards that it
is done. The manifest is a collection of its own beside the documents, without vectors, so that it
is wherever they are, and everyone who works on them sees the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.points.port import delete_all, scroll
from longembed_rag.points.values import Point
from longembed_rag.store.values import document_id

if TYPE_CHECKING:
    from longembed_rag.points.port import Failure
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource

State = Literal["writing", "stored", "deleting"]

_STATES: dict[str, State] = {"writing": "writing", "stored": "stored", "deleting": "deleting"}
#: The field of an entry that names the point it is about, whose id the entry has, too.
POINT_ID = "point_id"


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestEntry:
    """What the manifest says of a document.

    Attributes:
        source: Where it comes from.
        content_hash: Hash of its text; of the one that is being written, while it is.
        fingerprint: Of the settings that made its vectors.
        passages: How many passages it has.
        state: ``"writing"`` and ``"deleting"`` until that is done; else ``"stored"``.
    """

    source: str
    content_hash: str
    fingerprint: str
    passages: int
    state: State

    @property
    def document_id(self) -> str:
        """Id of the document's point, and of this entry's."""
        return document_id(self.source)

    @classmethod
    def of_stored(cls, stored: StoredSource, *, fingerprint: str) -> ManifestEntry:
        """The entry of a document as it lies in the collection."""
        return cls(
            source=stored.source,
            content_hash=stored.content_hash,
            fingerprint=fingerprint,
            passages=stored.passages,
            state="stored",
        )

    def to_payload(self) -> dict[str, Any]:
        """Every field by name, with the id of the point."""
        return {
            "source": self.source,
            "content_hash": self.content_hash,
            "fingerprint": self.fingerprint,
            "passages": self.passages,
            "state": self.state,
            POINT_ID: self.document_id,
        }

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> ManifestEntry:
        """What :meth:`to_payload` gave."""
        return cls(
            source=intern(str(payload["source"])),  # as the document's own, in memory once
            content_hash=intern(str(payload["content_hash"])),
            fingerprint=intern(str(payload["fingerprint"])),
            passages=int(payload["passages"]),
            state=_STATES[str(payload["state"])],
        )


class Manifest:
    """The manifest of a collection; :class:`~longembed_rag.store.collection.Collection` makes it.

    Args:
        place: Where it is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def entries(self) -> dict[str, ManifestEntry]:
        """Every entry, by source.

        Raises:
            StoreError: It cannot be read.
        """
        found = scroll(self._place.points, self._place.manifest, what="reading the manifest")
        # What somebody else has put there is none of ours.
        ours = (point.payload for point in found if "content_hash" in point.payload)
        entries = (ManifestEntry.from_payload(payload) for payload in ours)
        return {entry.source: entry for entry in entries}

    def find(self, sources: Iterable[str]) -> dict[str, ManifestEntry | None]:
        """The entries of some documents, by source; None of those that have none.

        Raises:
            StoreError: They cannot be read.
        """
        ids = {document_id(source): source for source in sources}
        found = self._place.points.fetch(
            self._place.manifest, list(ids), what="reading the manifest"
        )
        there = {each.id: ManifestEntry.from_payload(each.payload) for each in found}
        return {source: there.get(identity) for identity, source in ids.items()}

    def put(self, entries: Iterable[ManifestEntry], *, failure: Failure | None = None) -> None:
        """Write entries, in place of those of the same sources.

        Args:
            entries: The entries.
            failure: Makes the error; None says what failed.

        Raises:
            StoreError: They could not be written.
        """
        points = [Point(entry.document_id, {}, entry.to_payload()) for entry in entries]
        if points:
            self._place.points.write(
                self._place.manifest, points, what="writing the manifest", failure=failure
            )

    def remove(self, sources: Iterable[str], *, failure: Failure | None = None) -> None:
        """Remove entries; those that are not there are passed over.

        Args:
            sources: Of the documents.
            failure: Makes the error; None says what failed.

        Raises:
            StoreError: They could not be removed.
        """
        delete_all(
            self._place.points,
            self._place.manifest,
            map(document_id, sources),
            what="writing the manifest",
            failure=failure,
        )
