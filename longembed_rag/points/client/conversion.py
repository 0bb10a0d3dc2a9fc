"""Between the port's values and qdrant-client's models; pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import InputError
from longembed_rag.points.filters import to_models
from longembed_rag.points.nearness import HNSW_EF
from longembed_rag.points.values import (
    Ask,
    Layout,
    Point,
    Vector,
    is_empty,
    is_sparse,
    native_id,
)

if TYPE_CHECKING:
    from qdrant_client.models import (
        PointStruct,
        PointVectors,
        QueryRequest,
        SearchParams,
    )

    from longembed_rag.points.client.rules import Rules
    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.points.nearness import Comparing

# Digits after the point that numbers travel with: a float32 written out as a float64 takes twice
# the bytes, and these errors lie far below a float32's own.
_DIGITS = 9


def create_arguments(
    layout: Layout, metadata: Mapping[str, Any] | None, *, server: bool
) -> dict[str, Any]:
    """What ``QdrantClient.create_collection`` takes for a layout.

    Args:
        layout: The vectors.
        metadata: What to note down with it.
        server: Whether it goes to a server, which alone understands how to store them.
    """
    from qdrant_client import models

    storage = layout.storage
    index = models.SparseIndexParams(on_disk=True) if storage.on_disk else None
    modifier = models.Modifier.IDF if layout.weighs_rarity else models.Modifier.NONE
    given: dict[str, Any] = {
        "metadata": None if metadata is None else dict(metadata),
        "vectors_config": {
            name: models.VectorParams(
                size=size, distance=models.Distance.COSINE, on_disk=storage.on_disk or None
            )
            for name, size in layout.dense.items()
        },
        "sparse_vectors_config": {
            name: models.SparseVectorParams(modifier=modifier, index=index)
            for name in layout.sparse
        }
        or None,
    }
    if not server:
        return given
    # How rare a word is, each shard counts by itself: unless several are asked for, there is one,
    # so that words weigh the same in every document, whatever shard it would happen to be in.
    given["shard_number"] = storage.shards or 1
    given["replication_factor"] = storage.replicas
    given["write_consistency_factor"] = storage.write_consistency
    if storage.quantization == "scalar" and layout.dense:
        given["quantization_config"] = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
    if storage.quantization == "binary" and layout.dense:
        given["quantization_config"] = models.BinaryQuantization(
            binary=models.BinaryQuantizationConfig(always_ram=True)
        )
    if storage.on_disk and layout.dense:
        given["hnsw_config"] = models.HnswConfigDiff(on_disk=True)
    return given


def point_struct(point: Point, *, embedded: bool) -> PointStruct:
    """A point as the client writes it; sparse vectors that are empty are left out.

    Raises:
        InputError: A vector is not of finite numbers.
    """
    from qdrant_client.models import PointStruct

    vectors = {
        name: vector_for(vector, embedded=embedded)
        for name, vector in point.vectors.items()
        if not is_empty(vector)
    }
    # Unvalidated: validation would go through every number of every vector.
    return PointStruct.model_construct(
        id=native_id(point.id), vector=vectors, payload=point.payload
    )


def vector_changes(
    points: Sequence[Point], *, embedded: bool
) -> tuple[list[PointVectors], dict[str, list[str]]]:
    """Changes of vectors as the client writes them, and which vectors to take off which points.

    Raises:
        InputError: A vector is not of finite numbers.
    """
    from qdrant_client.models import PointVectors

    changes: list[PointVectors] = []
    emptied: dict[str, list[str]] = {}
    for point in points:
        vectors = point_struct(point, embedded=embedded).vector
        if vectors:  # a server refuses to update none
            changes.append(PointVectors.model_construct(id=native_id(point.id), vector=vectors))
        for name, vector in point.vectors.items():
            if is_empty(vector):
                emptied.setdefault(name, []).append(point.id)
    return changes, emptied


def vector_for(vector: Vector, *, embedded: bool) -> Any:
    """A vector as the client takes it.

    Raises:
        InputError: It is not of finite numbers: a server would take infinity for a number.
    """
    import numpy as np
    from qdrant_client import models

    numbers = np.asarray(getattr(vector, "values", vector), dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise InputError("a vector holds values that are not finite; it was not sent")
    if is_sparse(vector):
        # Built without validation, which looks at every number again.
        return models.SparseVector.model_construct(
            indices=np.asarray(vector.indices).tolist(),
            values=np.round(np.asarray(vector.values, dtype=np.float64), _DIGITS).tolist(),
        )
    # Local mode keeps arrays as they are; a server is sent as few digits as will do.
    return numbers if embedded else np.round(numbers.astype(np.float64), _DIGITS).tolist()


def read_vectors(given: Any) -> dict[str, Any]:
    """A point's vectors by name: float32 arrays, and sparse ones as the client has them."""
    import numpy as np

    named = given if isinstance(given, dict) else {}
    with np.errstate(over="ignore"):  # of a store that is damaged; its sum tells
        return {
            name: vector if hasattr(vector, "indices") else np.asarray(vector, dtype=np.float32)
            for name, vector in named.items()
        }


def query_requests(
    asks: Sequence[Ask], rules: Rules, comparing: Comparing
) -> tuple[list[int], list[QueryRequest]]:
    """Queries as the client takes them, and which of the asks each is for.

    More points than one answer may hold are asked for in several, one after the other.

    Args:
        asks: The queries.
        rules: What the collection allows.
        comparing: How dense vectors are compared; words are by an index that passes over nothing.
    """
    from qdrant_client.models import QueryRequest

    how = search_params(comparing, rules)
    owners: list[int] = []
    requests: list[QueryRequest] = []
    for owner, each in enumerate(asks):
        if each.vector is None or each.finds_nothing:
            continue
        most = rules.most_found or each.limit
        vector = vector_for(each.vector, embedded=False)
        chosen = to_models(rules.narrowed(each.filter))
        for offset in range(0, each.limit, most):
            owners.append(owner)
            requests.append(
                QueryRequest(
                    query=vector,
                    using=each.using,
                    limit=min(most, each.limit - offset),
                    offset=offset or None,
                    filter=chosen,
                    params=_within(each.corpus, rules) if is_sparse(each.vector) else how,
                    with_payload=list(each.keys) if each.keys else False,
                )
            )
    return owners, requests


def _within(corpus: AnyFilter | None, rules: Rules) -> SearchParams | None:
    """Among which points a store is to count how rare terms are."""
    from qdrant_client.models import IdfCorpusParams, SearchParams

    if corpus is None:
        return None
    return SearchParams(idf=IdfCorpusParams(corpus=to_models(rules.narrowed(corpus))))


def search_params(comparing: Comparing, rules: Rules) -> SearchParams | None:
    """How a server is asked to compare dense vectors, as far as the collection allows it.

    None in local mode, which compares with every vector unasked.
    """
    from qdrant_client.models import QuantizationSearchParams, SearchParams

    if comparing.points is None:
        return None
    if comparing.exact and rules.allows_exact:
        return SearchParams(exact=True)
    wanted = comparing.hnsw_ef or HNSW_EF
    if (times := comparing.oversampling) is None:
        return SearchParams(hnsw_ef=min(wanted, rules.most_ef or wanted))
    times = min(times, rules.most_oversampling or times)
    return SearchParams(
        hnsw_ef=min(wanted, rules.most_ef or wanted),
        quantization=QuantizationSearchParams(rescore=True, oversampling=max(times, 1.0)),
    )


def values_of(points: Iterable[Any], key: str) -> Iterator[Any]:
    """The values that a field of the payload has in points; those in lists one by one."""
    for point in points:
        found: Any = point.payload or {}
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        yield from found if isinstance(found, list) else [] if found is None else [found]
