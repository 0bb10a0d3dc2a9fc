"""Collections and payload indexes, between qdrant_client's models and the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.schema import noted_index as schema_of

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models

    from longembed_rag.points.edge.collection import EdgeCollection


def noted_index(schema: Any) -> Any:
    """How an index was asked for, as JSON values; None stays None."""
    if schema is None or not hasattr(schema, "model_dump"):
        return None if schema is None else kind_of(schema)
    return schema.model_dump(mode="json", exclude_none=True)


def index_of(given: Any) -> Any:
    """A payload index for the engine.

    Args:
        given: Its type, or its type with parameters.

    Raises:
        ValueError: The engine has no such index, or a parameter is not supported.
    """
    return schema_of(noted_index(given))


def kind_of(given: Any) -> str:
    """The type of a payload index: ``keyword``, ``integer`` and so on.

    Raises:
        ValueError: It is no such type.
    """
    from qdrant_client.models import PayloadSchemaType

    kind = getattr(given, "type", given)
    return PayloadSchemaType(getattr(kind, "value", kind)).value


def index_info(kind: edge.PayloadSchemaType, points: int, noted: Any) -> models.PayloadIndexInfo:
    """A payload index as a QdrantClient shows it.

    Args:
        kind: The engine's type.
        points: Number of points in it.
        noted: How it was asked for, as JSON values.
    """
    from qdrant_client.models import PayloadIndexInfo

    return PayloadIndexInfo.model_validate(
        {
            "data_type": str(kind).rpartition(".")[2].lower(),
            "points": points,
            "params": noted if isinstance(noted, dict) else None,
        }
    )


def collection_info(collection: EdgeCollection) -> models.CollectionInfo:
    """What a collection is and holds, as a QdrantClient tells it."""
    import qdrant_edge as edge
    from qdrant_client import models

    shard, count = collection.shard.call(
        lambda shard: (shard.info(), shard.count(edge.CountRequest(exact=True)))
    )
    description = collection.description
    config = models.CreateCollection(
        vectors=description.vectors,
        sparse_vectors=description.sparse_vectors or None,
    )
    return models.CollectionInfo(
        status=models.CollectionStatus.GREEN,
        optimizer_status=models.OptimizersStatusOneOf.OK,
        indexed_vectors_count=0,  # the engine counts the plain ones too; there is no graph
        points_count=count,
        segments_count=shard.segments_count,
        payload_schema={
            field: index_info(index.data_type, index.points, description.indexes.get(field))
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
            metadata=description.metadata,
        ),
    )
