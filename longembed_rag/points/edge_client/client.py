"""EdgeClient: Qdrant's own engine in this process, behind the methods of a QdrantClient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.collections import EdgeCollections
from longembed_rag.points.edge.folders import Description
from longembed_rag.points.edge_client.async_client import AsyncEdgeClient
from longembed_rag.points.edge_client.reading import Reads
from longembed_rag.points.edge_client.schema import collection_info
from longembed_rag.points.edge_client.writing import Writes

if TYPE_CHECKING:
    from qdrant_client import models

    from longembed_rag.points.edge.collection import EdgeCollection


class EdgeClient(Reads, Writes):
    """The collections of an embedded store, for who expects a ``QdrantClient``.

    Takes the place of a ``QdrantClient(path=...)``, with the same methods, but not of its other
    classes: it is not a ``QdrantClient``. One process at a time, any number of threads. Searches
    compare with every vector; there are no graphs to build.

    Args:
        place: A folder, made when it is not there, or its collections, opened already; those are
            closed with the client all the same.

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

    def __init__(self, place: Path | EdgeCollections) -> None:
        self.collections = EdgeCollections(place) if isinstance(place, Path) else place

    @property
    def init_options(self) -> dict[str, Any]:
        """What the client was made with, as a QdrantClient tells it."""
        return {"path": str(self.collections.path)}

    @property
    def aclient(self) -> AsyncEdgeClient:
        """The same methods over the same collections as an ``AsyncQdrantClient`` has them."""
        return AsyncEdgeClient(self)

    def close(self, **kwargs: Any) -> None:
        """Write out and close every collection and let other processes in; again is harmless."""
        self.collections.close()

    def _collection(self, name: str) -> EdgeCollection:
        return self.collections.get(name)

    def collection_exists(self, collection_name: str, **kwargs: Any) -> bool:
        """Whether there is such a collection."""
        return collection_name in self.collections.names()

    def get_collections(self, **kwargs: Any) -> models.CollectionsResponse:
        """The collections there are."""
        from qdrant_client.models import CollectionDescription, CollectionsResponse

        names = self.collections.names()
        return CollectionsResponse(collections=[CollectionDescription(name=each) for each in names])

    def get_collection(self, collection_name: str, **kwargs: Any) -> models.CollectionInfo:
        """What a collection is and holds.

        Raises:
            ValueError: There is no such collection.
            RuntimeError: It cannot be read.
        """
        return collection_info(self._collection(collection_name))

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

        config = CreateCollection(
            vectors=dict(vectors_config or {})
            if vectors_config is None or isinstance(vectors_config, Mapping)
            else vectors_config,
            sparse_vectors=None if sparse_vectors_config is None else dict(sparse_vectors_config),
        ).model_dump(mode="json", exclude_none=True)
        self.collections.make(
            Description(
                name=collection_name,
                vectors=config["vectors"],
                sparse_vectors=config.get("sparse_vectors", {}),
                metadata=None if metadata is None else to_jsonable_python(dict(metadata)),
            )
        )
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
        from pydantic_core import to_jsonable_python

        collection = self._collection(collection_name)
        if metadata is None:
            return False
        collection.note_metadata(to_jsonable_python(dict(metadata)))
        return True

    def delete_collection(self, collection_name: str, **kwargs: Any) -> bool:
        """Remove a collection; False when there is none.

        Raises:
            RuntimeError: It cannot be removed.
        """
        return self.collections.drop(collection_name)
