"""A collection's vectors and payload indexes, in the engine's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.vectors import named_vectors

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models

# The engine refuses a shard without vectors. No point ever has this one, and nothing shows it.
_PLACEHOLDER = "-"
_LONGEST_NAME = 200
_LARGEST_SIZE = 65536
_FORBIDDEN = '<>:"/\\|?*\0\x1f'
# What only says where an index lies or how a graph is built.
_PLACEMENT = ("type", "on_disk", "memory", "is_tenant", "is_principal", "enable_hnsw")
_PLAIN = (bool, int)


def shard_config(config: models.CreateCollection) -> edge.EdgeConfig:
    """The configuration of a collection's shard.

    Args:
        config: The collection's vectors.

    Raises:
        ValueError: A vector's name or size is one that Qdrant would not take.
    """
    import qdrant_edge as edge

    dense = named_vectors(config.vectors)
    sparse = dict(config.sparse_vectors or {})
    for name, params in dense.items():
        _require_vector_name(name, "dense")
        if not 1 <= params.size <= _LARGEST_SIZE:
            raise ValueError(
                f"Vector size {params.size} is invalid. Must be from 1 to {_LARGEST_SIZE}."
            )
    for name in sparse:
        _require_vector_name(name, "sparse")
        if not name or name in dense:
            raise ValueError(f"Sparse vector name {name!r} is empty or a dense vector's")
    vectors = {name: _dense(params) for name, params in dense.items()}
    sparse_vectors = {name: _sparse(params) for name, params in sparse.items()}
    if not vectors and not sparse_vectors:
        sparse_vectors = {_PLACEHOLDER: edge.EdgeSparseVectorParams()}
    return edge.EdgeConfig(vectors=vectors or None, sparse_vectors=sparse_vectors or None)


def _dense(params: models.VectorParams) -> edge.EdgeVectorParams:
    import qdrant_edge as edge

    several = params.multivector_config
    datatype = params.datatype
    return edge.EdgeVectorParams(
        size=params.size,
        distance=getattr(edge.Distance, params.distance.value.replace("Euclidean", "Euclid")),
        multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
        if several
        else None,
        datatype=getattr(edge.VectorStorageDatatype, datatype.value.capitalize())
        if datatype
        else None,
        # No graph, even if somebody optimizes the shard: building one takes minutes, and to
        # compare with every vector takes 10 ms at 60,000 points.
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
    )


def _sparse(params: models.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    import qdrant_edge as edge

    weighted = params.modifier is not None and params.modifier.value == "idf"
    return edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if weighted else None)


def _require_vector_name(name: str, kind: str) -> None:
    if len(name.encode()) > _LONGEST_NAME or name in (".", "..") or set(name) & set(_FORBIDDEN):
        raise ValueError(
            f"Invalid {kind} vector name `{name}`: at most {_LONGEST_NAME} bytes, not . or .., "
            f"none of {_FORBIDDEN[:-2]}"
        )


def field_index(given: Any) -> Any:
    """A payload index for the engine.

    Args:
        given: Its type, or its type with parameters.

    Raises:
        ValueError: The engine has no such index, or a parameter is not supported.
    """
    import qdrant_edge as edge

    kind = kind_of(given)
    if not hasattr(given, "model_dump"):
        return getattr(edge.PayloadSchemaType, kind.capitalize())
    options = {
        name: _option(name, value)
        for name, value in given
        if name not in _PLACEMENT and value is not None
    }
    return getattr(edge, f"{kind.capitalize()}IndexParams")(**options)


def _option(name: str, value: Any) -> Any:
    import qdrant_edge as edge

    if isinstance(value, _PLAIN):
        return value
    if name == "tokenizer":
        return getattr(edge.TokenizerType, value.value.capitalize())
    raise ValueError(f"the option {name}={value!r} of a payload index is not supported here")


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
