"""What a library holds: single documents, lists and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from longembed_rag.library.holdings import Part

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import MetadataFilters

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.store.document import StoredDocument
    from longembed_rag.store.facets import Facets
    from longembed_rag.store.info import CollectionInfo
    from longembed_rag.store.listing import DocumentPage
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import StoredSource

    FilterGiven = str | Sequence[str] | Mapping[str, Any] | AnyFilter | MetadataFilters | None


class Lists(Part):
    """The methods of a library that tell what is in it."""

    @overload
    def get(self, id: str, *, filter: FilterGiven = None) -> StoredDocument | None: ...

    @overload
    def get(
        self, id: list[str] | tuple[str, ...], *, filter: FilterGiven = None
    ) -> list[StoredDocument | None]: ...

    def get(
        self,
        id: str | Sequence[str],  # noqa: A002 - what it is called elsewhere
        *,
        filter: FilterGiven = None,  # noqa: A002 - what it is called everywhere else
    ) -> Any:
        """A document with its text, metadata and the places of its passages; or several.

        Args:
            id: Its source (a file's absolute path, or the id that it was added with), or the id
                of its point; several are read together.
            filter: Which documents are given, as in :meth:`search`; None for all.

        Returns:
            The document; None where there is none of that name. Of several a list, in their order.

        Raises:
            SettingsError: The filter cannot be understood.
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> report = library.add([Document(id="note", text="Apples are ripe.")])
            >>> document = library.get("note")
            >>> [document.text[passage.start : passage.end] for passage in document.passages]
            ['Apples are ripe.']
        """
        from longembed_rag.store.document import read_documents

        place, matching = self._filtered(filter)
        given = [id] if isinstance(id, str) else id
        found = read_documents(given, place=place, matching=matching)
        return found[0] if isinstance(id, str) else found

    def documents(
        self,
        *,
        limit: int = 100,
        after: str | None = None,
        filter: FilterGiven = None,  # noqa: A002 - what it is called everywhere else
    ) -> DocumentPage:
        """What is in the collection, page by page, without texts and vectors.

        Args:
            limit: Most documents of a page.
            after: The page before's ``next``; None begins at the beginning.
            filter: Which documents, as in :meth:`search`; None for all.

        Returns:
            The documents in the order of the ids of their points, with tokens and passages, and
            what to ask for the next page with.

        Raises:
            SettingsError: The limit is below 1, or the filter cannot be understood.
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> page = library.documents(limit=1)
            >>> len(page.documents), page.next is None
            (1, False)
            >>> rest = library.documents(after=page.next)
        """
        from longembed_rag.store.listing import read_page

        place, matching = self._filtered(filter)
        return read_page(place, limit=limit, after=after, matching=matching)

    def all_documents(
        self,
        *,
        filter: FilterGiven = None,  # noqa: A002 - what it is called everywhere else
    ) -> Iterator[StoredSource]:
        """What is in the collection, as :meth:`documents` tells it, one after the other.

        Args:
            filter: Which documents, as in :meth:`search`; None for all.

        Returns:
            The documents; they are read page by page, as they are asked for.

        Raises:
            SettingsError: The filter cannot be understood.
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> len(list(library.all_documents(filter="file_type=txt")))
            2
        """
        from longembed_rag.store.listing import list_documents

        place, matching = self._filtered(filter)
        return list_documents(place, matching=matching)

    def facets(
        self,
        *,
        filter: FilterGiven = None,  # noqa: A002 - what it is called everywhere else
    ) -> Facets:
        """What the documents could be narrowed down to: types, folders, years, each with a count.

        Args:
            filter: Which documents are counted, as in :meth:`search`; None for all.

        Raises:
            SettingsError: The filter cannot be understood, or the collection has tenants and it
                does not name one.
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> library.facets().types
            {'txt': 2}
        """
        from longembed_rag.store.facets import count_facets

        place, matching = self._filtered(filter, of_one_tenant=True)
        return count_facets(place, matching=matching)

    def info(self) -> CollectionInfo:
        """The collection at a glance: documents, tokens, and the settings that made it.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> library.info().documents
            2
        """
        return self._holdings.store().info()

    @property
    def outdated(self) -> str | None:
        """What this release does otherwise than the one that made the collection; None: nothing.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.
        """
        return self._holdings.store().existing_record().outdated

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known of answers, best asked after them; empty where there is nothing.

        On a server whose collections have replicas: how many of these are missing, and on which
        nodes. Answers are whole all the same, or there is an error. It is asked at most once in ten
        seconds.

        Raises:
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be opened.

        Example:
            >>> library.remarks
            ()
        """
        store = self._holdings.store()
        store.existing_record()
        return store.place.remarks()

    def require_tenant(self, filter: FilterGiven) -> None:  # noqa: A002 - as everywhere
        """Require that a filter names a tenant, where the collection has any.

        A search and :meth:`facets` do so by themselves. Who has all the rest of a collection
        before him, such as :meth:`documents`, may leave it out; a service that shows people only
        what is theirs may not.

        Args:
            filter: The filter, as in :meth:`search`.

        Raises:
            SettingsError: It does not, or cannot be understood.
            CollectionNotFoundError: Nothing has been ingested yet.
            StoreError: The store cannot be read.

        Example:
            >>> library.require_tenant(None)  # it has none
        """
        self._filtered(filter, of_one_tenant=True)

    def _filtered(
        self, given: FilterGiven, *, of_one_tenant: bool = False
    ) -> tuple[Place, AnyFilter | None]:
        """Where the documents are, ready to be filtered, and by what."""
        from longembed_rag.search.filters import as_filter
        from longembed_rag.search.tenants import looked_at

        store = self._holdings.store()
        record = store.existing_record()
        place, matching = looked_at(store.place, record, as_filter(given), required=of_one_tenant)
        store.make_filterable(matching)
        return place, matching
