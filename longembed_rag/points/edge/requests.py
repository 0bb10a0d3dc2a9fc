"""From the port's points and queries to the engine's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import convert_filter, plain_id
from longembed_rag.points.edge.engine import engine_errors
from longembed_rag.points.edge.vectors import plain_vectors
from longembed_rag.points.values import Ask, Hit, Point, Stored, is_empty

if TYPE_CHECKING:
    import qdrant_edge as edge

    from longembed_rag.points.edge.collection import EdgeCollection


def emptied(points: Iterable[Point]) -> Iterator[tuple[Point, str]]:
    """Points with the names of their sparse vectors that are empty."""
    for point in points:
        for name, vector in point.vectors.items():
            if is_empty(vector):
                yield point, name


def converted(collection: EdgeCollection, point: Point) -> dict[str, Any]:
    """A point's vectors; sparse ones that are empty are left out.

    Raises:
        ValueError: One is malformed, or the points of this collection have no such vector.
    """
    return {
        name: collection.layout.convert(name, vector)
        for name, vector in point.vectors.items()
        if not is_empty(vector)
    }


def hits(collection: EdgeCollection, ask: Ask) -> list[Hit]:
    """What a query finds, best first.

    Raises:
        ValueError: The query is wrong.
        RuntimeError: The collection cannot be read.
    """
    import qdrant_edge as edge

    with engine_errors():
        request = edge.QueryRequest(
            limit=ask.limit,
            offset=0,
            query=edge.Query.Nearest(
                collection.layout.convert(ask.using, ask.vector), using=ask.using
            ),
            filter=convert_filter(ask.filter),
            with_payload=list(ask.keys) if ask.keys else False,
            with_vector=False,
        )
    found = collection.shard.call(lambda shard: shard.query(request))
    return [Hit(str(plain_id(each.id)), each.score, each.payload or {}) for each in found]


def stored(found: edge.Record, *, vectors: bool) -> Stored:
    """A point that was read, with its vectors if it has them."""
    return Stored(
        str(plain_id(found.id)), found.payload or {}, plain_vectors(found.vector) if vectors else {}
    )
