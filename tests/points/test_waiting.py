"""An embedded store that another process has open is waited for, with either engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from longembed_rag.cli import main
from longembed_rag.errors import SettingsError, StoreLockedError
from longembed_rag.library.library import Library
from longembed_rag.points.locking import FolderLock, once_free
from longembed_rag.store.store import DocumentStore
from tests.forked import PROGRAM, Forked, forked
from tests.store.fakes import FakeEncoder, make_document
from tests.stores import ensure, find, make_local


def write(pipe: Connection, folder: Path, seconds: float) -> None:
    """Open a store, write a document once told to, and let the store go after so long."""
    with DocumentStore.open(path=folder) as store:
        pipe.send("open")
        pipe.recv()
        store.upsert(make_document("/new.txt", "the harbour pilot boards every tanker"))
        time.sleep(seconds)


@contextmanager
def writing(folder: Path, seconds: float) -> Iterator[Forked]:
    """Another process that writes, and has the store open."""
    with forked(write, folder, seconds) as writer:
        assert writer.pipe.recv() == "open"
        yield writer


@pytest.fixture(params=["edge", "local"])
def made(request: pytest.FixtureRequest, folder: Path) -> Path:
    """A store with one document, closed."""
    if request.param == "local":
        make_local(folder)
    with DocumentStore.open(path=folder) as store:
        ensure(store).upsert(make_document("/old.txt", "a clockmaker repaired the bell"))
    return folder


def test_a_search_during_a_write_answers_from_the_state_after_it(made: Path) -> None:
    """It is told once whom it waits for, and finds what was written meanwhile."""
    told: list[str] = []
    with writing(made, 0.2) as writer:
        go = threading.Timer(0.1, writer.pipe.send, ["go"])
        go.start()
        with DocumentStore.open(path=made, on_wait=told.append) as store:
            assert find(store, "harbour pilot")[0].source == "/new.txt"
        go.join()
        writer.process.join(20)
        assert writer.process.exitcode == 0
    (line,) = told
    assert line.startswith(f"the store at {made} is in use by another process ({PROGRAM}, process ")
    assert f" {writer.pid}," in line
    assert line.endswith(": waiting up to 30 s")


def test_who_does_not_let_go_is_named_when_the_time_is_over(made: Path) -> None:
    """Not before, and not much later; 0 does not wait and says nothing."""
    told: list[str] = []
    with writing(made, 60) as writer:
        began = time.monotonic()
        with pytest.raises(StoreLockedError, match=rf"process id {writer.pid}, .*; try again"):
            DocumentStore.open(path=made, wait=0.2, on_wait=told.append)
        assert 0.2 <= time.monotonic() - began < 5
        assert len(told) == 1
        with pytest.raises(StoreLockedError):
            DocumentStore.open(path=made, wait=0, on_wait=told.append)
        assert len(told) == 1


def test_a_killed_holder_is_not_waited_for(made: Path) -> None:
    """Though its note still says that it holds the store."""
    with writing(made, 60) as writer:
        writer.kill()
        DocumentStore.open(path=made, wait=0).close()


def read(pipe: Connection, folder: Path) -> None:
    """Search in a store, once told to, and say what was found."""
    pipe.recv()
    with DocumentStore.open(path=folder) as store:
        pipe.send([each.source for each in find(store, "clockmaker")])


def test_several_searches_at_once_are_all_answered(made: Path) -> None:
    """One after the other."""
    with forked(read, made) as one, forked(read, made) as two, forked(read, made) as three:
        readers = (one, two, three)
        for reader in readers:
            reader.pipe.send("go")
        assert [reader.pipe.recv() for reader in readers] == [["/old.txt"]] * 3


@pytest.mark.parametrize(
    ("made", "said"),
    [("edge", "flag"), ("edge", "variable"), ("local", "file")],
    indirect=["made"],
)
def test_a_command_says_on_stderr_whom_it_waits_for(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """As long as the flag, the variable or the file says; then it ends with 1."""
    monkeypatch.chdir(tmp_path)
    flags = ("--wait", "0.2") if said == "flag" else ()
    if said == "variable":
        monkeypatch.setenv("LONGEMBED_WAIT", "0.2")
    if said == "file":
        Path("longembed.toml").write_text("wait = 0.2\n")
    with writing(made, 60):
        command = ["list", "--path", str(made), "--json", *flags]
        result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["type"] == "StoreLockedError"
    first, last = result.stderr.splitlines()
    assert first.endswith(": waiting up to 0.2 s")
    assert last.startswith("error: the store at")


def test_who_holds_it_in_this_process_is_not_waited_for(folder: Path) -> None:
    """It may be the very thread that asks, which would wait in vain."""
    with DocumentStore.open(path=folder):
        began = time.monotonic()
        with pytest.raises(StoreLockedError, match="another client in this process"):
            DocumentStore.open(path=folder, wait=30)
        assert time.monotonic() - began < 5


def test_a_lock_that_was_let_go_leaves_no_note(folder: Path) -> None:
    """Else the next holder would be taken for this process, until it has written its own."""
    lock = FolderLock(folder)
    assert (folder / "longembed.holder").exists()
    lock.release()
    assert not (folder / "longembed.holder").exists()


def test_errors_of_another_kind_are_not_waited_out() -> None:
    """Only a store that is held is tried again."""
    tried: list[int] = []

    def fail() -> None:
        tried.append(1)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        once_free(fail, wait=30)
    assert tried == [1]


@pytest.mark.parametrize("wait", [-1, float("nan"), float("inf"), "30", None, True])
def test_a_wait_that_is_none_is_named(folder: Path, wait: Any) -> None:
    """Before anything is opened."""
    for opening in (
        lambda: DocumentStore.open(path=folder, wait=wait),
        lambda: Library.open(folder / "none", encoder=FakeEncoder(), wait=wait),
    ):
        with pytest.raises(SettingsError, match="wait="):
            opening()
