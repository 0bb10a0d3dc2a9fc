"""Queries, from qdrant_client's models to the engine's requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from longembed_rag.points.edge.convert import (
    convert_filter,
    convert_payload_selector,
    point_id,
)
from longembed_rag.points.edge.vectors import UNNAMED
from longembed_rag.points.edge_client.vectors import plain_vectors

if TYPE_CHECKING:
    import qdrant_edge as edge

    from longembed_rag.points.edge.collection import EdgeCollection

_RRF_K = 2  # Qdrant's default


def query_request(
    collection: EdgeCollection,
    *,
    query: Any,
    using: str | None,
    prefetch: Any = None,
    query_filter: Any = None,
    search_params: Any = None,
    limit: int = 10,
    offset: int | None = None,
    with_payload: Any = True,
    with_vectors: Any = False,
    score_threshold: float | None = None,
) -> edge.QueryRequest:
    """A query for the engine; the arguments are those of ``QdrantClient.query_points``.

    Raises:
        ValueError: An argument is out of range, or the engine has no such query.
    """
    import qdrant_edge as edge

    if limit < 1:
        raise ValueError(f"limit value {limit} is invalid. Must be 1 or larger.")
    if offset is not None and offset < 0:
        raise ValueError(f"offset value {offset} is invalid. Must be 0 or larger.")
    scoring, query_filter = _resolve(
        collection, query, using, prefetch, query_filter, score_threshold
    )
    return edge.QueryRequest(
        limit=limit,
        offset=offset or 0,
        query=scoring,
        prefetches=_prefetches(collection, prefetch),
        filter=convert_filter(query_filter),
        score_threshold=score_threshold,
        params=_search_params(search_params),
        with_payload=convert_payload_selector(with_payload),
        with_vector=collection.with_vectors(with_vectors),
    )


def _prefetches(collection: EdgeCollection, given: Any) -> list[edge.Prefetch]:
    import qdrant_edge as edge

    made = []
    for each in given if isinstance(given, (list, tuple)) else [given] if given else []:
        if each.lookup_from is not None:
            raise ValueError("lookup_from is not supported by the embedded engine")
        scoring, query_filter = _resolve(
            collection, each.query, each.using, each.prefetch, each.filter, each.score_threshold
        )
        made.append(
            edge.Prefetch(
                limit=10 if each.limit is None else each.limit,
                query=scoring,
                prefetches=_prefetches(collection, each.prefetch),
                params=_search_params(each.params),
                filter=convert_filter(query_filter),
                score_threshold=each.score_threshold,
            )
        )
    return made


def _resolve(
    collection: EdgeCollection,
    query: Any,
    using: str | None,
    prefetch: Any,
    query_filter: Any,
    score_threshold: float | None,
) -> tuple[Any, Any]:
    """The query for the engine, and the filter, which leaves out a point asked with."""
    if query is None:
        if prefetch:
            raise ValueError("A query is needed to merge the prefetches.")
        if score_threshold is not None:
            raise ValueError("A query is needed to use the score_threshold.")
        return None, query_filter
    kind = type(query).__name__
    if kind in _other_queries():
        return _other_queries()[kind](query), query_filter
    if kind == "NearestQuery":
        if getattr(query, "mmr", None) is not None:
            raise ValueError("mmr is not supported by the embedded engine")
        query = query.nearest
    elif hasattr(query, "model_dump") and kind != "SparseVector":
        known = ", ".join(["NearestQuery", *_other_queries()])
        raise ValueError(
            f"{kind} is not supported by the embedded engine; it takes vectors, ids and {known}"
        )
    name = UNNAMED if using is None else using
    if isinstance(query, (int, str, UUID)):
        return _by_id(collection, query, name, query_filter)
    return _nearest(collection, query, name), query_filter


def _nearest(collection: EdgeCollection, vector: Any, name: str) -> Any:
    import qdrant_edge as edge

    return edge.Query.Nearest(collection.layout.convert(name, vector), using=name)


def _by_id(
    collection: EdgeCollection, given: int | str | UUID, name: str, query_filter: Any
) -> tuple[Any, Any]:
    from qdrant_client import models

    collection.layout.require(name)
    identity = point_id(given)
    found = collection.shard.call(lambda shard: shard.retrieve([identity], False, [name]))
    vector = plain_vectors(found[0].vector) if found else None
    if isinstance(vector, dict):
        vector = vector.get(name)
    if vector is None:
        raise ValueError(f"Point {given} is not there, or has no vector {name!r} to search with")
    itself = models.HasIdCondition(has_id=[given])
    return _nearest(collection, vector, name), models.Filter(
        must=[query_filter] if query_filter is not None else None, must_not=[itself]
    )


@cache
def _other_queries() -> dict[str, Callable[[Any], Any]]:
    """Queries other than for the nearest, by the name of their class."""
    import qdrant_edge as edge

    def fuse(query: Any) -> Any:
        if query.fusion.value == "dbsf":
            return edge.Fusion.Dbsf()
        return edge.Fusion.Rrf(k=_RRF_K)

    return {
        "OrderByQuery": lambda query: order_by(query.order_by),
        "FusionQuery": fuse,
        "RrfQuery": lambda query: edge.Fusion.Rrf(
            k=query.rrf.k or _RRF_K, weights=getattr(query.rrf, "weights", None)
        ),
        "SampleQuery": lambda query: edge.Sample.Random,
    }


def order_by(given: Any) -> edge.OrderBy:
    """An order by a field of the payload.

    Args:
        given: The field's name, or a ``models.OrderBy``.
    """
    import qdrant_edge as edge

    if isinstance(given, str):
        return edge.OrderBy(given)
    direction = given.direction and getattr(edge.Direction, given.direction.value.capitalize())
    start = given.start_from
    return edge.OrderBy(
        given.key, direction, start.isoformat() if hasattr(start, "isoformat") else start
    )


def _search_params(given: Any) -> edge.SearchParams | None:
    """What of the parameters matters where every search is exact: the corpus that IDF counts."""
    import qdrant_edge as edge

    idf = getattr(given, "idf", None)
    corpus = getattr(idf, "corpus", None)
    if corpus is None:
        return None
    return edge.SearchParams(idf=edge.IdfParams(corpus=convert_filter(corpus)))
