"""Requests of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client.http.models import models as rest
from qdrant_client.models import PointStruct

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import PointRefusedError
from longembed_rag.points.client import batches as module
from longembed_rag.points.client.batches import REQUEST_LIMIT, REQUEST_SIZE, batches, json_size
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR
from tests.points.fake_qdrant import FakeQdrant
from tests.store.fakes import make_document
from tests.stores import find

SIZES = st.lists(st.integers(0, 400), max_size=40)
OWN = "/documents/points"
PASSAGES = "/documents.passages/points"


def points_of(sizes: list[int]) -> list[PointStruct]:
    """Points that hold so many characters each."""
    return [
        PointStruct(id=index, vector={}, payload={"text": "x" * size})
        for index, size in enumerate(sizes)
    ]


def split(points: list[PointStruct], *, embedded: bool) -> list[list[PointStruct]]:
    """Requests of at most five points or a thousand bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "REQUEST_POINTS", 5)
        patch.setattr(module, "REQUEST_SIZE", 1000)
        return list(batches(points, embedded=embedded))


@given(SIZES)
def test_requests_are_bounded_and_nothing_is_lost(sizes: list[int]) -> None:
    """All points in order, no request over its bounds, and none that the next would fit into."""
    points = points_of(sizes)
    requests = split(points, embedded=False)
    assert [point for request in requests for point in request] == points
    for request in requests:
        body = rest.PointsList(points=request).model_dump_json(exclude_unset=True)
        assert 1 <= len(request) <= 5
        assert len(body) <= 1000
    for request, following in pairwise(requests):
        total = sum(json_size(point) for point in [*request, following[0]])
        assert len(request) == 5 or total + 64 > 1000


@given(SIZES)
def test_in_this_process_only_the_number_counts(sizes: list[int]) -> None:
    """An embedded store is sent nothing, so that no size is too large."""
    points = points_of([100 * size for size in sizes])
    requests = split(points, embedded=True)
    assert [point for request in requests for point in request] == points
    assert [len(request) for request in requests[:-1]] == [5] * (len(requests) - 1)


def test_a_point_that_is_larger_goes_alone() -> None:
    """Neither what comes before nor what comes after travels with it."""
    requests = split(points_of([10, 2000, 10, 10]), embedded=False)
    assert [[point.id for point in request] for request in requests] == [[0], [1], [2, 3]]


def test_points_are_made_one_by_one() -> None:
    """Those of a long document are never all in memory at once."""
    made: list[int] = []

    def making() -> Iterator[PointStruct]:
        for point in points_of([10] * 20):
            made.append(int(point.id))
            yield point

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "REQUEST_POINTS", 5)
        first = next(batches(making(), embedded=False))
    assert len(first) == 5
    assert len(made) == 6


def test_a_point_over_the_limit_is_refused_before_it_is_sent(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """A document that no request could carry names itself and its size, and costs no request."""
    text = "long" + "g" * 35_000_000  # one word is cut in no time
    huge = replace(make_document("/huge.txt", "one"), text=text)
    with pytest.raises(PointRefusedError, match=r"/huge\.txt was not written: .* 35,\d+,\d+ bytes"):
        remote.upsert(huge)
    assert not [each for each in server.requests if each.path.endswith("/points")]


def test_a_long_document_goes_in_requests_of_bounded_size(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Many passages share a request of less than 5 MB, and vectors keep their precision."""
    remote.client.delete_collection("documents")
    remote.client.delete_collection("documents.passages")
    count, dimension = 700, 512
    remote.ensure(fingerprint="f", dimension=dimension, description={})
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    document = make_document(
        "/long.txt",
        "ab " * count,
        embedding=vectors[0],
        passages=tuple(Passage(3 * index, 3 * index + 2, 1) for index in range(count)),
        passage_embeddings=vectors,
        token_vectors=None,
    )
    remote.upsert(document)
    requests = [each for each in server.requests if each.path.endswith(PASSAGES)]
    assert len(requests) > 1
    assert max(each.size for each in requests) <= REQUEST_SIZE
    assert min(len(each.body["points"]) for each in requests[:-1]) > 100
    sent = np.array([p["vector"][DENSE_VECTOR] for each in requests for p in each.body["points"]])
    exact = vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    assert np.abs(sent - exact).max() < 1e-7


def test_a_point_over_a_requests_size_goes_alone(server: FakeQdrant, remote: DocumentStore) -> None:
    """A document larger than requests are kept below is sent all the same, below the limit."""
    remote.upsert(make_document("/big.txt", "long", metadata={"notes": "x" * 6_000_000}))
    (request,) = [each for each in server.requests if each.path.endswith(OWN)]
    assert REQUEST_SIZE < request.size < REQUEST_LIMIT
    assert find(remote, "long", mode="sparse")[0].source == "/big.txt"
