"""EdgeClient: Qdrant's own engine in this process, behind the methods of a QdrantClient."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from longembed_rag.points.edge.reading import Reads
from longembed_rag.points.edge.schema import shard_config
from longembed_rag.points.edge.writing import Writes

if TYPE_CHECKING:
    from qdrant_client import models


class EdgeClient(Reads, Writes):
    """Collections in a folder, each a shard of Qdrant's own engine (qdrant-edge-py).

    Takes the place of a ``QdrantClient(path=...)``, with the same methods, but not of its other
    classes: it is not a ``QdrantClient``. One process at a time, any number of threads. Searches
    compare with every vector; there are no graphs to build.

    Args:
        path: The folder, made when it is not there.

    Raises:
        MissingDependencyError: qdrant-edge-py is not installed.
        RuntimeError: Another client holds the folder.
        ValueError: A collection's file is damaged.

    Example:
        >>> client = EdgeClient(Path("store"))
        >>> client.create_collection("c", VectorParams(size=2, distance=Distance.COSINE))
        >>> client.upsert("c", [PointStruct(id=1, vector=[1.0, 0.0], payload={})])
        >>> client.query_points("c", [1.0, 0.0]).points[0].id
        1
    """

    def __init__(self, path: Path) -> None:
        require_engine()
        self._path = Path(path)
        self._lock = threading.RLock()
        self._path.mkdir(parents=True, exist_ok=True)
        self._root_lock = RootLock(self._path)
        self._closed = False
        try:
            self._collections = {
                description.name: EdgeCollection(
                    CollectionFolder(self._path, description.name), description
                )
                for description in read_folders(self._path)
            }
        except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
            self._root_lock.release()
            raise

    @property
    def init_options(self) -> dict[str, Any]:
        """What the client was made with, as a QdrantClient tells it."""
        return {"path": str(self._path)}

    def close(self, **kwargs: Any) -> None:
        """Write out and close every collection and let other processes in; again is harmless."""
        with self._lock, ExitStack() as closing:  # goes on where one of them fails
            self._closed = True
            closing.callback(self._root_lock.release)
            while self._collections:
                closing.callback(self._collections.popitem()[1].shard.close)

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError("EdgeClient instance is closed. Please create a new instance.")

    def _collection(self, name: str) -> EdgeCollection:
        with self._lock:
            self._require_open()
            if name not in self._collections:
                raise ValueError(f"Collection {name} not found")
            return self._collections[name]

    def collection_exists(self, collection_name: str, **kwargs: Any) -> bool:
        """Whether there is such a collection."""
        with self._lock:
            self._require_open()
            return collection_name in self._collections

    def get_collections(self, **kwargs: Any) -> models.CollectionsResponse:
        """The collections there are."""
        from qdrant_client.models import CollectionDescription, CollectionsResponse

        with self._lock:
            self._require_open()
            return CollectionsResponse(
                collections=[CollectionDescription(name=name) for name in self._collections]
            )

    def get_collection(self, collection_name: str, **kwargs: Any) -> models.CollectionInfo:
        """What a collection is and holds.

        Raises:
            ValueError: There is no such collection.
            RuntimeError: It cannot be read.
        """
        return self._collection(collection_name).info()

    def create_collection(
        self,
        collection_name: str,
        vectors_config: models.VectorParams | Mapping[str, models.VectorParams] | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Make a collection; options that say where and how a server stores it are passed over.

        Args:
            collection_name: Its name.
            vectors_config: Its dense vectors; none makes one of payloads only.
            sparse_vectors_config: Its sparse vectors.
            metadata: What to note down with it, JSON.
            **kwargs: Passed over.

        Raises:
            ValueError: There is one of that name, or an argument is wrong.
            RuntimeError: It cannot be made.
        """
        from pydantic_core import to_jsonable_python
        from qdrant_client.models import CreateCollection

        require_name(collection_name)
        config = CreateCollection(
            vectors=dict(vectors_config or {})
            if vectors_config is None or isinstance(vectors_config, Mapping)
            else vectors_config,
            sparse_vectors=None if sparse_vectors_config is None else dict(sparse_vectors_config),
        )
        with engine_errors():
            shard = shard_config(config)
        description = Description(
            name=collection_name,
            config=config,
            metadata=None if metadata is None else to_jsonable_python(dict(metadata)),
        )
        with self._lock:
            if self.collection_exists(collection_name):
                raise ValueError(f"Collection {collection_name} already exists")
            folder = CollectionFolder(self._path, collection_name)
            remove_unfinished(folder.path)
            folder.path.mkdir()
            collection = EdgeCollection(folder, description)
            try:
                collection.shard.create(shard)
                folder.write(description)
            except BaseException:  # whatever it was, it goes on; only nothing half made must stay
                collection.shard.close(flush=False)
                folder.remove()
                raise
            self._collections[collection_name] = collection
        return True

    def update_collection(
        self, collection_name: str, metadata: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> bool:
        """Change what is noted down with a collection; other options are passed over.

        Args:
            collection_name: Its name.
            metadata: Keys to set, JSON; those that are None are removed, others stay.
            **kwargs: Passed over.

        Raises:
            ValueError: There is no such collection, or its vectors were to change.
        """
        if kwargs.get("vectors_config") or kwargs.get("sparse_vectors_config"):
            raise ValueError("the vectors of a collection of the embedded engine cannot change")
        collection = self._collection(collection_name)
        if metadata is None:
            return False
        collection.note_metadata(metadata)
        return True

    def delete_collection(self, collection_name: str, **kwargs: Any) -> bool:
        """Remove a collection; False when there is none.

        Raises:
            RuntimeError: It cannot be removed.
        """
        with self._lock:
            self._require_open()
            collection = self._collections.pop(collection_name, None)
            if collection is None:
                return False
            collection.shard.close(flush=False)
            collection.folder.remove()
        return True
