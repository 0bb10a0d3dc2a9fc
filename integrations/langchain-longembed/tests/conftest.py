"""One model for all tests, a library for each, and one with documents that tests only read."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

# A store waits for its disk at every write, and on a slow one that is most of what the tests
# take: scratch folders lie in memory where there is room. Who sets a folder is asked first.
_MEMORY, _ROOM = Path("/dev/shm"), 2 * 1024**3
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("TMPDIR", str(_MEMORY))
    tempfile.tempdir = None  # asked for anew
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest  # noqa: E402 - what is imported reads the environment

from langchain_longembed import LongEmbeddings, LongVectorStore  # noqa: E402
from longembed_rag import Library, LongEncoder  # noqa: E402

TOPICS = {
    "lease": "The lease of the house was signed by the tenant in the month of May.",
    "garden": "Apples, pears and plums grow behind the house in the old garden.",
    "ship": "A ship with red sails left the harbour on its way to Iceland.",
    "stars": "Astronomers counted the moons of Jupiter with a new telescope.",
    "bread": "The baker kneads dough for rye bread every morning before sunrise.",
}
#: A document of many passages: sixteen sentences on each topic.
LONG_TEXT = "\n\n".join(
    " ".join(f"{sentence[:-1]}, as note {number} says." for number in range(16))
    for sentence in TOPICS.values()
)


@pytest.fixture(scope="session")
def embeddings() -> LongEmbeddings:
    """Embeddings without settings, that keep loaded what others of the kind share."""
    return LongEmbeddings()


@pytest.fixture(scope="session")
def encoder(embeddings: LongEmbeddings) -> LongEncoder:
    """The default model, loaded once."""
    return embeddings.encoder


@pytest.fixture(scope="session")
def strict() -> LongEmbeddings:
    """Embeddings that refuse what is longer than 60 tokens."""
    return LongEmbeddings(max_length=60, overflow="error")


@pytest.fixture
def library(tmp_path: Path, encoder: LongEncoder) -> Iterator[Library]:
    """A library with nothing in it."""
    with Library.open(tmp_path / "store", encoder=encoder, passage_tokens=64) as library:
        yield library


@pytest.fixture
def store(library: Library) -> LongVectorStore:
    """A store with nothing in it, that returns passages."""
    return LongVectorStore(library)


@pytest.fixture(scope="session")
def topics(tmp_path_factory: pytest.TempPathFactory, encoder: LongEncoder) -> Iterator[Library]:
    """A short document on each topic and a long one on all, only to be read."""
    path = tmp_path_factory.mktemp("topics")
    with Library.open(path, encoder=encoder, passage_tokens=64) as library:
        store = LongVectorStore(library)
        known = [{"year": 2000 + number, "topic": name} for number, name in enumerate(TOPICS)]
        store.add_texts(list(TOPICS.values()), known, ids=list(TOPICS))
        store.add_texts([LONG_TEXT], [{"source": "notes.txt", "page": 7}], ids=["notes"])
        yield library


Frees = Callable[[object, str, Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]


@pytest.fixture
def leaves_the_loop_free(monkeypatch: pytest.MonkeyPatch) -> Frees:
    """Awaits a coroutine in which a method of something is called, and gives its result.

    The method waits for something that only the event loop can do, so that a coroutine that
    blocks the loop would wait in vain.
    """

    async def awaited(thing: object, name: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
        loop, method, free = asyncio.get_running_loop(), getattr(thing, name), asyncio.Event()

        async def set_free() -> None:
            free.set()

        def waiting(*given: Any, **options: Any) -> Any:
            asyncio.run_coroutine_threadsafe(set_free(), loop).result(timeout=10)
            return method(*given, **options)

        with monkeypatch.context() as patched:
            patched.setattr(thing, name, waiting)
            result = await coroutine
        assert free.is_set(), f"{name} was not called"
        return result

    return awaited
