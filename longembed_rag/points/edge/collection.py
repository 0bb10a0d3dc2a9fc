"""One collection of an EdgeClient: its shard, and what is known of it beside that."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.edge.schema import index_info, kind_of
from longembed_rag.points.edge.vectors import VectorLayout

if TYPE_CHECKING:
    from qdrant_client import models

    from longembed_rag.points.edge.folders import CollectionFolder, Description


class EdgeCollection:
    """One collection.

    Args:
        folder: Where it lies.
        description: What it is.
    """

    def __init__(self, folder: CollectionFolder, description: Description) -> None:
        self.folder = folder
        self.description = description
        self.layout = VectorLayout(description.config)
        self.shard = Shard(folder.shard)
        self._lock = threading.Lock()

    def note_index(self, field: str, schema: Any) -> None:
        """Note down a payload index of the shard; None that it is gone."""
        noted = schema
        if schema is not None:
            dumped = hasattr(schema, "model_dump")
            noted = schema.model_dump(mode="json", exclude_none=True) if dumped else kind_of(schema)
        with self._lock:
            indexes = {**self.description.indexes, field: noted}
            self._note(indexes={each: kind for each, kind in indexes.items() if kind is not None})

    def note_metadata(self, changes: Mapping[str, Any]) -> None:
        """Change the collection's metadata; as on servers, None removes a key."""
        from pydantic_core import to_jsonable_python

        with self._lock:
            merged = {**(self.description.metadata or {}), **to_jsonable_python(dict(changes))}
            self._note(metadata={key: value for key, value in merged.items() if value is not None})

    def _note(self, **changes: Any) -> None:
        description = replace(self.description, **changes)
        self.folder.write(description)
        self.description = description

    def with_vectors(self, given: Any) -> bool | list[str]:
        """Which vectors to give back; names that the points do not have are passed over.

        Raises:
            ValueError: It is neither a bool nor a list of names.
        """
        if given is None or isinstance(given, bool):
            return bool(given)
        if isinstance(given, (list, tuple)):
            return [name for name in given if name in self.layout.names]
        raise ValueError(f"with_vectors must be a bool or a list of vector names, got {given!r}")

    def info(self) -> models.CollectionInfo:
        """What the collection is and holds, as a QdrantClient tells it."""
        import qdrant_edge as edge
        from qdrant_client import models

        shard, count = self.shard.call(
            lambda shard: (shard.info(), shard.count(edge.CountRequest(exact=True)))
        )
        config = self.description.config
        return models.CollectionInfo(
            status=models.CollectionStatus.GREEN,
            optimizer_status=models.OptimizersStatusOneOf.OK,
            indexed_vectors_count=0,  # the engine counts the plain ones too; there is no graph
            points_count=count,
            segments_count=shard.segments_count,
            payload_schema={
                field: index_info(
                    index.data_type, index.points, self.description.indexes.get(field)
                )
                for field, index in shard.payload_schema.items()
            },
            config=models.CollectionConfig(
                params=models.CollectionParams(
                    vectors=config.vectors, sparse_vectors=config.sparse_vectors
                ),
                hnsw_config=models.HnswConfig(m=0, ef_construct=4, full_scan_threshold=10),
                optimizer_config=models.OptimizersConfig(
                    deleted_threshold=0.2,
                    vacuum_min_vector_number=1000,
                    default_segment_number=0,
                    flush_interval_sec=5,
                ),
                metadata=self.description.metadata,
            ),
        )
