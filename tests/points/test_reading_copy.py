"""A store that cannot be written to is read by way of a copy."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from longembed_rag.errors import StoreDamagedError, StoreError
from longembed_rag.points.locking import FolderLock, is_writable
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, find

pytestmark = pytest.mark.sealed


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of two documents in a folder that may not be written to from now on."""
    folder = tmp_path / "store"
    with DocumentStore.open(path=folder) as store:
        ensure(store)
        for name in ("apples", "pears"):
            store.upsert(make_document(f"/{name}.txt", f"{name} in the garden"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    # The tests may run as somebody who may write anywhere.
    monkeypatch.setattr("longembed_rag.points.connection.is_writable", lambda folder: False)
    return folder


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(each): (each.stat().st_mtime_ns, each.read_bytes())
        for each in folder.rglob("*")
        if each.is_file()
    }


def copies() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("longembed-copy-*"))


def test_it_is_searched_and_left_as_it_is(store: Path) -> None:
    """Filters too, for which an index would be made; the copy goes when it is closed."""
    before, told = state(store), []
    with DocumentStore.open(path=store, on_wait=told.append) as opened:
        assert opened.location == str(store)
        assert [each.source for each in find(opened, "apples")][:1] == ["/apples.txt"]
        assert len(copies()) == 1
    assert "cannot be written to: a copy of it is read" in told[0]
    assert state(store) == before
    assert copies() == []


def test_who_writes_is_told_so(store: Path) -> None:
    """And nothing is written, into the copy neither."""
    with DocumentStore.open(path=store) as opened:
        for write in (
            lambda: opened.upsert(make_document("/more.txt", "more")),
            lambda: opened.delete(["/apples.txt"]),
            lambda: opened.place.points.drop("documents"),
            lambda: opened.place.points.note("documents", {"a": 1}),
        ):
            with pytest.raises(StoreError, match=rf"{store} can only be read"):
                write()
        assert len(opened.sources()) == 2


def test_several_read_it_at_once_and_none_while_it_is_written(store: Path) -> None:
    """It is held only while it is copied."""
    with DocumentStore.open(path=store), DocumentStore.open(path=store):
        assert len(copies()) == 2
    writer = FolderLock(store)
    with pytest.raises(StoreError, match="in use"):
        DocumentStore.open(path=store, wait=0)
    writer.release()
    assert copies() == []


def test_a_damaged_one_is_refused(store: Path) -> None:
    """Before it is copied."""
    next(store.rglob("page_0.dat")).write_bytes(b"")
    with pytest.raises(StoreDamagedError, match=r"page_0\.dat"):
        DocumentStore.open(path=store)
    assert copies() == []


def test_what_killed_processes_left_is_removed(store: Path) -> None:
    """Of those that run, nothing is."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid()):
        Path(tempfile.gettempdir(), f"longembed-copy-{process}-x").mkdir()
    DocumentStore.open(path=store).close()
    assert [each.name for each in copies()] == [f"longembed-copy-{os.getpid()}-x"]


def test_no_room_for_a_copy_is_said(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way out."""

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("longembed_rag.points.edge.reading_copy.copy_held", full)
    with pytest.raises(StoreError, match="No space left on device; set TMPDIR"):
        DocumentStore.open(path=store)
    assert copies() == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_the_system_says_what_may_be_written(tmp_path: Path) -> None:
    """By the folder's rights and those of its lock."""
    assert is_writable(tmp_path)
    tmp_path.chmod(0o500)
    assert not is_writable(tmp_path)
    tmp_path.chmod(0o700)
