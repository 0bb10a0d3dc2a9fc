"""The collections in a folder: making, finding and removing them, for one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from longembed_rag.errors import StoreError
from longembed_rag.points.edge.collection import EdgeCollection
from longembed_rag.points.edge.engine import Shard, engine_errors, engine_version, require_engine
from longembed_rag.points.edge.folders import (
    CollectionFolder,
    Description,
    RootLock,
    read_folders,
    remove_unfinished,
    require_name,
)
from longembed_rag.points.edge.rewriting import mend
from longembed_rag.points.edge.schema import shard_config
from longembed_rag.points.seal import Seal


class EdgeCollections:
    """Collections in a folder, each a shard of Qdrant's own engine (qdrant-edge-py).

    One process at a time, any number of threads.

    Args:
        path: The folder, made when it is not there.
        read_only_of: The folder of the store that this is a copy of, to be read alone; None where
            it is the store itself.

    Raises:
        MissingDependencyError: qdrant-edge-py is not installed.
        RuntimeError: Somebody else holds the folder.
        ValueError: A collection's file is damaged.
        StoreDamagedError: A file is not as it was written.
    """

    def __init__(self, path: Path, *, read_only_of: Path | None = None) -> None:
        require_engine()
        self.read_only_of = read_only_of
        self.path = Path(path)
        self._lock = threading.RLock()
        self.path.mkdir(parents=True, exist_ok=True)
        self._root_lock = RootLock(self.path)
        self._closed = False
        self._changes = 0
        try:
            mend(self.path)
            self.seal = Seal(self.path, by=engine_version())
            self.seal.require_whole(self.path.parent)
            if self.seal.is_of_another and read_only_of is None:
                self.seal.break_up()  # set again by this version, whose files are others
            self._collections = {
                description.name: self._collection(description)
                for description in read_folders(self.path)
            }
        except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
            self._root_lock.release()
            raise

    def _collection(self, description: Description) -> EdgeCollection:
        folder = CollectionFolder(self.path, description.name)
        return EdgeCollection(folder, description, before_writing=self._before_writing)

    def _before_writing(self) -> None:
        if self.read_only_of is not None:
            raise StoreError(
                f"the store at {self.read_only_of} can only be read: its folder cannot be written "
                "to; copy it to where it can, or ask whoever owns it"
            )
        self.seal.break_up()

    def close(self) -> None:
        """Write out and close every collection and let other processes in; again is harmless."""
        with self._lock, ExitStack() as closing:
            self._closed = True
            closing.callback(self._root_lock.release)
            if not self._collections:
                return
            shards = [each.shard for each in self._collections.values()]
            self._collections.clear()
            with ExitStack() as each_of_them:  # goes on where one of them fails
                for shard in shards:
                    each_of_them.callback(shard.close)
            if self.seal.is_written:
                self._seal(shards)  # where none has failed

    def _seal(self, shards: Iterable[Shard]) -> None:
        """Seal the files; not on a disk that is too full to settle them, nor in another folder."""
        if not self.seal.is_in_place:
            return
        with suppress(StoreError, OSError, RuntimeError, ValueError):
            for shard in shards:
                shard.settle(always=not self.seal.was_set)
            self.seal.close()

    def flush(self) -> None:
        """Write out what is only in the log.

        Raises:
            RuntimeError: It cannot be written.
        """
        for name in self.names():
            self.get(name).shard.flush()

    @property
    def changes(self) -> int:
        """How often they were written to; a write counts once it is done."""
        with self._lock:
            return self._changes + sum(each.shard.changes for each in self._collections.values())

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError("the store is closed; open it again")

    def names(self) -> list[str]:
        """The collections there are."""
        with self._lock:
            self._require_open()
            return list(self._collections)

    def get(self, name: str) -> EdgeCollection:
        """A collection.

        Raises:
            ValueError: There is no such collection.
            RuntimeError: The store is closed.
        """
        with self._lock:
            self._require_open()
            if name not in self._collections:
                raise ValueError(f"Collection {name} not found")
            return self._collections[name]

    def make(self, description: Description) -> None:
        """Make a collection, whole or not at all.

        Args:
            description: What it is to be.

        Raises:
            ValueError: There is one of that name, or the description is wrong.
            RuntimeError: It cannot be made.
        """
        require_name(description.name)
        with engine_errors():
            config = shard_config(description)
        with self._lock:
            if description.name in self.names():
                raise ValueError(f"Collection {description.name} already exists")
            collection = self._collection(description)
            folder = collection.folder
            remove_unfinished(folder.path)
            folder.path.mkdir()
            try:
                collection.shard.create(config)
                folder.write(description)
            except BaseException:  # whatever it was, it goes on; only nothing half made must stay
                collection.shard.close(flush=False)
                folder.remove()
                raise
            self._collections[description.name] = collection
            self._changes += 1

    def drop(self, name: str) -> bool:
        """Remove a collection; False when there is none.

        Raises:
            RuntimeError: It cannot be removed.
        """
        with self._lock:
            self._require_open()
            if name not in self._collections:
                return False
            self._before_writing()
            collection = self._collections.pop(name)
            collection.shard.close(flush=False)
            self._changes += 1 + collection.shard.changes
            collection.folder.remove()
        return True
