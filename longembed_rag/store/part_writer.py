"""Writing a part of the documents that many write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from longembed_rag.errors import PointRefusedError
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.writer import Writer
from longembed_rag.store.writing import Prepared, write_document, write_together
from longembed_rag.words.lengths import Lengths

if TYPE_CHECKING:
    from longembed_rag.store.values import IndexedDocument


class PartWriter(Writer):
    """Writes documents without a look at the others: memory does not grow with the collection.

    While a collection has no averages, each document is weighed by its own length; whoever ends the
    ingest settles them, and all are weighed by those.
    """

    def write_all(self, documents: Iterable[IndexedDocument]) -> dict[str, PointRefusedError]:
        """Write documents that are this writer's to write, in as few requests as they fit in.

        Args:
            documents: The documents.

        Returns:
            By source why documents were refused; all others are written.

        Raises:
            WriteError: The store cannot be written to.
        """
        refused: dict[str, PointRefusedError] = {}
        prepared: list[Prepared] = []
        for each in documents:
            try:
                prepared.append(self.prepare(each, Lengths()))
            except PointRefusedError as error:
                refused[each.source] = error
        if not prepared:
            return refused
        found = Manifest(self._place).find(each.source for each in prepared)
        there = {source: entry for source, entry in found.items() if entry is not None}
        try:
            write_together(prepared, record=self._record, place=self._place, earlier=there)
        except PointRefusedError:
            refused.update(self._one_by_one(prepared, there))
        return refused

    def _one_by_one(
        self, prepared: Sequence[Prepared], there: dict[str, ManifestEntry]
    ) -> dict[str, PointRefusedError]:
        """Write documents of which one was refused among the others."""
        refused = {}
        for each in prepared:
            try:
                write_document(
                    each,
                    record=self._record,
                    place=self._place,
                    earlier=there.get(each.source),
                )
            except PointRefusedError as error:
                refused[each.source] = error
        return refused
