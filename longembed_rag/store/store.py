"""DocumentStore: whole documents in Qdrant, with their passages beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from typing_extensions import Self, Unpack

from longembed_rag.errors import CollectionNotFoundError
from longembed_rag.points.connection import PlaceOptions, client_of, open_points
from longembed_rag.points.filters import filtered_fields
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.collection import Collection
from longembed_rag.store.info import CollectionInfo
from longembed_rag.store.listing import count_passages, list_documents, without_all_passages
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.naming import require_name
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.place import Place
from longembed_rag.store.sums import require_whole
from longembed_rag.store.values import DEFAULT_COLLECTION
from longembed_rag.store.writer import Reweigh, Writer

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.port import Points
    from longembed_rag.store.tokens import TokenRecord
    from longembed_rag.store.values import CollectionRecord, IndexedDocument, StoredSource

_FRESH = 10.0  # seconds for which a server's record is as it was: others may weigh it anew


class DocumentStore:
    """Whole documents in a collection, embedded in a folder or on a server.

    Use :meth:`open`, as a context manager; :func:`~longembed_rag.search.search.search` searches.

    Example:
        >>> with DocumentStore.open(path=Path(".longembed")) as store:
        ...     store.check(fingerprint=encoder.fingerprint, description=encoder.describe())
        ...     print(len(store.sources()))
    """

    def __init__(self, points: Points, *, collection: str, path: Path | None = None) -> None:
        self._points = points
        self._path = path
        self._collection = Collection(Place(points, collection))
        self._record: CollectionRecord | None = None
        self._read_at = monotonic()
        self._writer: Writer | None = None
        self._filterable: set[tuple[str, str]] = set()

    @classmethod
    def open(
        cls,
        *,
        path: Path | str | None = None,
        collection: str = DEFAULT_COLLECTION,
        **place: Unpack[PlaceOptions],
    ) -> DocumentStore:
        """Open a store; give one of ``path``, ``url`` and ``client``.

        Args:
            path: Folder of an embedded store, made when it is not there.
            collection: Name of the collection.
            **place: ``url``, ``client``, ``api_key``, ``timeout``, ``retries``, ``wait``,
                ``on_wait`` and ``nearness``, as
                :func:`~longembed_rag.points.connection.open_points` takes them.

        Raises:
            SettingsError: Not exactly one place is given, or one of the values is wrong.
            StoreLockedError: Another process holds the folder.
            StoreDamagedError: Its files are not as they were written.
            StoreError: The folder cannot be used.
        """
        require_name(collection)
        folder = None if path is None else Path(path).expanduser().absolute()
        points = open_points(path=folder, **place)
        if points.is_touched:
            require_whole(Place(points, collection))
            points.believe()
        return cls(points, collection=collection, path=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and let other processes in; again is harmless."""
        self._points.close()

    @property
    def collection(self) -> str:
        """Name of the collection; where an alias was named, of its target once it is known."""
        return self._collection.name

    @property
    def path(self) -> Path | None:
        """Folder of an embedded store; None for a server or a given client."""
        return self._path

    @property
    def location(self) -> str:
        """Folder or address."""
        return self._points.location

    @property
    def client(self) -> QdrantClient:
        """A client of the same place, for instance for LlamaIndex's ``QdrantVectorStore``.

        Of an embedded store it is an ``EdgeClient``, which has a ``QdrantClient``'s methods.
        """
        client: QdrantClient = client_of(self._points)
        return client

    @property
    def engine(self) -> str:
        """``"edge"``, ``"local"`` or ``"server"``."""
        return self._points.engine

    @property
    def place(self) -> Place:
        """Where the collections are, for the modules that search and repair them."""
        return self._collection.place

    def record(self) -> CollectionRecord | None:
        """How the collection's vectors were made; None when there is none yet.

        Raises:
            CollectionMismatchError: It was not made by this package.
        """
        self._record = self._collection.record()
        return self._record

    def existing_record(self) -> CollectionRecord:
        """:meth:`record`, read now and then; raises CollectionNotFoundError where there is none."""
        is_old = monotonic() - self._read_at > _FRESH and self.engine == "server"
        if self._record is None or is_old:
            self._record, self._read_at = self._collection.existing_record(), monotonic()
        return self._record

    def ensure(
        self,
        *,
        fingerprint: str,
        dimension: int,
        description: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        options: IndexOptions | None = None,
        storage: StorageOptions | None = None,
        tokens: TokenRecord | None = None,
    ) -> None:
        """Make the collection, or check that its vectors were made in the same way.

        Args:
            fingerprint: The encoder's fingerprint.
            dimension: Length of its vectors.
            description: How it describes itself.
            settings: Its settings as given, so that the same encoder can be made again.
            options: What to keep of documents; None takes the collection's, else the defaults.
            storage: How a server is to keep the vectors of a new collection.
            tokens: How it keeps token vectors from now on; None changes nothing.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            StoreError: The collection cannot be made or read.
        """
        self._record = self._collection.ensure(
            fingerprint=fingerprint,
            dimension=dimension,
            description=description,
            settings=settings or {},
            options=options,
            storage=storage or StorageOptions(),
            tokens=tokens,
        )
        self._writer = None

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
        self._record = self._collection.existing_record()
        self._collection.require_match(self._record, fingerprint, description)
        return self._record

    def roots(self) -> dict[str, int]:
        """Devices of folders that were ingested, by the folder's ``document_id``."""
        return self._collection.roots()

    def note_roots(self, devices: Mapping[str, int]) -> None:
        """Remember on which devices (``st_dev``) folders lie; raises as :meth:`ensure`."""
        self._collection.note_roots(devices)

    def make_filterable(self, matching: AnyFilter | None) -> None:
        """Index the fields that a filter asks for; servers are slow without, or refuse.

        Args:
            matching: The filter; None asks for nothing.
        """
        fields = [] if matching is None else filtered_fields(matching)
        if not self._filterable.issuperset(fields):
            self._collection.ensure_filterable(fields)
            self._filterable = set(fields)  # what one filter needs may undo what another did

    def recover(self) -> list[str]:
        """Finish or undo what a killed process had begun; not while somebody else is writing.

        Returns:
            The documents that were put right, by source.

        Raises:
            StoreError: The store cannot be read or written to.
        """
        record = self.existing_record()
        self._collection.ensure_beside(record.dimension, StorageOptions())
        return self._writer_now().recover()

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
        writer = self._writer_now()
        writer.upsert(document)
        self._record = writer.record  # it may have one language more

    def delete(self, sources: Iterable[str]) -> None:
        """Remove documents; those that are not there are passed over.

        Args:
            sources: Where they come from.

        Raises:
            WriteError: They could not be removed; says how many were.
        """
        self._writer_now().delete(sources)

    def reweigh(self, *, by: Reweigh | None = None) -> int:
        """Weigh words again where the collection has outgrown the averages they were weighed by.

        Documents keep the average length of the day they came, and a later release may weigh words
        otherwise. Term vectors that are off by more than
        :data:`~longembed_rag.words.lengths.TOLERANCE`, or of another version, are made anew.

        Args:
            by: Makes them anew; None does it here.

        Returns:
            How many documents were done.

        Raises:
            StoreError: The store cannot be read or written to.
        """
        try:
            return self._writer_now().reweigh(by=by)
        finally:
            self._record = self._writer = None  # the record may tell of another analyzer now

    def count_words(self) -> None:
        """Count the words of what has come, as reweighing does, where the store cannot."""
        self._writer_now().count_words()

    def entries(self) -> dict[str, ManifestEntry]:
        """The manifest, by source: what is there and under way; StoreError if unreadable."""
        try:
            return Manifest(self.place).entries()
        except CollectionNotFoundError:
            return {}  # somebody has deleted it; recovery writes it anew

    def _writer_now(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self.place, self.existing_record())
        return self._writer

    def sources(self) -> dict[str, StoredSource]:
        """Every document that this package wrote, by source; raises as :meth:`info`."""
        self.existing_record()
        return {stored.source: stored for stored in list_documents(self.place)}

    def complete_sources(
        self, stored: Mapping[str, StoredSource] | None = None
    ) -> dict[str, StoredSource]:
        """Those of :meth:`sources`, or of given ones, that are there whole, tokens too."""
        stored = self.sources() if stored is None else dict(stored)
        if self.existing_record().tokens is not None:
            stored = {name: each for name, each in stored.items() if each.late_interaction}
        for damaged in without_all_passages(stored.values(), place=self.place):
            del stored[damaged.source]
        return stored

    def info(self) -> CollectionInfo:
        """The collection at a glance; reads the token counts of every document.

        Raises:
            CollectionNotFoundError: There is no collection.
        """
        self._record = self._collection.existing_record()
        return CollectionInfo.of(
            self._record,
            self.sources().values(),
            place=self.place,
            passages=count_passages(self.place),
            spread=self._collection.spread,
        )
