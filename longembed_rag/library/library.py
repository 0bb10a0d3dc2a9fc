"""Library: long documents, read whole, kept in a collection and found again, in one object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Self, Unpack

from longembed_rag.errors import SettingsError
from longembed_rag.library.holdings import Holdings
from longembed_rag.library.models import LibrarySettings
from longembed_rag.library.places import chosen_folder, is_address, key_of
from longembed_rag.library.reading import Reads
from longembed_rag.library.writing import Writes
from longembed_rag.points.locking import DEFAULT_WAIT
from longembed_rag.points.nearness import Nearness
from longembed_rag.points.values import Quantization, StorageOptions
from longembed_rag.store.copying import CopyReport, copy_collection
from longembed_rag.store.tokens import LateChoice
from longembed_rag.store.values import DEFAULT_COLLECTION

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from qdrant_client import QdrantClient

    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.points.client.retries import RetryPolicy
    from longembed_rag.store.store import DocumentStore


class Library(Reads, Writes):
    """A collection of long documents: files and texts go in, answers come out.

    Use :meth:`open`, as a context manager. The model is the collection's own; it is loaded when
    it is first needed, shared with whoever in this process reads with the same settings, and
    checked once. Any number of threads may use a library: readers work side by side, writers one
    after the other. ``asearch``, ``aingest`` and ``aadd`` leave an event loop free.

    Example:
        >>> with Library.open(".longembed") as library:
        ...     report = library.ingest("reports/")
        ...     for hit in library.search("who signed the lease?", limit=1):
        ...         print(hit.metadata["file_name"], "-", hit.passage)
        lease.txt - The lease was signed by the tenant.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        client: QdrantClient | None = None,
        collection: str = DEFAULT_COLLECTION,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: RetryPolicy | None = None,
        wait: float = DEFAULT_WAIT,
        on_wait: Callable[[str], None] | None = None,
        passages: bool | None = None,
        passage_tokens: int | None = None,
        language: str | None = None,
        late_interaction: LateChoice | None = None,
        k1: float | None = None,
        b: float | None = None,
        tenant_field: str | None = None,
        quantization: Quantization | None = None,
        on_disk: bool | None = None,
        shards: int | None = None,
        replicas: int | None = None,
        write_consistency: int | None = None,
        exact_below: int | None = None,
        hnsw_ef: int | None = None,
        encoder: DocumentEncoder | None = None,
        **settings: Unpack[LibrarySettings],
    ) -> Self:
        """Open a collection in a folder or on a server, whether it is there already or not.

        A folder that holds a store is opened, and is this process's alone until :meth:`close`;
        one that holds none is left as it is until something is written. Nothing is sent to a
        server yet, and no model is loaded.

        Settings that are left out are those of the collection, or for a new one the defaults;
        given ones that differ from the collection's are refused, naming both, when vectors are
        compared or documents are written.

        Args:
            path: Folder of an embedded store; ``.longembed`` where no place is given. Open only
                folders that you trust.
            url: Address of a server.
            client: A client to work with; it is not closed with the library.
            collection: Name of the collection.
            api_key: Key of the server; None takes ``LONGEMBED_API_KEY`` or ``QDRANT_API_KEY`` from
                the environment.
            timeout: Seconds to wait for an answer of the server, per try.
            retries: How often and how long to try while a server is busy or away.
            wait: Seconds to wait for a folder that another process holds; 0 does not wait. Who
                holds it in this process is not waited for.
            on_wait: Is told once, in a sentence, what is waited for.
            passages: Whether a new collection keeps passages beside the documents.
            passage_tokens: Most tokens in a passage.
            language: What words are stemmed as: ``"auto"``, the default, each document's own
                language; ``"none"`` leaves words as they are.
            late_interaction: Whether the vectors of passages' tokens are kept as bits: ``"on"``,
                ``"off"``, or ``"auto"``, where that is known to help. ``"on"`` for a collection
                that was made without reads its documents once more when they are next ingested.
            k1: How fast a repeated word stops counting in BM25 (mode ``"sparse"``, passages).
            b: How much length counts in BM25, 0 to 1; likewise.
            tenant_field: The field of documents' metadata that names their tenant, as searches do.
            quantization: How a server keeps vectors in memory: ``"none"``, ``"scalar"`` (a byte a
                number) or ``"binary"`` (a bit).
            on_disk: Whether a server keeps vectors and word lists on disk.
            shards: Parts that a server spreads documents and passages over; None makes one.
            replicas: Nodes of a server that hold each shard; None leaves it to the server.
            write_consistency: Replicas that have to confirm a write; None likewise.
            exact_below: Points below which a server compares a query with every vector; None takes
                100,000, or 10,000 where vectors lie on disk.
            hnsw_ef: Points that its search through the graph keeps in sight above that.
            encoder: An encoder that is loaded already, in place of settings.
            **settings: The fields of :class:`~longembed_rag.EncoderSettings`: ``model``,
                ``method``, ``max_length``, ``device`` and so on; None is as if left out.

        Raises:
            SettingsError: More than one place is given, or a setting is unknown or out of range.
            StoreLockedError: Another process holds the folder, and goes on doing so.
            StoreError: The folder cannot be used.

        Example:
            >>> library = Library.open("index", method="pcw", passage_tokens=128)
            >>> library.settings.method
            'pcw'
            >>> library.close()
        """
        folder = chosen_folder(path, url=url, client=client)
        keeping = {
            "passages": passages,
            "passage_tokens": passage_tokens,
            "language": language,
            "late_interaction": late_interaction,
            "k1": k1,
            "b": b,
            "tenant_field": tenant_field,
        }
        storage = {
            "quantization": quantization,
            "on_disk": on_disk,
            "shards": shards,
            "replicas": replicas,
            "write_consistency": write_consistency,
        }
        holdings = Holdings(
            where={
                "path": folder,
                "url": url,
                "client": client,
                "collection": collection,
                "api_key": key_of(url, api_key),
                "timeout": timeout,
                "retries": retries,
                "wait": wait,
                "on_wait": on_wait,
                "nearness": Nearness(exact_below=exact_below, hnsw_ef=hnsw_ef),
            },
            keeping=_given(keeping),
            storage=StorageOptions(**_given(storage)),
            settings_given=_given(dict(settings)),
            encoder_given=encoder,
        )
        return cls(holdings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store and let other processes in; again is harmless.

        Waits for whoever is writing. A client that was handed in stays open.

        Example:
            >>> library = Library.open("index")
            >>> library.close()
        """
        self._holdings.close()

    def copy(
        self,
        to: Library | str | os.PathLike[str],
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> CopyReport:
        """Copy the collection into another place, point by point, without embedding anything again.

        From an embedded store to a server, back, or to another folder. What is there already is
        passed over; one that was interrupted goes on when it is called again.

        Args:
            to: Where to: a server's address (``http://...``), a folder, or a library that is open;
                its collection has the same name unless a library says another.
            on_progress: Is told how many of how many documents are done.

        Returns:
            What was done. Documents that could not be copied are among its ``failed``.

        Raises:
            SettingsError: It is the same collection.
            CollectionNotFoundError: Nothing has been ingested yet.
            CollectionMismatchError: The other one was made with other settings; names them.
            StoreError: One of them cannot be read or written to; what was copied is there.

        Example:
            >>> report = library.copy("backup")
            >>> report.copied, report.failed
            (2, {})
        """
        store = self.store  # before the target, which may not be made for nothing
        store.existing_record()
        if not isinstance(to, Library):
            url = to if isinstance(to, str) and is_address(to) else None
            path = None if url else to
            if path is not None and Path(path).expanduser().absolute() == self.path:
                raise SettingsError(
                    f"{path} is this library's own store; name another place, or hand in a library "
                    "over it that has another collection"
                )
            where = self._holdings.where
            with type(self).open(
                path,
                url=url,
                collection=self.collection,
                timeout=where["timeout"],
                retries=where["retries"],
                wait=where["wait"],
                on_wait=where["on_wait"],
            ) as other:
                return self.copy(other, on_progress=on_progress)
        target = to._holdings
        with target.writing:
            return copy_collection(
                store, target.made_store(), storage=target.storage, on_progress=on_progress
            )

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return self._holdings.where["collection"]

    @property
    def location(self) -> str:
        """Folder or address of the store."""
        return self._holdings.location

    @property
    def path(self) -> Path | None:
        """Folder of an embedded store; None for a server or a given client."""
        return self._holdings.where["path"]

    @property
    def engine(self) -> str | None:
        """What keeps the store: ``"edge"``, ``"local"``, ``"server"``; None while there is none."""
        store = self._holdings.find_store()
        return None if store is None else store.engine

    @property
    def store(self) -> DocumentStore:
        """The store underneath, for what this object does not do.

        Raises:
            CollectionNotFoundError: There is none yet.
        """
        return self._holdings.store()

    @property
    def settings(self) -> EncoderSettings:
        """The encoder's settings: what was given, and the rest as the collection has it.

        Raises:
            SettingsError: Given ones and the collection's contradict each other.
            StoreError: The collection cannot be read.
        """
        return self._holdings.settings()

    @property
    def encoder(self) -> LongEncoder:
        """The encoder, loaded now if it was not, and checked against the collection's record.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The collection cannot be read.
        """
        return self._holdings.encoder()

    @property
    def planner(self) -> Planner | None:
        """What says how texts are read, without weights; None of an encoder that is not ours.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model's config or tokenizer cannot be loaded.
        """
        return self._holdings.planner()

    @property
    def needs_encoder_for_queries(self) -> bool:
        """Whether a query takes the encoder, which takes seconds to load, or has it loaded.

        Queries of the most common models are read without torch, which takes none.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The collection cannot be read.
        """
        return self._holdings.query_reader() is None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
