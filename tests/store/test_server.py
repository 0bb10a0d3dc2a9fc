"""What is particular to a server: retries, refusals, time-outs, sizes, its version."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from longembed_rag.errors import PointRefusedError, StoreError, WriteError
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant, Fault
from tests.store.fakes import make_document
from tests.stores import ensure, find

DOCUMENT = make_document("/a.txt", "one two three four five")
#: Where the points of documents themselves are written.
OWN = "/documents/points"
PASSAGES = "/documents.passages/points"
MANIFEST = "/documents.manifest/points"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, None])
def test_passing_troubles_are_waited_out(
    server: FakeQdrant, remote: DocumentStore, waits: list[float], status: int | None
) -> None:
    """5xx, 429 and hung-up connections are tried again, with longer and longer waits."""
    server.faults += [Fault(OWN, status) for _ in range(4)]
    remote.upsert(DOCUMENT)
    assert list(remote.sources()) == ["/a.txt"]
    assert remote.entries()["/a.txt"].state == "stored"
    assert len(waits) == 4
    # Between half and all of 0.5, 1, 2 and 4 seconds.
    assert all(low <= wait <= 2 * low for low, wait in zip([0.25, 0.5, 1, 2], waits, strict=True))


def test_retry_after_is_honoured(
    server: FakeQdrant, remote: DocumentStore, waits: list[float]
) -> None:
    """A server that says when to come back is not asked earlier, nor put off for ever."""
    server.faults += [
        Fault(OWN, 429, headers=(("Retry-After", "7"),)),
        Fault(OWN, 429, headers=(("Retry-After", "9999"),)),
        Fault(OWN, 429, headers=(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),)),
    ]
    remote.upsert(DOCUMENT)
    assert waits[:2] == [7.0, 20.0]
    assert waits[2] <= 2.0
    assert list(remote.sources()) == ["/a.txt"]


@pytest.mark.parametrize("path", [OWN, PASSAGES])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_point_is_not_tried_again(
    server: FakeQdrant, remote: DocumentStore, waits: list[float], status: int, path: str
) -> None:
    """A server's no to one point is final for its document, and says which one it is."""
    server.faults.append(Fault(path, status))
    with pytest.raises(
        PointRefusedError, match=rf"/a\.txt was not written: {status}.*out of order"
    ):
        remote.upsert(DOCUMENT)
    assert waits == []
    assert server.count("PUT", path) == 1


def test_a_refused_point_leaves_nothing_of_its_document(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Passages that went before are taken back, and the manifest forgets the document."""
    server.faults.append(Fault(OWN, 400))
    with pytest.raises(PointRefusedError):
        remote.upsert(DOCUMENT)
    assert server.count("PUT", PASSAGES) == 1
    assert (remote.sources(), remote.entries(), remote.info().passages) == ({}, {}, 0)
    assert remote.recover() == []


def test_a_refused_version_leaves_the_earlier_one(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """The document that was there stays, with its passages and its place in the manifest."""
    remote.upsert(DOCUMENT)
    before = remote.entries(), remote.sources()
    server.faults.append(Fault(OWN, 400))
    with pytest.raises(PointRefusedError):
        remote.upsert(make_document("/a.txt", "another text"))
    assert (remote.entries(), remote.sources()) == before
    assert remote.complete_sources() == before[1]
    assert remote.info().passages == len(DOCUMENT.passages)
    assert find(remote, "five", mode="sparse")[0].passages[0].text == "five"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_no_points_fault(
    server: FakeQdrant, remote: DocumentStore, status: int
) -> None:
    """A wrong key fails at once, for the store rather than for the document."""
    server.faults.append(Fault(OWN, status))
    with pytest.raises(WriteError, match="API key") as caught:
        remote.upsert(DOCUMENT)
    assert not isinstance(caught.value, PointRefusedError)
    assert server.count("PUT", OWN) == 1


@pytest.mark.parametrize("path", [OWN, PASSAGES, MANIFEST])
def test_giving_up_says_what_is_written_and_what_is_not(
    server: FakeQdrant, remote: DocumentStore, waits: list[float], path: str
) -> None:
    """After the last try the error names the document, the server, the reason and the tries."""
    server.faults += [Fault(path, 503) for _ in range(6)]
    with pytest.raises(WriteError) as caught:
        remote.upsert(DOCUMENT)
    message = str(caught.value)
    assert "/a.txt was not confirmed as written" in message
    assert server.url in message
    assert "503" in message
    assert "6 tries" in message
    assert "run the same again" in message
    assert len(waits) == 5
    assert server.count("PUT", path) == 6


def test_a_lost_answer_does_not_write_twice(server: FakeQdrant, remote: DocumentStore) -> None:
    """A write that was done although its answer was lost is repeated without harm."""
    server.faults.append(Fault(OWN, None, applied=True))
    remote.upsert(DOCUMENT)
    assert server.count("PUT", OWN) == 2
    assert server.client.count("documents").count == 1


def test_a_lost_answer_on_the_way_repeats_no_passage(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Passages and entries of the manifest have ids of their own, so they are repeated, too."""
    server.faults += [Fault(MANIFEST, None, applied=True), Fault(PASSAGES, None, applied=True)]
    remote.upsert(DOCUMENT)
    assert server.count("PUT", PASSAGES) == 2
    assert server.client.count("documents.passages").count == len(DOCUMENT.passages)
    assert server.client.count("documents.manifest").count == 1


def test_a_write_is_waited_for(server: FakeQdrant, remote: DocumentStore) -> None:
    """Writes ask to be waited for, and one that is only taken note of counts as not done."""
    server.write_status = "acknowledged"
    with pytest.raises(WriteError, match=r"/a\.txt was not confirmed.*acknowledged"):
        remote.upsert(DOCUMENT)
    with pytest.raises(WriteError, match=r"removing documents, after 0, failed: .*acknowledged"):
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


def test_a_search_takes_few_requests(server: FakeQdrant, remote: DocumentStore) -> None:
    """Queries go together: their number does not grow with documents, words or passages.

    How many points there are is known from the search before.
    """
    for name in ("/a.txt", "/b.txt", "/c.txt"):
        remote.upsert(make_document(name, f"text of many words in {name}"))
    counts = []
    for query in ("text", "many words in a text of many other words"):
        server.requests.clear()
        assert len(find(remote, query)) == 3
        counts.append(len(server.requests))
    assert counts[1] <= counts[0] <= 11


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
