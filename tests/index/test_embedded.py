"""What is particular to an embedded store: its lock, its folder, its disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from longembed_rag.errors import (
    StoreError,
    StoreLockedError,
    WriteError,
)
from longembed_rag.index.store import DocumentStore
from tests.index.conftest import ensure
from tests.index.fakes import make_document

TEXT = "one two three four five six seven eight nine ten eleven twelve"


def test_a_second_process_is_told_who_is_in_the_way(tmp_path: Path) -> None:
    """A store that is open elsewhere is refused with its folder's name, and free afterwards."""
    code = (
        "import sys; from pathlib import Path\n"
        "from longembed_rag.index.store import DocumentStore\n"
        "store = DocumentStore.open(path=Path(sys.argv[1])); print('open', flush=True)\n"
        "sys.stdin.read()"
    )
    folder = tmp_path / "store"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StoreLockedError, match=str(folder)):
            DocumentStore.open(path=folder)
        other.kill()
    DocumentStore.open(path=folder).close()


def test_a_client_of_somebody_else_locks_the_store_too(tmp_path: Path) -> None:
    """Qdrant's own lock, held by a program that does not know ours, gives the same error."""
    from qdrant_client import QdrantClient

    other = QdrantClient(path=str(tmp_path))
    with pytest.raises(StoreLockedError, match=str(tmp_path)):
        DocumentStore.open(path=tmp_path)
    other.close()
    DocumentStore.open(path=tmp_path).close()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """A store cannot be made where a file is."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="file"):
            DocumentStore.open(path=path)


def test_a_store_killed_at_birth_opens(tmp_path: Path) -> None:
    """The empty meta.json of a process that was killed while making the store does no harm."""
    (tmp_path / "meta.json").touch()
    with DocumentStore.open(path=tmp_path) as store:
        ensure(store)


def test_a_damaged_store_is_named_and_left_alone(tmp_path: Path) -> None:
    """A meta.json that is no JSON is an error of ours, and is not repaired by guessing."""
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(StoreError, match="damaged") as caught:
        DocumentStore.open(path=tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "meta.json").read_text() == "{"


def test_a_full_disk_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedded store that cannot write says so of the document, and keeps what it had."""
    import sqlite3

    from qdrant_client.local.persistence import CollectionPersistence

    def full(self: object, point: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with DocumentStore.open(path=tmp_path) as store:
        ensure(store).upsert(make_document("/a.txt", TEXT))
        with monkeypatch.context() as broken:
            broken.setattr(CollectionPersistence, "persist", full)
            with pytest.raises(WriteError, match=r"/b\.txt was not confirmed.*disk is full"):
                store.upsert(make_document("/b.txt", TEXT))
    with DocumentStore.open(path=tmp_path) as store:
        assert list(store.sources()) == ["/a.txt"]
        store.upsert(make_document("/b.txt", TEXT))
        assert sorted(store.sources()) == ["/a.txt", "/b.txt"]


def test_arrays_are_kept_as_arrays_in_an_embedded_store(tmp_path: Path) -> None:
    """A document of many passages takes little more than four bytes per number on disk."""
    from longembed_rag.encoder.values import Passage

    count = 4000
    vectors = np.random.default_rng(0).standard_normal((count, 16)).astype(np.float32)
    spans = tuple(Passage(0, 1, 1) for _ in range(count))
    with DocumentStore.open(path=tmp_path) as store:
        document = make_document("/a.txt", "x", passages=spans, passage_embeddings=vectors)
        ensure(store).upsert(document)
    (database,) = (tmp_path / "collection" / "documents").glob("*.sqlite")
    assert database.stat().st_size < 1.5 * vectors.nbytes
