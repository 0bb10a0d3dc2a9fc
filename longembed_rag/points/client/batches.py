"""Points in requests of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from longembed_rag.errors import PointRefusedError

if TYPE_CHECKING:
    from qdrant_client.models import PointStruct

#: Largest request that a Qdrant server takes by default, bytes.
REQUEST_LIMIT = 32 * 1024 * 1024
#: What requests are kept below, as Qdrant advises; a point that is larger goes alone.
REQUEST_SIZE = 5_000_000
#: Most points in a request.
REQUEST_POINTS = 256
# What a request weighs besides its points.
_FRAME = 64


def batches(points: Iterable[PointStruct], *, embedded: bool) -> Iterator[list[PointStruct]]:
    """Split points into requests.

    Args:
        points: The points, made one by one.
        embedded: Whether they stay in this process, where only their number counts.
    """
    batch: list[PointStruct] = []
    size = _FRAME
    for point in points:
        weight = 0 if embedded else json_size(point)
        if batch and (len(batch) >= REQUEST_POINTS or size + weight > REQUEST_SIZE):
            yield batch
            batch, size = [], _FRAME
        batch.append(point)
        size += weight
    if batch:
        yield batch


def require_size(point: PointStruct, source: str) -> None:
    """Refuse a point that no request could carry.

    Raises:
        PointRefusedError: A request with it would be over the server's limit.
    """
    size = json_size(point)
    if size + _FRAME > REQUEST_LIMIT:
        raise PointRefusedError(
            f"{source} was not written: as one point it takes {size:,} bytes, and the server's "
            f"limit for a request is {REQUEST_LIMIT:,}; split the document, or use an embedded "
            "store (path=...), which has no such limit"
        )


def json_size(point: PointStruct) -> int:
    """Bytes of a point in a request, with the comma after it, as the client writes it."""
    body = point.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)
    return len(body.encode()) + 1
