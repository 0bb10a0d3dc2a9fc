"""What is particular to an embedded store: its folder, its disk, the engine that keeps it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from longembed_rag.encoder.values import Passage
from longembed_rag.errors import MissingDependencyError, SettingsError, StoreError, WriteError
from longembed_rag.points.connection import choose_engine, has_store
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure

TEXT = "one two three four five six seven eight nine ten eleven twelve"


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_a_store_stays_with_the_engine_that_made_it(folder: Path, engine: str) -> None:
    """Who opens it without asking for one gets that, and who asks for another is told."""
    assert not has_store(folder)
    with DocumentStore.open(path=folder, engine=engine) as store:  # type: ignore[arg-type]
        assert ensure(store).engine == engine
    assert has_store(folder)
    with DocumentStore.open(path=folder) as store:
        assert store.engine == engine
        assert store.record() is not None
    other = {"edge": "local", "local": "edge"}[engine]
    with pytest.raises(SettingsError, match=f"engine='{other}'.*made with '{engine}'"):
        DocumentStore.open(path=folder, engine=other)  # type: ignore[arg-type]
    DocumentStore.open(path=folder).close()


def test_without_the_edge_package_local_mode_takes_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The faster engine is the default, and who has not got it is none the worse."""
    assert choose_engine(folder) == "edge"

    def missing() -> None:
        raise MissingDependencyError("not installed")

    monkeypatch.setattr("longembed_rag.points.edge.engine.require_engine", missing)
    assert choose_engine(folder) == "local"
    assert choose_engine(folder, "edge") == "edge"
    monkeypatch.setattr("longembed_rag.points.edge.client.require_engine", missing)
    with pytest.raises(MissingDependencyError, match="not installed"):
        DocumentStore.open(path=folder, engine="edge")
    DocumentStore.open(path=folder).close()


def test_an_unknown_engine_is_refused(folder: Path) -> None:
    """The engines there are, are named."""
    with pytest.raises(SettingsError, match=r"engine='sqlite' is not one of: auto, edge, local"):
        DocumentStore.open(path=folder, engine="sqlite")  # type: ignore[arg-type]


def test_a_file_in_place_of_the_folder_is_named(folder: Path) -> None:
    """A store cannot be made where a file is."""
    (folder / "file").write_text("")
    for path in (folder / "file", folder / "file" / "below"):
        with pytest.raises(StoreError, match="file"):
            DocumentStore.open(path=path)


def test_a_store_killed_at_birth_opens(folder: Path) -> None:
    """The empty meta.json of a process that was killed while making the store does no harm."""
    (folder / "meta.json").touch()
    with DocumentStore.open(path=folder, engine="local") as store:
        ensure(store)


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_a_damaged_store_is_named_and_left_alone(folder: Path, engine: str) -> None:
    """A description that is no JSON is an error of ours, and is not repaired by guessing."""
    with DocumentStore.open(path=folder, engine=engine) as store:  # type: ignore[arg-type]
        ensure(store)
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
    from longembed_rag.points.edge.engine import Shard

    def full(self: object, operation: object) -> None:
        raise RuntimeError("Service runtime error: disk is full")

    monkeypatch.setattr(Shard, "update", full)


@pytest.mark.parametrize(("engine", "breaks"), [("local", _broken_local), ("edge", _broken_edge)])
def test_a_full_disk_is_told_and_changes_nothing(folder: Path, engine: str, breaks: object) -> None:
    """An embedded store that cannot write says so, and keeps what it had."""
    with DocumentStore.open(path=folder, engine=engine) as store:  # type: ignore[arg-type]
        ensure(store).upsert(make_document("/a.txt", TEXT))
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
    from longembed_rag.points.edge.client import EdgeClient

    upsert = EdgeClient.upsert

    def full(self: EdgeClient, name: str, **given: object) -> object:
        if name == "documents":
            raise RuntimeError("disk is full")
        return upsert(self, name, **given)  # type: ignore[arg-type]

    with DocumentStore.open(path=folder) as store:
        ensure(store)
        monkeypatch.setattr(EdgeClient, "upsert", full)
        with pytest.raises(WriteError, match=r"/b\.txt was not confirmed.*disk is full"):
            store.upsert(make_document("/b.txt", TEXT))


def test_arrays_are_kept_as_arrays_in_local_mode(folder: Path) -> None:
    """The vectors of many passages take little more than four bytes per number on disk."""
    count, dimension = 200, 4096
    vectors = np.random.default_rng(0).standard_normal((count, dimension)).astype(np.float32)
    spans = tuple(Passage(0, 1, 1) for _ in range(count))
    document = make_document(
        "/a.txt", "x", embedding=vectors[0], passages=spans, passage_embeddings=vectors
    )
    with DocumentStore.open(path=folder, engine="local") as store:
        store.ensure(fingerprint="f", dimension=dimension, description={})
        store.upsert(document)
    (database,) = (folder / "collection" / "documents.passages").glob("*.sqlite")
    assert database.stat().st_size < 1.5 * vectors.nbytes
