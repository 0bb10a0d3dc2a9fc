"""What a document store reads from the library underneath."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from haystack import Document

from haystack_integrations.document_stores.longembed.documents import to_haystack
from haystack_integrations.document_stores.longembed.filters import to_library_filter
from haystack_integrations.document_stores.longembed.metadata import (
    different,
    field_name,
    fields_info,
    min_max,
    values_of,
)
from longembed_rag import Library, StoredDocument
from longembed_rag.errors import CollectionNotFoundError

_T = TypeVar("_T")
#: Names in one request.
PAGE = 500
#: Documents whose whole texts are in memory at once, where not all are asked for.
TEXTS = 32


class Reads(ABC):
    """The methods of a document store that change nothing."""

    @property
    @abstractmethod
    def library(self) -> Library:
        """The collection."""

    def count_documents(self) -> int:
        """How many documents there are; none where nothing has been written yet.

        Raises:
            StoreError: The store cannot be read.
        """
        return sum(1 for _ in self._ids(None))

    def count_documents_by_filter(self, filters: dict[str, Any]) -> int:
        """How many documents the filters let through.

        Args:
            filters: Haystack's; empty ones let all through.

        Raises:
            FilterError: The filters cannot be understood.
            StoreError: The store cannot be read.
        """
        return sum(1 for _ in self._ids(filters))

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """The documents that the filters let through, with their whole texts.

        Args:
            filters: Haystack's; None and empty ones let all through.

        Returns:
            Documents in an order that stays the same, without vectors.

        Raises:
            FilterError: The filters cannot be understood.
            StoreError: The store cannot be read.
        """
        return [to_haystack(each) for each in self._stored(filters)]

    def count_unique_metadata_by_filter(
        self, filters: dict[str, Any], metadata_fields: list[str]
    ) -> dict[str, int]:
        """How many different values some fields hold; reads the documents, page by page.

        Args:
            filters: Which documents; empty ones let all through.
            metadata_fields: The fields, with ``meta.`` before them or without.

        Returns:
            The number of values by name of the field, without ``meta.``.

        Raises:
            FilterError: The filters cannot be understood.
            StoreError: The store cannot be read.
        """
        metadata = list(self._metadata(filters))
        return {
            field_name(field): len(different(values_of(metadata, field)))
            for field in metadata_fields
        }

    def get_metadata_fields_info(self) -> dict[str, dict[str, str]]:
        """Which fields there are, and of which type; reads the documents, page by page.

        Returns:
            By name ``{"type": ...}``: ``boolean``, ``int``, ``float`` or ``keyword``.

        Raises:
            StoreError: The store cannot be read.
        """
        return fields_info(self._metadata(None))

    def get_metadata_field_min_max(self, metadata_field: str) -> dict[str, Any]:
        """The least and the greatest value of a field; reads the documents, page by page.

        Args:
            metadata_field: The field, with ``meta.`` before it or without.

        Returns:
            ``min`` and ``max``; None where there is no value, or some are texts and some numbers.

        Raises:
            StoreError: The store cannot be read.
        """
        return min_max(values_of(self._metadata(None), metadata_field))

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: dict[str, Any] | None = None,
    ) -> tuple[list[Any], int]:
        """The different values of a field, page by page; reads the documents.

        Args:
            metadata_field: The field, with ``meta.`` before it or without.
            search_term: What a value has to contain, in capitals or not; None takes all.
            from_: How many values are left out first.
            size: Most values of a page.
            filters: Which documents; None and empty ones let all through.

        Returns:
            The values, and how many there are in all.

        Raises:
            FilterError: The filters cannot be understood.
            StoreError: The store cannot be read.
        """
        values = different(values_of(self._metadata(filters), metadata_field))
        if search_term:
            values = [each for each in values if search_term.lower() in str(each).lower()]
        return values[from_ : from_ + size], len(values)

    def _ids(self, filters: Mapping[str, Any] | None) -> Iterator[str]:
        matching = to_library_filter(filters)
        try:
            yield from (each.source for each in self.library.all_documents(filter=matching))
        except CollectionNotFoundError:
            return

    def _stored(self, filters: Mapping[str, Any] | None) -> Iterator[StoredDocument]:
        return self._read(self._ids(filters))

    def _read(self, ids: Iterable[str]) -> Iterator[StoredDocument]:
        for chunk in chunks(ids, TEXTS):
            # What somebody has removed meanwhile is None.
            yield from (each for each in self.library.get(chunk) if each is not None)

    def _metadata(self, filters: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        return (each.metadata for each in self._stored(filters))


def chunks(given: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Some values, that many at a time."""
    remaining = iter(given)
    while chunk := list(islice(remaining, size)):
        yield chunk
