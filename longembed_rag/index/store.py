"""DocumentStore: a Qdrant collection in which every point is a whole document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from longembed_rag.errors import SettingsError
from longembed_rag.index.collection import Collection, require_name
from longembed_rag.index.connection import FolderLock, is_embedded, open_embedded, open_server
from longembed_rag.index.gateway import Gateway
from longembed_rag.index.payload import LISTING_KEYS, read_stored_source
from longembed_rag.index.readiness import Readiness
from longembed_rag.index.retries import RetryPolicy
from longembed_rag.index.schema import (
    DEFAULT_COLLECTION,
    DENSE_VECTOR,
    PASSAGE_VECTOR,
    CollectionInfo,
    CollectionRecord,
    IndexedDocument,
    SearchResult,
    StoredSource,
)
from longembed_rag.index.search import search_documents
from longembed_rag.index.writing import delete_documents, write_document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client import QdrantClient

_PAGE = 1000  # points per listing: well below a megabyte


class DocumentStore:
    """Whole documents in a collection, embedded in a folder or on a server.

    Use :meth:`open`, as a context manager. The collection is its own list of what it holds: there
    is no second file that could disagree with it.

    Example:
        >>> with DocumentStore.open(path=Path(".longembed")) as store:
        ...     store.check(fingerprint=encoder.fingerprint, description=encoder.describe())
        ...     results = store.search(vector, limit=10)
    """

    def __init__(
        self,
        client: QdrantClient,
        *,
        collection: str,
        location: str,
        path: Path | None = None,
        lock: FolderLock | None = None,
        owns_client: bool = True,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._client = client
        self._path = path
        self._lock = lock
        self._owns_client = owns_client
        self._embedded = is_embedded(client)
        policy = retries or RetryPolicy()
        self._gateway = Gateway(
            location=location,
            embedded=self._embedded,
            policy=policy,
            readiness=None if self._embedded else Readiness(client, policy=policy),
        )
        self._collection = Collection(client, collection, self._gateway)

    @classmethod
    def open(
        cls,
        *,
        path: Path | None = None,
        url: str | None = None,
        api_key: str | None = None,
        collection: str = DEFAULT_COLLECTION,
        timeout: float = 60.0,
        client: QdrantClient | None = None,
        retries: RetryPolicy | None = None,
    ) -> DocumentStore:
        """Open a store; give one of ``path``, ``url`` and ``client``.

        Args:
            path: Folder of an embedded store, made when it is not there. Its points are Python
                pickles, as qdrant-client writes them: open only folders that you trust.
            url: Address of a server. Nothing is sent yet; the first call waits for a server that
                is only starting.
            api_key: Key of the server, if it wants one.
            collection: Name of the collection.
            timeout: Seconds to wait for an answer of the server, per try.
            client: A client to work with; it is not closed with the store.
            retries: How often and how long to try while a server is busy or away.

        Raises:
            SettingsError: Not exactly one place is given, or the address or name is wrong.
            StoreLockedError: Another process holds the folder.
            StoreError: The folder cannot be used.
        """
        if sum(place is not None for place in (path, url, client)) != 1:
            raise SettingsError("give one of path (embedded), url (server) and client")
        require_name(collection)
        if client is not None:
            return cls(
                client,
                collection=collection,
                location="the given client",
                owns_client=False,
                retries=retries,
            )
        if path is not None:
            folder = path.expanduser().absolute()
            client, lock = open_embedded(folder)
            return cls(client, collection=collection, location=str(folder), path=folder, lock=lock)
        client = open_server(str(url), api_key=api_key, timeout=timeout)
        policy = retries or RetryPolicy(longest_start=min(timeout, RetryPolicy.longest_start))
        return cls(client, collection=collection, location=str(url), retries=policy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and let other processes in; again is harmless."""
        if self._owns_client:
            self._client.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return self._collection.name

    @property
    def path(self) -> Path | None:
        """Folder of an embedded store; None for a server or a given client."""
        return self._path

    @property
    def location(self) -> str:
        """Folder or address."""
        return self._gateway.location

    @property
    def client(self) -> QdrantClient:
        """The client underneath, for instance for LlamaIndex's ``QdrantVectorStore``."""
        return self._client

    def record(self) -> CollectionRecord | None:
        """How the collection's vectors were made; None when there is no collection yet.

        Raises:
            CollectionMismatchError: The collection was not made by this package.
            StoreError: The store cannot be read.
        """
        return self._collection.record()

    def ensure(
        self,
        *,
        fingerprint: str,
        dimension: int,
        description: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the collection, or check that its vectors were made in the same way.

        Args:
            fingerprint: The encoder's fingerprint.
            dimension: Length of its vectors.
            description: How it describes itself.
            settings: Its settings as given, kept so that the same encoder can be made again.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            StoreError: The collection cannot be made or read.
        """
        self._collection.ensure(
            fingerprint=fingerprint,
            dimension=dimension,
            description=description,
            settings=settings or {},
        )

    def check(self, *, fingerprint: str, description: Mapping[str, Any]) -> CollectionRecord:
        """Require that the collection is there and its vectors were made in the same way.

        Args:
            fingerprint: The encoder's fingerprint.
            description: How it describes itself.

        Raises:
            CollectionNotFoundError: There is no collection.
            CollectionMismatchError: It was made with other settings; names them.
            StoreError: It cannot be read.
        """
        record = self._collection.existing_record()
        self._collection.require_match(record, fingerprint, description)
        return record

    def upsert(self, document: IndexedDocument) -> None:
        """Write a document, in place of its earlier version if there is one.

        It is written whole or not at all, and is there when this returns.

        Args:
            document: The document with its vectors.

        Raises:
            PointRefusedError: This document cannot be written as it is, for instance because it
                is over the server's limit for a request; others can.
            WriteError: The store cannot be written to; says so of this document.
        """
        write_document(document, client=self._client, name=self.collection, gateway=self._gateway)

    def delete(self, sources: Iterable[str]) -> None:
        """Remove documents; those that are not there are passed over.

        Args:
            sources: Where they come from.

        Raises:
            WriteError: They could not be removed; says how many were.
        """
        delete_documents(sources, client=self._client, name=self.collection, gateway=self._gateway)

    def sources(self) -> dict[str, StoredSource]:
        """Every document that this package wrote, by source, without texts and vectors.

        Raises:
            CollectionNotFoundError: There is no collection.
            StoreError: It cannot be read.
        """
        return {stored.source: stored for stored in self._listing()}

    def _listing(self) -> Iterator[StoredSource]:
        self._collection.existing_record()
        offset = None
        while True:
            page, offset = self._gateway.call(
                lambda offset=offset: self._client.scroll(  # type: ignore[misc]
                    self.collection,
                    limit=_PAGE,
                    offset=offset,
                    with_payload=LISTING_KEYS,
                    with_vectors=False,
                ),
                what="listing the documents",
            )
            for point in page:
                stored = read_stored_source(point.payload)
                if stored is not None:
                    yield stored
            if offset is None:
                return

    def search(self, vector: NDArray[np.float32], *, limit: int) -> list[SearchResult]:
        """Documents closest to a query, best first, each with its passage that fits best.

        Args:
            vector: The query's vector, shape ``[dimension]``.
            limit: Most documents.

        Raises:
            SettingsError: ``limit`` is not positive.
            StoreError: The collection cannot be searched.
        """
        if limit < 1:
            raise SettingsError(f"limit={limit} must be at least 1")
        return search_documents(
            vector, limit=limit, client=self._client, name=self.collection, gateway=self._gateway
        )

    def info(self) -> CollectionInfo:
        """The collection at a glance; reads the token counts of every document.

        Raises:
            CollectionNotFoundError: There is no collection.
            StoreError: It cannot be read.
        """
        record = self._collection.existing_record()
        stored = self.sources().values()
        return CollectionInfo(
            collection=self.collection,
            location=self.location,
            documents=len(stored),
            tokens=sum(each.tokens for each in stored),
            tokens_read=sum(each.tokens_read for each in stored),
            model=record.description.get("model"),
            settings=record.settings,
            description=record.description,
            fingerprint=record.fingerprint,
            dimension=record.dimension,
            dense_vector=DENSE_VECTOR,
            passage_vector=PASSAGE_VECTOR,
            version=record.version,
        )
