"""Stores to test with: of both engines in a folder, and of a server in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from qdrant_client import QdrantClient

from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.points.values import StorageOptions
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.search.syntax import Query
from longembed_rag.store.copying import copy_collection
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


def in_places(names: Sequence[str], *values: Sequence[Any]) -> pytest.MarkDecorator:
    """Try a fixture's engines with combinations of values: the quick embedded one with all of them.

    Local mode and the server share one round through every value; the rest are slow tests.

    Args:
        names: The fixture's name, and those of the values.
        values: What each may be.
    """
    usual = {
        (("server", "local")[turn % 2], *(each[turn % len(each)] for each in values))
        for turn in range(max(map(len, values)))
    }
    cases = [
        pytest.param(*case, marks=() if case[0] == "edge" or case in usual else pytest.mark.slow)
        for case in product(ENGINES, *values)
    ]
    return pytest.mark.parametrize(names, cases, indirect=names[:1])


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


def ensure(
    store: DocumentStore, *, storage: StorageOptions | None = None, **options: Any
) -> DocumentStore:
    """Make the fake encoder's collection, with index options if any are given."""
    given = IndexOptions(**options)
    kept = given.passages and given.late_interaction != "off"
    store.ensure(
        fingerprint=ENCODER.fingerprint,
        dimension=ENCODER.dimension,
        description=ENCODER.describe(),
        settings=ENCODER.settings.to_dict(),
        options=given if options else None,
        storage=storage,
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
    """The same collection in both engines and on a server, by their names: written once, copied."""
    with ExitStack() as stack:
        stores: dict[str, DocumentStore] = {}
        for engine in ENGINES:
            opener = stack.enter_context(opening(engine, stack.enter_context(scratch())))
            stores[engine] = stack.enter_context(opener())
            if engine == "edge":
                fill(ensure(stores[engine], **options), documents)
            else:
                copy_collection(stores["edge"], stores[engine])
        yield stores
