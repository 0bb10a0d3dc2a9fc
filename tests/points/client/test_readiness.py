"""A server that is only starting is waited for at first contact, for a bounded time."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant, Fault, running_fake
from tests.store.fakes import make_document
from tests.stores import ensure


@pytest.fixture
def asleep() -> Iterator[FakeQdrant]:
    """A server whose port refuses connections until it is started."""
    with running_fake(listening=False) as fake:
        yield fake


def starting_after(pauses: int, start: Callable[[], None], waits: list[float]) -> RetryPolicy:
    """Retries that take no time, and start the server in their last pause."""

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == pauses:
            start()

    return RetryPolicy(sleep=sleep)


def test_a_server_that_starts_late_is_waited_for(asleep: FakeQdrant, waits: list[float]) -> None:
    """While connections are refused, readiness is asked for; then the call goes through."""
    policy = starting_after(5, asleep.start, waits)
    with DocumentStore.open(url=asleep.url, retries=policy) as store:
        assert store.record() is None
    assert waits == [0.25, 0.5, 1.0, 1.0, 1.0]
    assert asleep.count("GET", "/readyz") == 1
    assert asleep.count("GET", "/exists") == 1


@pytest.mark.parametrize("trouble", [503, 502, None])
def test_a_server_that_says_not_yet_is_waited_for(
    server: FakeQdrant, policy: RetryPolicy, waits: list[float], trouble: int | None
) -> None:
    """So is one that answers that it is not ready, or whose port is open and hangs up."""
    server.faults += [Fault("/exists", trouble), *[Fault("/readyz", trouble)] * 6]
    with DocumentStore.open(url=server.url, retries=policy) as store:
        assert store.record() is None
    assert waits == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert server.count("GET", "/readyz") == 7
    assert server.count("GET", "/exists") == 2


def test_a_server_that_answers_is_not_asked(server: FakeQdrant, policy: RetryPolicy) -> None:
    """Where a server works, no request and no wait is spent on its readiness."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        ensure(store)
    assert server.count("GET", "/readyz") == 0


def test_nobody_there_is_told_in_time(waits: list[float], policy: RetryPolicy) -> None:
    """The wait ends, and the error names the address, the reason, the time and the way out."""
    told = (
        r"http://127\.0\.0\.1:9 does not answer: .*refused.* \(not ready after 10 seconds\); "
        "is a Qdrant server running there"
    )
    nobody = DocumentStore.open(url="http://127.0.0.1:9", retries=policy)
    with nobody as store, pytest.raises(StoreError, match=told):
        store.record()
    assert 10 <= sum(waits) < 11


def test_never_ready_is_told_in_time(
    server: FakeQdrant, policy: RetryPolicy, waits: list[float]
) -> None:
    """A server that stays unready is told apart from one that is not there."""
    server.faults += [Fault("/exists", 503), *[Fault("/readyz", 503)] * 99]
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match=r"503.*not ready after 10 seconds"):
        store.record()
    assert 10 <= sum(waits) < 11


def test_the_time_out_bounds_the_wait(asleep: FakeQdrant) -> None:
    """Who asks for a short time-out does not wait longer for a server to start, either."""
    opened = DocumentStore.open(url=asleep.url, timeout=0.2)
    with opened as store, pytest.raises(StoreError, match=r"not ready after 0\.2 seconds"):
        store.record()


def test_other_servers_have_no_readyz(
    server: FakeQdrant, policy: RetryPolicy, waits: list[float]
) -> None:
    """Any other answer ends the wait: the call itself then says what is wrong."""
    server.faults += [Fault("/exists", 503), Fault("/readyz", 404)]
    with DocumentStore.open(url=server.url, retries=policy) as store:
        assert store.record() is None
    assert waits == []


def test_a_name_that_leads_nowhere_is_not_waited_for(
    policy: RetryPolicy, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped host is told after the usual few tries."""

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    opened = DocumentStore.open(url="http://qdrnt:6333", retries=policy)
    with opened as store, pytest.raises(StoreError, match=r"http://qdrnt:6333 .*4 tries"):
        store.record()
    assert len(waits) == 3


def test_only_first_contact_waits(
    server: FakeQdrant, policy: RetryPolicy, waits: list[float]
) -> None:
    """A server that goes away in the middle is retried as before, not asked whether it is ready."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        ensure(store)
        server.faults += [Fault("/points", None), Fault("/points", 503)]
        store.upsert(make_document("/a.txt", "one two"))
    assert server.count("GET", "/readyz") == 0
    assert len(waits) == 2
