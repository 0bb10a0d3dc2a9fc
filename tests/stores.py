"""Stores to test with: of both engines in a folder, and of a server in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from qdrant_client import QdrantClient

from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.search.syntax import Query
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import IndexedDocument
from tests.points.fake_qdrant import FakeQdrant, running_fake
from tests.store.corpora import fill
from tests.store.fakes import TOKENS, FakeEncoder, tokens_of, vector_of

Opener = Callable[[], DocumentStore]
ENCODER = FakeEncoder()
ENGINES = ("edge", "local", "server")


def make_local(folder: Path) -> Path:
    """Make an empty store of qdrant-client's local mode, as earlier versions did."""
    QdrantClient(path=str(folder)).close()
    return folder


@contextmanager
def opening(engine: str, folder: Path, *, policy: RetryPolicy | None = None) -> Iterator[Opener]:
    """Opens the same place again and again, as long as the block lasts."""
    if engine == "server":
        with running_fake() as fake:
            yield lambda: DocumentStore.open(url=fake.url, retries=policy)
    else:
        if engine == "local":
            make_local(folder)
        yield lambda: DocumentStore.open(path=folder)


def ensure(store: DocumentStore, **options: Any) -> DocumentStore:
    """Make the fake encoder's collection, with index options if any are given."""
    given = IndexOptions(**options)
    kept = given.passages and given.late_interaction != "off"
    store.ensure(
        fingerprint=ENCODER.fingerprint,
        dimension=ENCODER.dimension,
        description=ENCODER.describe(),
        settings=ENCODER.settings.to_dict(),
        options=given if options else None,
        tokens=TOKENS if kept else None,
    )
    return store


def find(store: DocumentStore, query: str | Query, **options: Any) -> list[SearchResult]:
    """Search with the fake encoder's vector of a query."""
    text = query if isinstance(query, str) else query.text
    return search_documents(
        store,
        query,
        vector=vector_of(text),
        tokens=tokens_of(text),
        options=SearchOptions(**options),
    )


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


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for a store."""
    with scratch() as made:
        yield made


@pytest.fixture
def remote(server: FakeQdrant, policy: RetryPolicy) -> Iterator[DocumentStore]:
    """A store on the server, with its collection made."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        yield ensure(store)


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, folder: Path, policy: RetryPolicy) -> Iterator[Opener]:
    """Opens the same place again and again: a folder of either engine, or a server."""
    with opening(request.param, folder / "store", policy=policy) as open_store:
        yield open_store


@pytest.fixture
def store(opener: Opener) -> Iterator[DocumentStore]:
    """An open store with the fake encoder's collection in it."""
    with opener() as opened:
        yield ensure(opened)


@contextmanager
def filled_everywhere(
    documents: Iterable[IndexedDocument], **options: Any
) -> Iterator[dict[str, DocumentStore]]:
    """The same collection in both engines and on a server, by their names."""
    given = list(documents)
    with ExitStack() as stack:
        stores = {}
        for engine in ENGINES:
            opener = stack.enter_context(opening(engine, stack.enter_context(scratch())))
            store = stack.enter_context(opener())
            stores[engine] = fill(ensure(store, **options), given)
        yield stores
