"""What is particular to a server: retries, refusals, time-outs, sizes, its version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import PointRefusedError, StoreError, WriteError
from longembed_rag.index.retries import RetryPolicy
from longembed_rag.index.schema import PASSAGE_VECTOR
from longembed_rag.index.store import DocumentStore
from tests.index.conftest import ENCODER, ensure
from tests.index.fake_qdrant import FakeQdrant, Fault
from tests.index.fakes import make_document, vector_of

DOCUMENT = make_document("/a.txt", "one two three four five")


@pytest.fixture
def remote(server: FakeQdrant, policy: RetryPolicy) -> Iterator[DocumentStore]:
    """A store on the server, with its collection made."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        yield ensure(store)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, None])
def test_passing_troubles_are_waited_out(
    server: FakeQdrant, remote: DocumentStore, waits: list[float], status: int | None
) -> None:
    """5xx, 429 and hung-up connections are tried again, with longer and longer waits."""
    server.faults += [Fault("/points", status) for _ in range(4)]
    remote.upsert(DOCUMENT)
    assert list(remote.sources()) == ["/a.txt"]
    assert len(waits) == 4
    # Between half and all of 0.5, 1, 2 and 4 seconds.
    assert all(low <= wait <= 2 * low for low, wait in zip([0.25, 0.5, 1, 2], waits, strict=True))


def test_retry_after_is_honoured(
    server: FakeQdrant, remote: DocumentStore, waits: list[float]
) -> None:
    """A server that says when to come back is not asked earlier, nor put off for ever."""
    server.faults += [
        Fault("/points", 429, headers=(("Retry-After", "7"),)),
        Fault("/points", 429, headers=(("Retry-After", "9999"),)),
        Fault("/points", 429, headers=(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),)),
    ]
    remote.upsert(DOCUMENT)
    assert waits[:2] == [7.0, 20.0]
    assert waits[2] <= 2.0
    assert list(remote.sources()) == ["/a.txt"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_point_is_not_tried_again(
    server: FakeQdrant, remote: DocumentStore, waits: list[float], status: int
) -> None:
    """A server's no to one point is final for this point, and says which one it is."""
    server.faults.append(Fault("/points", status))
    with pytest.raises(
        PointRefusedError, match=rf"/a\.txt was not written: {status}.*out of order"
    ):
        remote.upsert(DOCUMENT)
    assert waits == []
    assert server.count("PUT", "/points") == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_no_points_fault(
    server: FakeQdrant, remote: DocumentStore, status: int
) -> None:
    """A wrong key fails at once, for the store rather than for the document."""
    server.faults.append(Fault("/points", status))
    with pytest.raises(WriteError, match="API key") as caught:
        remote.upsert(DOCUMENT)
    assert not isinstance(caught.value, PointRefusedError)
    assert server.count("PUT", "/points") == 1


def test_giving_up_says_what_is_written_and_what_is_not(
    server: FakeQdrant, remote: DocumentStore, waits: list[float]
) -> None:
    """After the last try the error names the document, the server, the reason and the tries."""
    server.faults += [Fault("/points", 503) for _ in range(6)]
    with pytest.raises(WriteError) as caught:
        remote.upsert(DOCUMENT)
    message = str(caught.value)
    assert "/a.txt was not confirmed as written" in message
    assert server.url in message
    assert "503" in message
    assert "6 tries" in message
    assert "run the same again" in message
    assert len(waits) == 5
    assert server.count("PUT", "/points") == 6


def test_a_lost_answer_does_not_write_twice(server: FakeQdrant, remote: DocumentStore) -> None:
    """A write that was done although its answer was lost is repeated without harm."""
    server.faults.append(Fault("/points", None, applied=True))
    remote.upsert(DOCUMENT)
    assert server.count("PUT", "/points") == 2
    assert server.client.count("documents").count == 1


def test_a_write_is_waited_for(server: FakeQdrant, remote: DocumentStore) -> None:
    """Writes ask to be waited for, and one that is only taken note of counts as not done."""
    server.write_status = "acknowledged"
    with pytest.raises(WriteError, match="acknowledged"):
        remote.upsert(DOCUMENT)
    with pytest.raises(WriteError, match="removing documents failed after 0"):
        remote.delete(["/a.txt"])
    writes = [each for each in server.requests if each.path.endswith(("/points", "/delete"))]
    assert writes
    assert all("wait=true" in each.query for each in writes)


def test_a_slow_server_times_out_and_is_asked_again(server: FakeQdrant) -> None:
    """The time-out is the one that was asked for, per try."""
    policy = RetryPolicy(attempts=2, sleep=lambda seconds: None)
    server.faults.append(Fault("/exists", 200, delay=1.5))
    began = time.monotonic()
    with DocumentStore.open(url=server.url, timeout=1, retries=policy) as store:
        assert store.record() is None
    assert 0.9 < time.monotonic() - began < 1.5
    assert server.count("GET", "/exists") == 2


def test_an_address_that_never_works_is_found_out_soon(
    server: FakeQdrant, policy: RetryPolicy, waits: list[float]
) -> None:
    """A server that has never answered is given up after fewer tries, and named."""
    server.faults += [Fault("/exists", 500) for _ in range(4)]
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match=rf"{server.url} does not .*4 tries"):
        store.record()
    assert len(waits) == 3


def test_something_else_there_is_named(server: FakeQdrant, policy: RetryPolicy) -> None:
    """A server that is no Qdrant is suspected as soon as it knows nothing of collections."""
    server.faults.append(Fault("/exists", 404))
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match=r"the address of a Qdrant server\?"):
        store.record()


def test_every_request_carries_the_key(server: FakeQdrant, policy: RetryPolicy) -> None:
    """The key goes to the server with each request; over plain http the client warns."""
    with (
        pytest.warns(UserWarning, match="insecure"),
        DocumentStore.open(url=server.url, api_key="secret", retries=policy) as store,
    ):
        ensure(store).upsert(DOCUMENT)
    assert {each.api_key for each in server.requests} == {"secret"}


def test_the_collection_is_made_for_what_it_is_used_for(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Passages have no graph and lie on disk; deleting by document has its index, made once."""
    (made,) = [
        each
        for each in server.requests
        if (each.method, each.path) == ("PUT", "/collections/documents")
    ]
    passages = made.body["vectors"][PASSAGE_VECTOR]
    assert passages["hnsw_config"]["m"] == 0
    assert passages["on_disk"] is True
    assert passages["multivector_config"] == {"comparator": "max_sim"}
    assert server.indexes["documents"]["doc_id"]["data_type"] == "keyword"
    ensure(remote)
    assert server.count("PUT", "/index") == 1


def test_an_index_that_was_not_made_is_made_later(server: FakeQdrant, policy: RetryPolicy) -> None:
    """A process killed between collection and index leaves nothing that stays undone."""
    server.faults += [Fault("/index", 400)]
    with DocumentStore.open(url=server.url, retries=policy) as store:
        with pytest.raises(StoreError, match="index"):
            ensure(store)
        ensure(store)
    assert "doc_id" in server.indexes["documents"]


def test_two_that_make_the_collection_at_once_get_along(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Who comes second finds the collection there and checks it; so does a repeated request."""
    remote.client.delete_collection("documents")
    server.faults.append(Fault("/collections/documents", None, method="PUT", applied=True))
    ensure(remote)
    assert remote.check(fingerprint=ENCODER.fingerprint, description={}).dimension == 16


def test_a_server_that_forgets_the_settings_is_refused(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """Before 1.16 a server drops collection metadata; nothing is left behind there."""
    server.keeps_metadata = False
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match=r"Qdrant 1\.16"):
        ensure(store)
    assert not server.client.collection_exists("documents")


def test_a_point_over_the_limit_is_refused_before_it_is_sent(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """A document that no request could carry names itself and its size, and costs no request."""
    text = "long " * 7_000_000
    huge = replace(make_document("/huge.txt", "one"), text=text)
    with pytest.raises(PointRefusedError, match=r"/huge\.txt was not written: .* 35,\d+,\d+ bytes"):
        remote.upsert(huge)
    assert server.count("PUT", "/points") == 0


def test_a_document_of_the_greatest_multivector_fits(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """A million numbers and their text stay below the server's limit, and keep their precision."""
    vectors = np.random.default_rng(0).standard_normal((60_000, 16)).astype(np.float32)
    text = "ab " * 60_000
    spans = tuple(Passage(3 * index, 3 * index + 2, 1) for index in range(60_000))
    remote.upsert(
        replace(
            make_document("/long.txt", "ab"), text=text, passages=spans, passage_embeddings=vectors
        )
    )
    (request,) = [each for each in server.requests if each.path.endswith("/points")]
    assert request.size < 16 * 1024 * 1024
    sent = np.array(request.body["points"][0]["vector"][PASSAGE_VECTOR])
    exact = vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    assert np.abs(sent - exact).max() < 1e-7


def test_requests_are_one_document_each(server: FakeQdrant, remote: DocumentStore) -> None:
    """Search reads the passages of the documents that were found one by one."""
    for name in ("/a.txt", "/b.txt", "/c.txt"):
        remote.upsert(make_document(name, f"text of {name}"))
    server.requests.clear()
    remote.search(vector_of("text"), limit=2)
    assert server.count("POST", "/points/query") == 1
    asked = [each.body["ids"] for each in server.requests if each.path.endswith("/points")]
    assert [len(ids) for ids in asked] == [1, 1]


def test_waits_grow_until_the_longest() -> None:
    """Back-off doubles up to its longest wait and is spread over the upper half."""
    for spread, share in ((0.0, 0.5), (1.0, 1.0)):
        policy = RetryPolicy(first_wait=1, longest_wait=10, spread=lambda spread=spread: spread)  # type: ignore[misc]
        waits = [policy.wait_after(attempt) for attempt in range(1, 8)]
        assert waits[:4] == [share * 2.0**power for power in range(4)]
        assert waits[-1] == share * 10
        assert all(first <= second for first, second in pairwise(waits))


def test_answers_that_make_no_sense_are_errors_of_ours(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """A page of HTML under status 200 is no crash."""
    server.faults.append(Fault("/exists", 200))
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match="reading collection"):
        store.record()
