"""A collection's vectors and payload indexes, in the engine's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.vectors import named_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    import qdrant_edge as edge

    from longembed_rag.points.edge.folders import Description

# The engine refuses a shard without vectors. No point ever has this one, and nothing shows it.
_PLACEHOLDER = "-"
_LONGEST_NAME = 200
_LARGEST_SIZE = 65536
_FORBIDDEN = '<>:"/\\|?*\0\x1f'
# What only says where an index lies or how a graph is built.
_PLACEMENT = ("type", "on_disk", "memory", "is_tenant", "is_principal", "enable_hnsw")


def shard_config(description: Description) -> edge.EdgeConfig:
    """The configuration of a collection's shard.

    Args:
        description: What the collection is.

    Raises:
        ValueError: A vector's name or size is one that Qdrant would not take.
    """
    import qdrant_edge as edge

    dense, sparse = named_vectors(description.vectors), description.sparse_vectors
    for name, params in dense.items():
        _require_vector_name(name, "dense")
        if not 1 <= params["size"] <= _LARGEST_SIZE:
            raise ValueError(
                f"Vector size {params['size']} is invalid. Must be from 1 to {_LARGEST_SIZE}."
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


def _dense(params: Mapping[str, Any]) -> edge.EdgeVectorParams:
    import qdrant_edge as edge

    datatype = params.get("datatype")
    return edge.EdgeVectorParams(
        size=params["size"],
        distance=getattr(edge.Distance, params["distance"].replace("Euclidean", "Euclid")),
        multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
        if params.get("multivector_config")
        else None,
        datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()) if datatype else None,
        # No graph, even if somebody optimizes the shard: building one takes minutes, and to
        # compare with every vector takes 10 ms at 60,000 points.
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
    )


def _sparse(params: Mapping[str, Any]) -> edge.EdgeSparseVectorParams:
    import qdrant_edge as edge

    weighted = params.get("modifier") == "idf"
    return edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if weighted else None)


def _require_vector_name(name: str, kind: str) -> None:
    if len(name.encode()) > _LONGEST_NAME or name in (".", "..") or set(name) & set(_FORBIDDEN):
        raise ValueError(
            f"Invalid {kind} vector name `{name}`: at most {_LONGEST_NAME} bytes, not . or .., "
            f"none of {_FORBIDDEN[:-2]}"
        )


def field_index(kind: str) -> Any:
    """A payload index for the engine.

    Args:
        kind: ``"keyword"``, ``"integer"`` and so on.
    """
    import qdrant_edge as edge

    return getattr(edge.PayloadSchemaType, kind.capitalize())


def noted_index(noted: Any) -> Any:
    """A payload index for the engine, as it is noted down with a collection.

    Args:
        noted: Its type, or its type with parameters, JSON values.

    Raises:
        ValueError: A parameter is not supported.
    """
    import qdrant_edge as edge

    if not isinstance(noted, dict):
        return field_index(str(noted))
    options = {
        name: _option(name, value) for name, value in noted.items() if name not in _PLACEMENT
    }
    return getattr(edge, f"{noted['type'].capitalize()}IndexParams")(**options)


def _option(name: str, value: Any) -> Any:
    import qdrant_edge as edge

    if isinstance(value, bool | int):
        return value
    if name == "tokenizer":
        return getattr(edge.TokenizerType, value.capitalize())
    raise ValueError(f"the option {name}={value!r} of a payload index is not supported here")
