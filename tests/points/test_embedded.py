"""What is particular to an embedded store: its folder, its disk, the engine that keeps it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import MissingDependencyError, StoreError, WriteError
from longembed_rag.points.connection import has_store
from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.engine_mark import engine_in
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, make_local

TEXT = "one two three four five six seven eight nine ten eleven twelve"


def make(folder: Path, engine: str) -> DocumentStore:
    """Open a new store of an engine, with its collection made."""
    return ensure(DocumentStore.open(path=make_local(folder) if engine == "local" else folder))


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_a_store_stays_with_the_engine_that_made_it(folder: Path, engine: str) -> None:
    """What was made by local mode opens by it, what is new is made by Qdrant's own engine."""
    assert not has_store(folder)
    with make(folder, engine) as store:
        assert store.engine == engine
    assert engine_in(folder) == engine
    with DocumentStore.open(path=folder) as store:
        assert store.engine == engine
        assert store.record() is not None


def test_without_the_edge_package_local_mode_takes_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no wheel of the engine a store is made all the same; others are not opened."""

    def missing() -> None:
        raise MissingDependencyError("not installed")

    with DocumentStore.open(path=folder / "edge-store") as store:
        assert store.engine == "edge"
    monkeypatch.setattr("longembed_rag.points.edge.engine.require_engine", missing)
    with DocumentStore.open(path=folder / "new") as store:
        assert store.engine == "local"
    monkeypatch.setattr("longembed_rag.points.edge.collections.require_engine", missing)
    with pytest.raises(MissingDependencyError, match="not installed"):
        DocumentStore.open(path=folder / "edge-store")


def test_the_clients_local_mode_refuses_our_store_with_a_sentence(folder: Path) -> None:
    """It would find no collection, and make its own beside ours."""
    with make(folder, "edge") as store:
        store.upsert(make_document("/a.txt", TEXT))
    with pytest.raises(ValueError, match=r"open it with longembed_rag\.Library\.open\(folder\)"):
        QdrantClient(path=str(folder))
    with DocumentStore.open(path=folder) as store:
        assert list(store.sources()) == ["/a.txt"]


def test_a_file_in_place_of_the_folder_is_named(folder: Path) -> None:
    """A store cannot be made where a file is."""
    (folder / "file").write_text("")
    for path in (folder / "file", folder / "file" / "below"):
        with pytest.raises(StoreError, match="file"):
            DocumentStore.open(path=path)


def test_a_store_killed_at_birth_opens(folder: Path) -> None:
    """The empty meta.json of a process that was killed while making the store does no harm."""
    (folder / "meta.json").touch()
    with make(folder, "edge"):
        assert engine_in(folder) == "edge"


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_a_damaged_store_is_named_and_left_alone(folder: Path, engine: str) -> None:
    """A description that is no JSON is an error of ours, and is not repaired by guessing."""
    make(folder, engine).close()
    described = sorted(folder.rglob("meta.json" if engine == "local" else "edge/*/*.json"))[0]
    described.write_text("{")
    with pytest.raises(StoreError, match="damaged") as caught:
        DocumentStore.open(path=folder)
    assert "\n" not in str(caught.value)
    assert described.read_text() == "{"


def _broken_local(monkeypatch: pytest.MonkeyPatch) -> None:
    from qdrant_client.local.persistence import CollectionPersistence

    def full(self: object, point: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(CollectionPersistence, "persist", full)


def _broken_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, operation: object) -> None:
        raise RuntimeError("Service runtime error: disk is full")

    monkeypatch.setattr(Shard, "update", full)


@pytest.mark.parametrize(("engine", "breaks"), [("local", _broken_local), ("edge", _broken_edge)])
def test_a_full_disk_is_told_and_changes_nothing(folder: Path, engine: str, breaks: object) -> None:
    """An embedded store that cannot write says so, and keeps what it had."""
    with make(folder, engine) as store:
        store.upsert(make_document("/a.txt", TEXT))
        with pytest.MonkeyPatch.context() as broken:
            breaks(broken)  # type: ignore[operator]
            with pytest.raises(StoreError, match="disk is full"):
                store.upsert(make_document("/b.txt", TEXT))
    with DocumentStore.open(path=folder) as store:
        assert list(store.sources()) == ["/a.txt"]
        store.upsert(make_document("/b.txt", TEXT))
        assert sorted(store.sources()) == ["/a.txt", "/b.txt"]
        assert len(store.complete_sources()) == 2


def test_a_disk_that_fills_up_on_the_way_names_the_document(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the manifest still went through, the error says of which document it was."""
    update = Shard.update

    def full(self: Shard, operation: Any) -> None:
        if "documents-" in str(self._folder):
            raise RuntimeError("disk is full")
        update(self, operation)

    with make(folder, "edge") as store:
        monkeypatch.setattr(Shard, "update", full)
        with pytest.raises(WriteError, match=r"/b\.txt was not confirmed.*disk is full"):
            store.upsert(make_document("/b.txt", TEXT))


def test_arrays_are_kept_as_arrays_in_local_mode(folder: Path) -> None:
    """The vectors of many passages take little more than four bytes per number on disk."""
    count, dimension = 200, 4096
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    spans = tuple(Passage(0, 1, 1) for _ in range(count))
    document = make_document(
        "/a.txt",
        "x",
        embedding=vectors[0],
        passages=spans,
        passage_embeddings=vectors,
        token_vectors=None,
    )
    with DocumentStore.open(path=make_local(folder)) as store:
        store.ensure(fingerprint="f", dimension=dimension, description={})
        store.upsert(document)
    (database,) = (folder / "collection" / "documents.passages").glob("*.sqlite")
    assert database.stat().st_size < 1.5 * vectors.nbytes
