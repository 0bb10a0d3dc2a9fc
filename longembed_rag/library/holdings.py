"""What a library holds: a store, open once there is one, and a model, loaded once it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, TypedDict

from longembed_rag.errors import (
    CollectionNotFoundError,
    SettingsError,
    StoreDamagedError,
    StoreError,
)
from longembed_rag.library.models import Models
from longembed_rag.points.addresses import masked_url
from longembed_rag.points.connection import GIVEN_CLIENT, has_store
from longembed_rag.points.locking import require_wait
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.naming import require_name
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.tenants import require_one_shard
from longembed_rag.store.values import CollectionRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from longembed_rag.points.nearness import Nearness
    from longembed_rag.points.seal import Damage


class OpenOptions(TypedDict):
    """How :meth:`DocumentStore.open` is called."""

    path: Path | None
    url: str | None
    client: Any
    collection: str
    api_key: str | None
    timeout: float
    retries: Any
    wait: float
    on_wait: Callable[[str], None] | None
    nearness: Nearness | None


@dataclass(kw_only=True)
class Holdings(Models):
    """A store and a model, each when it is first needed.

    Attributes:
        where: Where the collection lies, as :meth:`DocumentStore.open` takes it.
        keeping: What was said of how a collection keeps its documents, by name.
        storage: How a server is to keep the vectors of a new collection.
        writing: Held by whoever writes; there is one at a time.
    """

    where: OpenOptions = field(repr=False)  # it may hold a key
    keeping: Mapping[str, Any]
    storage: StorageOptions
    writing: Any = field(default_factory=RLock)
    _store: DocumentStore | None = None
    _whole: DocumentStore | None = None
    _closed: bool = False
    _opening: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_name(self.where["collection"])
        require_wait(self.where["wait"])
        require_one_shard(IndexOptions(**self.keeping).tenant_field, self.storage)
        with suppress(StoreDamagedError):  # said again to whoever uses it, until it is mended
            self.find_store()

    @property
    def location(self) -> str:
        """Folder or address."""
        if self._store is not None:
            return self._store.location
        if (url := self.where["url"]) is not None:
            return masked_url(url)
        return str(self.where["path"] or GIVEN_CLIENT)

    def find_store(self) -> DocumentStore | None:
        """The store, opened now if there is one; a folder without one is left as it is.

        Raises:
            StoreLockedError: Another process holds it.
            StoreError: It cannot be opened, or the library is closed.
        """
        path = self.where["path"]
        with self._opening:
            if self._closed:
                raise StoreError(f"the library at {self.location} is closed; open it again")
            if self._store is None and (path is None or has_store(path)):
                self._store = DocumentStore.open(**self.where)
            return self._store

    def salvage(self, *, once: bool = False) -> list[Damage]:
        """Make an embedded store whole again whose files were damaged; gives the files.

        Args:
            once: Whether to believe a store that was found whole since it was opened: all of its
                files are read for it.

        Raises:
            StoreLockedError: Another process holds it.
            StoreError: It cannot be opened or made whole, or the library is closed.
        """
        try:
            store = self.find_store()
            if store is None or (once and store is self._whole):
                return []
            if not store.place.points.damages():
                self._whole = store
                return []
        except StoreDamagedError:
            pass
        from longembed_rag.store.salvage import salvage

        with self._closed_for_a_while():
            return salvage(self._folder)

    def purge(self) -> None:
        """Write an embedded store anew, without what was removed from it.

        Raises:
            SettingsError: It is not in a folder.
            StoreError: It cannot be opened or written, or the library is closed.
        """
        if self.where["path"] is None:
            raise SettingsError(
                "only the files of an embedded store can be purged: a Qdrant server takes what was "
                "removed out of its files by itself, when it next optimises a segment"
            )
        from longembed_rag.store.salvage import purge

        self.store()
        with self._closed_for_a_while():
            purge(self._folder)

    @contextmanager
    def _closed_for_a_while(self) -> Iterator[None]:
        """The store is closed, and opened again when it is next needed."""
        with self._opening:
            if self._store is not None:
                self._store.close()
            self._store = self._whole = None
            self.check_again()
            yield

    def damages(self) -> list[Damage]:
        """The damaged files of a store that cannot be opened for them.

        Raises:
            StoreLockedError: Another process holds it.
        """
        from longembed_rag.store.salvage import find_damages

        return find_damages(self._folder)

    @property
    def _folder(self) -> Path:
        return Path(str(self.where["path"])).expanduser().absolute()

    def store(self) -> DocumentStore:
        """The store to read from.

        Raises:
            CollectionNotFoundError: There is none yet.
            StoreError: It cannot be opened.
        """
        store = self.find_store()
        if store is None:
            raise CollectionNotFoundError(
                f"there is no store at {self.location}; run 'longembed-rag ingest PATH...' or "
                "Library.ingest first, or name the right folder with --path or path="
            )
        return store

    def made_store(self) -> DocumentStore:
        """The store to write to, which is made where there is none.

        Raises:
            StoreError: It cannot be opened or made.
        """
        store = self.find_store()
        if store is not None:
            return store
        with self._opening:
            if self._store is None:
                self._store = DocumentStore.open(**self.where)
            return self._store

    def record(self) -> CollectionRecord | None:
        """What the collection says of itself; None where there is none."""
        store = self.find_store()
        return None if store is None else store.record()

    def index_options(self, record: CollectionRecord | None) -> IndexOptions | None:
        """How documents are to be kept; None says nothing of it."""
        if not self.keeping:
            return None
        if record is None:
            return IndexOptions(**self.keeping)
        return replace(record.options, **self.keeping)

    def close(self) -> None:
        """Close the store when nobody writes to it any more; again is harmless."""
        with self.writing, self._opening:
            self._closed = True
            if self._store is not None:
                self._store.close()


class Part:
    """A part of a library's methods.

    Args:
        holdings: What they work with.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
