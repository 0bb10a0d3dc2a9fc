"""What the engine answers, as qdrant_client's models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from longembed_rag.points.edge.convert import plain_id
from longembed_rag.points.edge_client.vectors import plain_vectors

if TYPE_CHECKING:
    import qdrant_edge as edge
    from pydantic import BaseModel, TypeAdapter
    from qdrant_client import models

    Model = TypeVar("Model", bound=BaseModel)


def scored_points(
    hits: Sequence[edge.ScoredPoint], *, with_vectors: bool
) -> list[models.ScoredPoint]:
    """Hits of a query.

    Args:
        hits: The engine's.
        with_vectors: Whether they have vectors.
    """
    from qdrant_client.models import ScoredPoint

    rows = [
        {
            "id": plain_id(hit.id),
            "version": hit.version,
            "score": hit.score,
            "payload": hit.payload,
        }
        for hit in hits
    ]
    return _built(ScoredPoint, rows, hits, with_vectors=with_vectors)


def records(found: Sequence[edge.Record], *, with_vectors: bool) -> list[models.Record]:
    """Points that were looked up.

    Args:
        found: The engine's.
        with_vectors: Whether they have vectors.
    """
    from qdrant_client.models import Record

    rows: list[dict[str, Any]] = [
        {"id": plain_id(each.id), "payload": each.payload} for each in found
    ]
    return _built(Record, rows, found, with_vectors=with_vectors)


def _built(
    model: type[Model],
    rows: list[dict[str, Any]],
    found: Sequence[edge.ScoredPoint | edge.Record],
    *,
    with_vectors: bool,
) -> list[Model]:
    """Models of rows; 1,000 hits have to take less time than the search for them."""
    if found and found[0].order_value is not None:
        for row, each in zip(rows, found, strict=True):
            row["order_value"] = each.order_value
    if not with_vectors:
        # All at once and validated, in Rust: faster than one by one unvalidated, in Python.
        return _lists_of(model).validate_python(rows)
    # Unvalidated: validation would go through every number of every vector.
    return [
        model.model_construct(**row, vector=plain_vectors(each.vector))
        for row, each in zip(rows, found, strict=True)
    ]


@cache
def _lists_of(model: type[Model]) -> TypeAdapter[list[Model]]:
    from pydantic import TypeAdapter

    return TypeAdapter(list[model])  # type: ignore[valid-type]


def completed() -> models.UpdateResult:
    """The answer to a write that is done."""
    from qdrant_client.models import UpdateResult, UpdateStatus

    return UpdateResult(operation_id=0, status=UpdateStatus.COMPLETED)
