"""From the points of a query to documents with their best passage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from longembed_rag.index.passages import unit_length
from longembed_rag.index.payload import read_node, read_source, read_spans
from longembed_rag.index.schema import DENSE_VECTOR, PASSAGE_VECTOR, SearchResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client import QdrantClient
    from qdrant_client.models import Record, ScoredPoint

    from longembed_rag.index.gateway import Gateway

    PassagesOf = Callable[[str], NDArray[np.float32] | None]


def search_documents(
    vector: NDArray[np.float32], *, limit: int, client: QdrantClient, name: str, gateway: Gateway
) -> list[SearchResult]:
    """Documents closest to a query; see :meth:`DocumentStore.search`."""

    def passages_of(identity: str) -> NDArray[np.float32] | None:
        # One document at a time: the passages of a long one can be tens of megabytes.
        records = gateway.call(
            lambda: client.retrieve(
                name, ids=[identity], with_payload=False, with_vectors=[PASSAGE_VECTOR]
            ),
            what="reading passages",
        )
        return read_passage_vectors(records[0]) if records else None

    answer = gateway.call(
        lambda: client.query_points(
            name,
            query=unit_length(vector).tolist(),
            using=DENSE_VECTOR,
            limit=limit,
            with_payload=True,
        ),
        what="searching",
    )
    return [to_result(point, vector, passages_of=passages_of) for point in answer.points]


def to_result(
    point: ScoredPoint, query: NDArray[np.float32], *, passages_of: PassagesOf
) -> SearchResult:
    """A point that was found, as a document with the passage that fits the query best.

    Args:
        point: The point, with its payload.
        query: The query's vector, shape ``[dimension]``.
        passages_of: Gives a point's passage vectors, by its id.
    """
    payload = point.payload or {}
    identity = str(point.id)
    text, metadata = read_node(payload)
    spans = read_spans(payload)
    span = passage_score = None
    if spans and text is not None:
        vectors = passages_of(identity)
        if vectors is not None:
            best, passage_score = best_passage(vectors[: len(spans)], query)
            span = spans[best]
    return SearchResult(
        source=read_source(payload, point_id=identity),
        score=float(point.score),
        text=text,
        passage=None if span is None or text is None else text[span[0] : span[1]],
        span=span,
        passage_score=passage_score,
        metadata=metadata,
        document_id=identity,
    )


def best_passage(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> tuple[int, float]:
    """Which passage is closest to the query, and its cosine; the first one of equals.

    Args:
        vectors: One unit vector per passage, shape ``[passages, dimension]``.
        query: The query's vector, shape ``[dimension]``.
    """
    scores = vectors @ unit_length(query)
    best = int(scores.argmax())
    return best, float(scores[best])


def read_passage_vectors(record: Record) -> NDArray[np.float32] | None:
    """The passage vectors of a point that was fetched with them; None when it has none."""
    import numpy as np

    vectors: Any = record.vector
    if not isinstance(vectors, dict) or not vectors.get(PASSAGE_VECTOR):
        return None
    return unit_length(np.asarray(vectors[PASSAGE_VECTOR], dtype=np.float32))
