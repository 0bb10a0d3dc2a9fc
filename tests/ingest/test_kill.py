"""An ingest that is killed at any moment, and goes on as if nothing had happened."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longembed_rag.ingest.report import DocumentDone, Event
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.ingest.verify import verify
from longembed_rag.store.payload import OWN_KEY
from longembed_rag.store.store import DocumentStore
from tests.forked import forked
from tests.store.fakes import FakeEncoder
from tests.stores import make_local

# So many that none of the ingests below is done before it is killed.
DOCUMENTS = 16


def ingest(pipe: Connection, folder: Path, path: Path) -> None:
    """Ingest a folder, and say what is written."""

    def tell(event: Event) -> None:
        if isinstance(event, DocumentDone) and event.status in ("added", "updated"):
            pipe.send(event.source)

    encoder = FakeEncoder(before=lambda text: time.sleep(0.015))
    with DocumentStore.open(path=path) as store:
        synchronise([folder], encoder=encoder, store=store, on_event=tell)


def ingest_and_kill(folder: Path, store: Path, *, documents: int, wait: float) -> set[str]:
    """Kill an ingest so many seconds after it has told that many documents as written.

    Returns:
        What it told as written.
    """
    with forked(ingest, folder, store) as child:
        told = {child.pipe.recv() for _ in range(documents)}
        assert len(told) == documents
        time.sleep(wait)
        child.kill()
        with suppress(EOFError, OSError):  # the last word may be cut off
            while True:
                told.add(child.pipe.recv())
    return told


def write_documents(folder: Path, *, version: int) -> None:
    """So many documents; for the second version a third is changed, and a third replaced."""
    folder.mkdir(exist_ok=True)
    for number in range(DOCUMENTS):
        path = folder / f"{number:02}.txt"
        words = " ".join(f"word{number}-{index}" for index in range(40 + number))
        if version == 1:
            path.write_text(words)
        elif number % 3 == 1:
            path.write_text(f"changed {words}")
        elif number % 3 == 2:
            path.unlink()
            (folder / f"new{number:02}.txt").write_text(f"new {words}")


def content(store: DocumentStore) -> dict[str, tuple[Any, ...]]:
    """Every point of the three collections: its payload and its vectors."""
    points: dict[str, tuple[Any, ...]] = {}
    for name in (store.collection, store.place.passages, store.place.manifest):
        records, rest = store.client.scroll(
            name, limit=10_000, with_payload=True, with_vectors=True
        )
        assert rest is None
        for record in records:
            # Which average a document's words were weighed by depends on what came before it.
            payload = dict(record.payload or {})
            own = dict(payload.pop(OWN_KEY, {}))
            terms = own.pop("counts", [])[:2]
            own.pop("words", None)  # the sums of their weights
            vectors: Any = record.vector if isinstance(record.vector, dict) else {}
            points[f"{name} {record.id}"] = (payload, own, terms, _shape(vectors))
    return points


def _shape(vectors: dict[str, Any]) -> dict[str, Any]:
    """Dense vectors, and which terms there are in sparse ones."""
    return {
        name: sorted(value.indices) if hasattr(value, "indices") else np.round(value, 5).tobytes()
        for name, value in vectors.items()
    }


def ingested(
    folder: Path, store_path: Path, engine: Any
) -> tuple[list[str], dict[str, tuple[Any, ...]]]:
    """What an ingest in this process embeds, and what the collections hold after it."""
    embedded: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, DocumentDone) and event.status != "unchanged":
            embedded.append(event.source)

    if engine == "local" and not store_path.exists():
        make_local(store_path)
    with DocumentStore.open(path=store_path) as store:
        assert store.engine == engine
        synchronise([folder], encoder=FakeEncoder(), store=store, on_event=tell)
        assert verify(store) == []
        return embedded, content(store)


@pytest.mark.parametrize(
    ("seed", "engine"),
    [
        pytest.param(seed, engine, marks=() if (seed, engine) == (0, "edge") else pytest.mark.slow)
        for engine in ("edge", "local")
        for seed in (0, 1, 2)
    ],
)
def test_killed_at_any_moment_it_loses_and_repeats_nothing(
    tmp_path: Path, seed: int, engine: Any
) -> None:
    """Killed again and again, a resumed ingest ends as an undisturbed one does.

    What was told as done is there after the kill, and is not embedded again; there is no document
    and no passage twice, and none that should be gone.
    """
    chance = random.Random(seed)
    folder, store_path = tmp_path / "documents", tmp_path / "store"
    if engine == "local":
        make_local(store_path)
    for version in (1, 2):
        write_documents(folder, version=version)
        written: set[str] = set()
        for documents in (0, chance.randint(1, 3), chance.randint(1, 2)):
            wait = chance.uniform(0, 0.03)
            now = ingest_and_kill(folder, store_path, documents=documents, wait=wait)
            assert not now & written
            written |= now
            with DocumentStore.open(path=store_path) as store:
                there = set() if store.record() is None else set(store.complete_sources())
                assert written <= there
        embedded, resumed = ingested(folder, store_path, engine)
        assert not set(embedded) & written
        _, undisturbed = ingested(folder, tmp_path / f"undisturbed{version}", engine)
        assert resumed == undisturbed
