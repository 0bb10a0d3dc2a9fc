"""The collections in a folder: making, finding and removing them, for one process at a time."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from longembed_rag.points.edge.collection import EdgeCollection
from longembed_rag.points.edge.engine import engine_errors, require_engine
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

    Raises:
        MissingDependencyError: qdrant-edge-py is not installed.
        RuntimeError: Somebody else holds the folder.
        ValueError: A collection's file is damaged.
        StoreDamagedError: A file is not as it was written.
    """

    def __init__(self, path: Path) -> None:
        require_engine()
        self.path = Path(path)
        self._lock = threading.RLock()
        self.path.mkdir(parents=True, exist_ok=True)
        self._root_lock = RootLock(self.path)
        self._closed = False
        try:
            mend(self.path)
            self.seal = Seal(self.path)
            self.seal.require_whole(self.path.parent)
            self._collections = {
                description.name: self._collection(description)
                for description in read_folders(self.path)
            }
        except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
            self._root_lock.release()
            raise

    def _collection(self, description: Description) -> EdgeCollection:
        folder = CollectionFolder(self.path, description.name)
        return EdgeCollection(folder, description, before_writing=self.seal.break_up)

    def close(self) -> None:
        """Write out and close every collection and let other processes in; again is harmless."""
        with self._lock, ExitStack() as closing:
            self._closed = True
            closing.callback(self._root_lock.release)
            if not self._collections:
                return
            with ExitStack() as shards:  # goes on where one of them fails
                while self._collections:
                    shards.callback(self._collections.popitem()[1].shard.close)
            self.seal.close()  # where none has failed

    def flush(self) -> None:
        """Write out what is only in the log.

        Raises:
            RuntimeError: It cannot be written.
        """
        for name in self.names():
            self.get(name).shard.flush()

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

    def drop(self, name: str) -> bool:
        """Remove a collection; False when there is none.

        Raises:
            RuntimeError: It cannot be removed.
        """
        with self._lock:
            self._require_open()
            collection = self._collections.pop(name, None)
            if collection is None:
                return False
            self.seal.break_up()
            collection.shard.close(flush=False)
            collection.folder.remove()
        return True
