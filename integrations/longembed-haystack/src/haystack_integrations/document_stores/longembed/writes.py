"""What a document store changes in the library underneath."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError

from haystack_integrations.document_stores.longembed.documents import named, once_each, to_library
from haystack_integrations.document_stores.longembed.reads import PAGE, TEXTS, Reads, chunks
from longembed_rag import Document as LibraryDocument
from longembed_rag.errors import CollectionNotFoundError, WriteError


class Writes(Reads):
    """The methods of a document store that change the collection."""

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Embed documents, with all of their passages, and keep them.

        A document that is there already under its id, with the same text, is not embedded again.
        What a document carries beside text and metadata (vectors, files) is not kept.

        Args:
            documents: Documents with text.
            policy: What to do with documents whose ids are there: ``FAIL`` (``NONE`` means the
                same) refuses them all and writes nothing, ``SKIP`` leaves them as they are,
                ``OVERWRITE`` puts the given ones in their place.

        Returns:
            How many were written; with ``OVERWRITE`` all of the given ones.

        Raises:
            ValueError: It is no list of documents.
            DuplicateDocumentError: A document is there already, and the policy is ``FAIL``.
            InputError: A document has no text, or metadata that does not fit into JSON.
            WriteError: A document could not be taken in; names it. The others are there.
            CollectionMismatchError: The collection was made with other settings; names them.
            StoreError: The store cannot be written to.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise ValueError("write_documents takes a list of Haystack's Documents")
        if policy == DuplicatePolicy.NONE:
            policy = DuplicatePolicy.FAIL
        single = once_each(documents, policy)
        given = to_library(single)
        if policy == DuplicatePolicy.OVERWRITE:
            self._add(given)
            return len(documents)
        there = set(self._there([each.id for each in given]))
        if there and policy == DuplicatePolicy.FAIL:
            raise DuplicateDocumentError(
                f"{named(sorted(there))}: already in {self.library.location}; nothing was written. "
                "DuplicatePolicy.OVERWRITE or SKIP allows it"
            )
        new = [each for each in given if each.id not in there]
        self._add(new)
        return len(new)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Remove documents with their passages; ids that are not there are passed over.

        Args:
            document_ids: Their ids. No file is touched, where one came from a file.

        Raises:
            StoreError: The store cannot be written to.
        """
        self._remove(document_ids)

    def delete_all_documents(self) -> None:
        """Remove all documents; the collection stays, with the settings that it was made with.

        Raises:
            StoreError: The store cannot be written to.
        """
        self._remove(list(self._ids(None)))

    def delete_by_filter(self, filters: dict[str, Any]) -> int:
        """Remove the documents that the filters let through.

        Args:
            filters: Haystack's.

        Returns:
            How many were removed.

        Raises:
            FilterError: The filters are empty or cannot be understood.
            StoreError: The store cannot be written to.
        """
        return self._remove(list(self._ids(_stated(filters))))

    def update_by_filter(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """Set metadata of the documents that the filters let through; nothing is embedded again.

        Args:
            filters: Haystack's.
            meta: Fields to set; others stay as they are.

        Returns:
            How many documents were changed.

        Raises:
            FilterError: The filters are empty or cannot be understood.
            InputError: The metadata does not fit into JSON.
            WriteError: A document could not be written; names it.
            StoreError: The store cannot be written to.
        """
        # Before the first is changed: it might not be let through any more.
        ids = list(self._ids(_stated(filters)))
        return sum(
            self._add(
                [
                    LibraryDocument(
                        id=each.source, text=each.text, metadata={**each.metadata, **meta}
                    )
                    for each in stored
                ]
            )
            for stored in chunks(self._read(ids), TEXTS)
        )

    def _there(self, ids: list[str]) -> Iterator[str]:
        """Which of some ids there are documents of."""
        for chunk in chunks(ids, PAGE):
            yield from self._ids({"field": "id", "operator": "in", "value": chunk})

    def _add(self, documents: list[LibraryDocument]) -> int:
        if not documents:
            return 0
        failed = self.library.add(documents).failed
        if failed:
            reasons = "; ".join(f"{each.source}: {each.reason}" for each in failed)
            raise WriteError(
                f"{len(failed)} of {len(documents)} documents could not be taken in: {reasons}"
            )
        return len(documents)

    def _remove(self, ids: list[str]) -> int:
        try:
            return len(self.library.remove(ids))
        except CollectionNotFoundError:
            return 0


def _stated(filters: dict[str, Any]) -> dict[str, Any]:
    if not filters:
        raise FilterError("the filters are empty, which would take all documents; say which")
    return filters
