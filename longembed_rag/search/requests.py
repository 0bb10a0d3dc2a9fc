"""Queries to Qdrant: many in one request, and their answers as ids and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.store.making import unit_length
from longembed_rag.store.payload import BUCKET_KEY, BUCKETS
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.words.terms import TermVector, query_vector, word_pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client.models import Filter, QueryRequest, ScoredPoint

    from longembed_rag.store.place import Place


@dataclass(frozen=True)
class Probe:
    """One vector of a query, and which stored vector it is compared with.

    Attributes:
        using: Name of the stored vector.
        query: The vector as Qdrant takes it; None where there is nothing to ask, such as the
            word pairs of a query of one word.
    """

    using: str
    query: Any


def dense_probe(vector: NDArray[np.float32]) -> Probe:
    """The query's vector, shape ``[dimension]``."""
    return Probe(DENSE_VECTOR, unit_length(vector).tolist())


def terms_probe(stems: Sequence[str]) -> Probe:
    """The query's words."""
    return Probe(TERMS_VECTOR, _sparse(query_vector(stems)))


def pairs_probe(stems: Sequence[str]) -> Probe:
    """The query's word pairs."""
    return Probe(PAIRS_VECTOR, _sparse(query_vector(word_pairs(stems))))


def _sparse(vector: TermVector) -> Any:
    from qdrant_client.models import SparseVector

    if not len(vector):
        return None
    return SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())


@dataclass(frozen=True)
class Ask:
    """One of several queries that go together.

    Attributes:
        probe: What to compare.
        limit: Most points.
        filter: Which points; None for all.
        keys: Fields of the payload to answer with; none for none.
    """

    probe: Probe
    limit: int
    filter: Filter | None = None
    keys: tuple[str, ...] = ()

    def request(self) -> QueryRequest:
        """The query as Qdrant takes it."""
        from qdrant_client.models import QueryRequest

        return QueryRequest(
            query=self.probe.query,
            using=self.probe.using,
            limit=self.limit,
            filter=self.filter,
            with_payload=list(self.keys) if self.keys else False,
        )


def ask(name: str, asks: Sequence[Ask], *, place: Place) -> list[list[ScoredPoint]]:
    """Put several queries to a collection at once.

    Args:
        name: The collection.
        asks: The queries; one without anything to compare, or for no points, finds nothing.
        place: Where it is.

    Returns:
        For each the points that were found, best first.

    Raises:
        StoreError: The collection cannot be searched.
    """
    wanted = [each for each in asks if each.probe.query is not None and each.limit > 0]
    if not wanted:
        return [[] for _ in asks]
    requests = [each.request() for each in wanted]
    answers = iter(
        place.gateway.call(
            lambda: place.client.query_batch_points(name, requests=requests), what="searching"
        )
    )
    asked = {id(each) for each in wanted}
    return [next(answers).points if id(each) in asked else [] for each in asks]


def sample_filter(total: int, wanted: int) -> Filter | None:
    """A filter that lets about so many points pass, always the same ones; None lets all pass.

    Args:
        total: Points in the collection; up to twice as many as are wanted all pass.
        wanted: How many are to pass.
    """
    from qdrant_client.models import FieldCondition, Filter, Range

    if total <= 2 * wanted:
        return None
    below = round(BUCKETS * wanted / total)
    return Filter(must=[FieldCondition(key=BUCKET_KEY, range=Range(lt=below))])


def only(ids: Sequence[str]) -> Filter:
    """A filter that lets only points of these ids pass."""
    from qdrant_client.models import Filter, HasIdCondition

    return Filter(must=[HasIdCondition(has_id=list(ids))])
