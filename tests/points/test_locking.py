"""One process at a time holds an embedded store, and says who it is."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from longembed_rag.errors import StoreError, StoreLockedError
from longembed_rag.points.locking import FolderLock, locked
from longembed_rag.store.store import DocumentStore
from tests.forked import PROGRAM, forked
from tests.stores import make_local


def hold(pipe: Connection, folder: Path) -> None:
    """Hold a store open."""
    store = DocumentStore.open(path=folder)
    pipe.send("open")
    pipe.recv()
    store.close()


@pytest.mark.parametrize("engine", ["edge", "local"])
def test_a_second_process_is_told_who_is_in_the_way(folder: Path, engine: str) -> None:
    """A store that is open elsewhere is refused with the other's process id, and free after it."""
    if engine == "local":
        make_local(folder)
    with forked(hold, folder) as other:
        assert other.pipe.recv() == "open"
        told = rf"{folder}.*\({PROGRAM}, process id {other.pid}, sin"
        with pytest.raises(StoreLockedError, match=told):
            DocumentStore.open(path=folder, wait=0)
        other.kill()
    DocumentStore.open(path=folder).close()


def test_a_second_client_in_this_process_is_told_apart(folder: Path) -> None:
    """Who holds it in the same process is not sent looking for another one."""
    first = FolderLock(folder)
    with pytest.raises(StoreLockedError, match="another client in this process") as caught:
        FolderLock(folder)
    assert str(os.getpid()) not in str(caught.value)
    first.release()
    first.release()
    FolderLock(folder).release()


@pytest.mark.parametrize("holder", [None, "", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_left_no_word_is_somebody(folder: Path, holder: str | None) -> None:
    """A missing or damaged note changes the message only."""
    if holder is not None:
        (folder / "longembed.holder").write_text(holder)
    told = str(locked(folder))
    assert f"the store at {folder} is in use by another process (or another client" in told


def test_a_client_of_somebody_else_locks_the_store_too(folder: Path) -> None:
    """Qdrant's own lock, held by a program that does not know ours, gives the same error."""
    from qdrant_client import QdrantClient

    DocumentStore.open(path=make_local(folder)).close()
    other = QdrantClient(path=str(folder))
    with pytest.raises(StoreLockedError, match=rf"{folder} is in use by a client that is not of"):
        DocumentStore.open(path=folder, wait=0)
    other.close()
    DocumentStore.open(path=folder).close()


def test_an_edge_client_of_somebody_else_locks_the_store_too(folder: Path) -> None:
    """So does the engine's own lock."""
    from longembed_rag.points.edge_client.client import EdgeClient

    other = EdgeClient(folder / "edge")
    with pytest.raises(StoreLockedError, match=rf"{folder} is in use by a client that is not of"):
        DocumentStore.open(path=folder, wait=0)
    other.close()
    DocumentStore.open(path=folder).close()


def test_a_store_that_cannot_be_opened_is_not_left_locked(folder: Path) -> None:
    """Who failed to open it does not stand in the way of who repairs it."""
    broken = folder / "edge" / "one.edge" / "collection.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        DocumentStore.open(path=folder)
    FolderLock(folder).release()


def test_a_lock_that_cannot_be_written_is_named(folder: Path) -> None:
    """A folder that the lock file cannot be made in is named with the reason."""
    (folder / "longembed.lock").mkdir()
    with pytest.raises(StoreError, match=f"cannot write to the store at {folder}: Is a directory"):
        FolderLock(folder)
