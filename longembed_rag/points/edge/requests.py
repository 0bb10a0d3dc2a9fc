"""From the port's points and queries to the engine's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import convert_filter, plain_id
from longembed_rag.points.edge.engine import engine_errors
from longembed_rag.points.edge.vectors import plain_vectors
from longembed_rag.points.values import Ask, Hit, Point, Stored, is_empty

if TYPE_CHECKING:
    import qdrant_edge as edge

    from longembed_rag.points.edge.collection import EdgeCollection


_NOTHING: dict[str, Any] = {}  # one for all: hundreds of hits have no payload


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


def search(collection: EdgeCollection, asks: Sequence[Ask]) -> list[list[Hit]]:
    """What each of several queries finds, best first; they are put to the engine together.

    Raises:
        ValueError: A query is wrong.
        RuntimeError: The collection cannot be read.
    """
    import qdrant_edge as edge

    found: list[list[Hit]] = [[] for _ in asks]
    # The engine compares neighbours that differ in their vectors only in one go.
    owners = sorted(
        (number for number, each in enumerate(asks) if not each.finds_nothing),
        key=lambda number: (asks[number].using, asks[number].limit, asks[number].filter is None),
    )
    if not owners:
        return found
    # Several queries share a filter, which may name thousands of ids.
    filters = {id(given): given for each in asks for given in (each.filter, each.corpus)}
    with engine_errors():
        converted_filters = {key: convert_filter(each) for key, each in filters.items()}
        corpora = {
            key: edge.SearchParams(idf=edge.IdfParams(corpus=converted_filters[key]))
            for key in {id(each.corpus) for each in asks if each.corpus is not None}
        }
        requests = [
            edge.QueryRequest(
                limit=asks[owner].limit,
                offset=0,
                query=edge.Query.Nearest(
                    collection.layout.convert(asks[owner].using, asks[owner].vector),
                    using=asks[owner].using,
                ),
                filter=converted_filters[id(asks[owner].filter)],
                params=corpora.get(id(asks[owner].corpus)),
                with_payload=list(asks[owner].keys) if asks[owner].keys else False,
                with_vector=False,
            )
            for owner in owners
        ]
        batch = edge.QueryBatchRequest(requests)
    answers = collection.shard.call(lambda shard: shard.query_batch(batch))
    for owner, answer in zip(owners, answers, strict=True):
        names = collection.names.of(answer)
        payloads: Iterable[dict[str, Any]] = repeat(_NOTHING, len(answer))
        if asks[owner].keys:
            payloads = [each.payload or _NOTHING for each in answer]
        scores = [each.score for each in answer]
        found[owner] = list(map(Hit._make, zip(names, scores, payloads, strict=True)))
    return found


def stored(found: edge.Record, *, vectors: bool) -> Stored:
    """A point that was read, with its vectors if it has them."""
    return Stored(
        str(plain_id(found.id)), found.payload or {}, plain_vectors(found.vector) if vectors else {}
    )


def selected(keys: Sequence[str] | None) -> bool | list[str]:
    """What of a payload is read; for an empty list the engine would read all, and give nothing."""
    return keys is None or (list(keys) or False)


def named(vectors: bool | Sequence[str]) -> bool | list[str]:
    """Which vectors come along."""
    return vectors if isinstance(vectors, bool) else list(vectors)
