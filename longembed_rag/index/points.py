"""From a document to a point that Qdrant takes, and whether a server would take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longembed_rag.errors import PointRefusedError
from longembed_rag.index.passages import fit_passages, unit_length
from longembed_rag.index.payload import build_payload
from longembed_rag.index.schema import DENSE_VECTOR, PASSAGE_VECTOR, document_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client.models import PointStruct

    from longembed_rag.index.schema import IndexedDocument

#: Largest request that a Qdrant server takes by default, bytes.
REQUEST_LIMIT = 32 * 1024 * 1024
# Digits after the point that a unit vector's numbers travel with: half the bytes of a float32
# written out as a float64, and an error far below float32's own.
_DIGITS = 9


def build_point(document: IndexedDocument, *, embedded: bool) -> PointStruct:
    """A document as a point.

    Args:
        document: The document.
        embedded: Whether it goes into an embedded store, which keeps arrays as they are: they
            open eight times faster than lists of numbers, in a third of the space.

    Raises:
        PointRefusedError: Its source or text is not valid Unicode, or its metadata does not fit
            into JSON.
    """
    from qdrant_client.models import PointStruct

    passages, passage_vectors = fit_passages(document.passages, document.passage_embeddings)
    try:
        for value in (document.source, document.text):
            value.encode()
        payload = build_payload(document, passages)
    except UnicodeEncodeError as error:
        raise PointRefusedError(
            f"{document.source!r} was not written: it holds characters that are not Unicode "
            f"(lone surrogates: {error}); replace them before indexing"
        ) from error
    except (TypeError, ValueError) as error:
        raise PointRefusedError(
            f"{document.source} was not written: its metadata does not fit into JSON: {error}"
        ) from error
    identity = document_id(document.source)
    vectors: dict[str, NDArray[np.float32]] = {DENSE_VECTOR: unit_length(document.embedding)}
    if passages:
        vectors[PASSAGE_VECTOR] = unit_length(passage_vectors)
    if embedded:
        # Built without validation, which would turn the arrays into lists of numbers.
        return PointStruct.model_construct(id=identity, vector=vectors, payload=payload)
    numbers: dict[str, Any] = {name: _short(vector) for name, vector in vectors.items()}
    return PointStruct(id=identity, vector=numbers, payload=payload)


def _short(vectors: NDArray[np.float32]) -> list[Any]:
    import numpy as np

    numbers: list[Any] = np.round(vectors.astype(np.float64), _DIGITS).tolist()
    return numbers


def require_request_size(point: PointStruct, *, source: str, limit: int = REQUEST_LIMIT) -> None:
    """Refuse a point that a server would not take, before it is sent.

    Args:
        point: The point.
        source: Its document, for the message.
        limit: Largest request, bytes.

    Raises:
        PointRefusedError: The request would be larger; names the document and the size.
    """
    from qdrant_client.models import PointsList

    # The body that the client sends, byte for byte.
    body = PointsList(points=[point]).model_dump_json(
        by_alias=True, exclude_unset=True, exclude_none=True
    )
    size = len(body.encode())
    if size > limit:
        raise PointRefusedError(
            f"{source} was not written: as one point it takes {size:,} bytes, and the server's "
            f"limit for a request is {limit:,}; split the document, or use an embedded store "
            "(path=...), which has no such limit"
        )
