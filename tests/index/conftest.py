"""Stores to test with: in a folder, and of a server that runs in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longembed_rag.index.retries import RetryPolicy
from longembed_rag.index.store import DocumentStore
from tests.index.fake_qdrant import FakeQdrant, running_fake
from tests.index.fakes import FakeEncoder

Opener = Callable[[], DocumentStore]
ENCODER = FakeEncoder()


def ensure(store: DocumentStore) -> DocumentStore:
    """Make the fake encoder's collection."""
    store.ensure(
        fingerprint=ENCODER.fingerprint,
        dimension=ENCODER.dimension,
        description=ENCODER.describe(),
        settings=ENCODER.settings.to_dict(),
    )
    return store


@pytest.fixture
def server() -> Iterator[FakeQdrant]:
    """A server."""
    with running_fake() as fake:
        yield fake


@pytest.fixture
def waits() -> list[float]:
    """The waits between tries, none of which is really waited for."""
    return []


@pytest.fixture
def policy(waits: list[float]) -> RetryPolicy:
    """Retries that take no time."""
    return RetryPolicy(sleep=waits.append)


@pytest.fixture(params=["embedded", "server"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, policy: RetryPolicy) -> Iterator[Opener]:
    """Opens the same place again and again: a folder, or a server."""
    if request.param == "embedded":
        yield lambda: DocumentStore.open(path=tmp_path / "store")
        return
    with running_fake() as fake:
        yield lambda: DocumentStore.open(url=fake.url, retries=policy)


@pytest.fixture
def store(opener: Opener) -> Iterator[DocumentStore]:
    """An open store with the fake encoder's collection in it."""
    with opener() as opened:
        yield ensure(opened)
