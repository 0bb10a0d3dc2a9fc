"""Writing a part of the documents that many write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.writer import Writer
from longembed_rag.words.lengths import Lengths

if TYPE_CHECKING:
    from longembed_rag.store.values import IndexedDocument


class PartWriter(Writer):
    """Writes documents without a look at the others: memory does not grow with the collection.

    While a collection has no averages, each document is weighed by its own length; whoever ends the
    ingest settles them, and all are weighed by those.
    """

    _earlier: ManifestEntry | None = None

    def entries_of(self, sources: Iterable[str]) -> dict[str, ManifestEntry | None]:
        """What the manifest has of documents, by source; raises StoreError if unreadable."""
        return Manifest(self._place).find(sources)

    def write(self, document: IndexedDocument, *, earlier: ManifestEntry | None) -> None:
        """Write a document; raises as :meth:`Writer.upsert`.

        Args:
            document: The document.
            earlier: What the manifest has of it.
        """
        self._earlier = earlier
        self.upsert(document)

    def _look(self) -> tuple[dict[str, ManifestEntry], Lengths]:
        entries = {} if self._earlier is None else {self._earlier.source: self._earlier}
        return entries, Lengths()
