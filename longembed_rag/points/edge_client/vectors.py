"""Points and vectors, between qdrant_client's models and the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.vectors import UNNAMED, VectorLayout, make_point

if TYPE_CHECKING:
    import qdrant_edge as edge
    from qdrant_client import models


def convert_points(given: Any, layout: VectorLayout) -> list[edge.Point]:
    """Points for the engine.

    Args:
        given: A list of points, or a batch.
        layout: Which vectors they may have.

    Raises:
        ValueError: There are none, or one is malformed.
    """
    if hasattr(given, "ids"):
        rows = _batch_rows(given)
    else:
        rows = [(point.id, point.vector, point.payload) for point in given]
    if not rows:
        raise ValueError("Empty update request")
    return [
        make_point(identity, layout.convert_all(vector), payload)
        for identity, vector, payload in rows
    ]


def _batch_rows(batch: models.Batch) -> list[tuple[Any, Any, Any]]:
    count = len(batch.ids)
    vectors: Any = batch.vectors
    columns = dict(vectors) if isinstance(vectors, Mapping) else {UNNAMED: vectors}
    payloads = batch.payloads if batch.payloads is not None else [None] * count
    for column in (payloads, *columns.values()):
        if len(column) != count:
            raise ValueError(f"a batch of {count} ids has {len(column)} vectors or payloads")
    return [
        (batch.ids[row], {name: column[row] for name, column in columns.items()}, payloads[row])
        for row in range(count)
    ]


def plain_vectors(given: Any) -> Any:
    """A point's vectors as a QdrantClient gives them back."""
    if not isinstance(given, dict):
        return given
    if len(given) == 1 and UNNAMED in given:
        return given[UNNAMED]
    return {name: _plain(vector) for name, vector in given.items()}


def _plain(vector: Any) -> Any:
    from qdrant_client.models import SparseVector

    if isinstance(vector, list):
        return vector
    return SparseVector.model_construct(indices=vector.indices, values=vector.values)
