"""What an EdgeClient reads: queries, lookups, counts; the methods of a QdrantClient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import (
    convert_filter,
    convert_payload_selector,
    plain_id,
    point_id,
    point_ids,
)
from longembed_rag.points.edge.engine import engine_errors
from longembed_rag.points.edge_client.groups import group_hits
from longembed_rag.points.edge_client.queries import order_by as convert_order
from longembed_rag.points.edge_client.queries import query_request
from longembed_rag.points.edge_client.results import records, scored_points

if TYPE_CHECKING:
    from qdrant_client import models

    from longembed_rag.points.edge.collection import EdgeCollection

_FIRST_GROUPS = 4  # times as many hits as the groups could hold
_MORE_GROUPS = 4  # times as many again, for as long as that was not enough


class Reads(ABC):
    """The methods that read; arguments and answers are those of a QdrantClient."""

    @abstractmethod
    def _collection(self, name: str) -> EdgeCollection:
        """The collection of that name."""

    def query_points(
        self,
        collection_name: str,
        query: Any = None,
        using: str | None = None,
        prefetch: Any = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
        lookup_from: Any = None,
        **kwargs: Any,
    ) -> models.QueryResponse:
        """Points closest to a vector or a point, best first; without a query, by id.

        Raises:
            ValueError: There is no such collection or vector, or the query is not supported.
            RuntimeError: The collection cannot be read.
        """
        # Not from qdrant_client.models, where a class for FastEmbed has this name.
        from qdrant_client.http.models import QueryResponse

        if lookup_from is not None:
            raise ValueError("lookup_from is not supported by the embedded engine")
        collection = self._collection(collection_name)
        with engine_errors():
            request = query_request(
                collection,
                query=query,
                using=using,
                prefetch=prefetch,
                query_filter=query_filter,
                search_params=search_params,
                limit=limit,
                offset=offset,
                with_payload=with_payload,
                with_vectors=with_vectors,
                score_threshold=score_threshold,
            )
        hits = collection.shard.call(lambda shard: shard.query(request))
        # Unvalidated: the hits are models already.
        return QueryResponse.model_construct(
            points=scored_points(hits, with_vectors=bool(with_vectors))
        )

    def query_batch_points(
        self, collection_name: str, requests: Sequence[models.QueryRequest], **kwargs: Any
    ) -> list[models.QueryResponse]:
        """Several queries; see :meth:`query_points`."""
        return [
            self.query_points(
                collection_name,
                query=request.query,
                using=request.using,
                prefetch=request.prefetch,
                query_filter=request.filter,
                search_params=request.params,
                limit=10 if request.limit is None else request.limit,
                offset=request.offset,
                with_payload=request.with_payload,
                with_vectors=request.with_vector,
                score_threshold=request.score_threshold,
                lookup_from=request.lookup_from,
            )
            for request in requests
        ]

    def query_points_groups(
        self,
        collection_name: str,
        group_by: str,
        query: Any = None,
        using: str | None = None,
        prefetch: Any = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        group_size: int = 3,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
        with_lookup: Any = None,
        lookup_from: Any = None,
        **kwargs: Any,
    ) -> models.GroupsResult:
        """Points closest to a vector or a point, in groups of one value of a field.

        Raises:
            ValueError: There is no such collection or vector, or the query is not supported.
            RuntimeError: The collection cannot be read.
        """
        from qdrant_client.models import GroupsResult, PointGroup

        if with_lookup is not None:
            raise ValueError("with_lookup is not supported by the embedded engine")
        for name, value in (("limit", limit), ("group_size", group_size)):
            if value < 1:
                raise ValueError(f"{name} value {value} is invalid. Must be 1 or larger.")
        asked, full = limit * group_size * _FIRST_GROUPS, False
        while True:
            hits = self.query_points(
                collection_name,
                query=query,
                using=using,
                prefetch=prefetch,
                query_filter=query_filter,
                search_params=search_params,
                limit=asked,
                with_payload=[group_by],
                score_threshold=score_threshold,
                lookup_from=lookup_from,
            ).points
            groups, full = group_hits(hits, group_by=group_by, limit=limit, group_size=group_size)
            if full or len(hits) < asked:
                break
            asked *= _MORE_GROUPS
        self._fill(collection_name, groups, with_payload, with_vectors)
        return GroupsResult(
            groups=[
                PointGroup.model_construct(id=value, hits=hits) for value, hits in groups.items()
            ]
        )

    def _fill(
        self,
        collection_name: str,
        groups: dict[Any, list[models.ScoredPoint]],
        with_payload: Any,
        with_vectors: Any,
    ) -> None:
        """Give the hits of groups what was asked for; they come with the grouping field only."""
        chosen = {hit.id: hit for hits in groups.values() for hit in hits}
        for record in self.retrieve(
            collection_name, list(chosen), with_payload=with_payload, with_vectors=with_vectors
        ):
            hit = chosen[record.id]
            hit.payload, hit.vector = record.payload, record.vector

    def scroll(
        self,
        collection_name: str,
        scroll_filter: models.Filter | None = None,
        limit: int = 10,
        order_by: Any = None,
        offset: Any = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        **kwargs: Any,
    ) -> tuple[list[models.Record], int | str | None]:
        """A page of points by id, and the id that the next page begins with.

        Raises:
            ValueError: There is no such collection, or an argument is wrong.
            RuntimeError: The collection cannot be read.
        """
        import qdrant_edge as edge

        if limit < 1:
            raise ValueError(f"limit value {limit} is invalid. Must be 1 or larger.")
        if order_by is not None and offset is not None:
            raise ValueError(
                "Offset is not supported in conjunction with `order_by` scroll parameter"
            )
        collection = self._collection(collection_name)
        with engine_errors():
            request = edge.ScrollRequest(
                offset=None if offset is None else point_id(offset),
                limit=limit,
                filter=convert_filter(scroll_filter),
                with_payload=convert_payload_selector(with_payload),
                with_vector=collection.with_vectors(with_vectors),
                order_by=None if order_by is None else convert_order(order_by),
            )
        found, following = collection.shard.call(lambda shard: shard.scroll(request))
        page = records(found, with_vectors=bool(with_vectors))
        return page, None if following is None else plain_id(following)

    def retrieve(
        self,
        collection_name: str,
        ids: Sequence[Any],
        with_payload: Any = True,
        with_vectors: Any = False,
        **kwargs: Any,
    ) -> list[models.Record]:
        """Points by id; those that are not there are passed over.

        Raises:
            ValueError: There is no such collection, or an argument is wrong.
            RuntimeError: The collection cannot be read.
        """
        collection = self._collection(collection_name)
        wanted = point_ids(ids)
        payload = convert_payload_selector(with_payload)
        vectors = collection.with_vectors(with_vectors)
        found = collection.shard.call(lambda shard: shard.retrieve(wanted, payload, vectors))
        return records(found, with_vectors=bool(with_vectors))

    def count(
        self,
        collection_name: str,
        count_filter: models.Filter | None = None,
        exact: bool = True,
        **kwargs: Any,
    ) -> models.CountResult:
        """The number of points, all or those that a filter lets through.

        Raises:
            ValueError: There is no such collection, or the filter is wrong.
            RuntimeError: The collection cannot be read.
        """
        import qdrant_edge as edge
        from qdrant_client.models import CountResult

        collection = self._collection(collection_name)
        with engine_errors():
            request = edge.CountRequest(exact=exact, filter=convert_filter(count_filter))
        return CountResult(count=collection.shard.call(lambda shard: shard.count(request)))

    def facet(
        self,
        collection_name: str,
        key: str,
        facet_filter: models.Filter | None = None,
        limit: int = 10,
        exact: bool = False,
        **kwargs: Any,
    ) -> models.FacetResponse:
        """The values of a field and how many points have each; as on servers, it needs an index.

        Raises:
            ValueError: There is no such collection or index, or the filter is wrong.
            RuntimeError: The collection cannot be read.
        """
        import qdrant_edge as edge
        from qdrant_client.models import FacetResponse, FacetValueHit

        if limit < 1:
            raise ValueError(f"limit value {limit} is invalid. Must be 1 or larger.")
        collection = self._collection(collection_name)
        with engine_errors():
            # Always exact: there is one segment, and nothing is approximated anyway.
            request = edge.FacetRequest(
                key=key, limit=limit, exact=True, filter=convert_filter(facet_filter)
            )
        found = collection.shard.call(lambda shard: shard.facet(request)).hits
        return FacetResponse(
            hits=[FacetValueHit(value=hit.value, count=hit.count) for hit in found]
        )
