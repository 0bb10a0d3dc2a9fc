"""Which engine keeps a store is known from the first moment, whenever the process ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from longembed_rag.errors import MissingDependencyError
from longembed_rag.points.engine_mark import engine_in
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document
from tests.stores import ensure, make_local

_FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
_LAST = 0  # how a child ends that was not killed


def _missing() -> None:
    raise MissingDependencyError("not installed")


def _killed_at(step: int, folder: Path, engine: str) -> bool:
    """Make a store in a child that is killed at a step on the disk; whether it came that far."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != _LAST
    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "sqlite3.connect"):
            steps += str(folder) in str(arguments[0])
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if engine == "local":
            import longembed_rag.points.edge.engine as edge

            edge.require_engine = _missing
        sys.addaudithook(count)
        ensure(DocumentStore.open(path=folder)).close()
    except BaseException:  # noqa: BLE001 - no child may go on as the tests
        os._exit(1)
    os._exit(_LAST)


@_FORKS
@pytest.mark.parametrize("engine", ["edge", "local"])
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_kill_at_any_step_leaves_a_store_that_opens(
    tmp_path: Path, engine: str, every: bool
) -> None:
    """Killed at a step on the disk, it opens, and no temporary file is left."""
    step, marked = 1, 0
    while _killed_at(step, folder := tmp_path / str(step), engine):
        before = engine_in(folder)
        assert before in (None, engine)
        assert before is None or (folder / "longembed.engine").exists()
        with ensure(DocumentStore.open(path=folder)) as store:
            assert store.engine == (before or "edge")
            store.upsert(make_document("/a.txt", "one two three four"))
        with DocumentStore.open(path=folder) as store:
            assert list(store.sources()) == ["/a.txt"]
        assert not [path for path in folder.rglob("*") if ".half" in path.name]
        # Those at which the mark is made one by one, the others here and there, or all.
        step += 1 if every or 10 <= step < 14 else 3 if step < 10 else 5
        marked += before is not None
    assert marked > 5


def test_temporary_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    """The engine's and ours; other people's files stay, and what is whole."""
    folder = tmp_path / "store"
    with ensure(DocumentStore.open(path=folder)) as store:
        store.upsert(make_document("/a.txt", "one two three four"))
    shard = next((folder / "edge").glob("*/shard"))
    (shard / ".atomicwriteAbC12").mkdir()
    (shard / ".atomicwriteAbC12" / "tmpfile.tmp").write_text("half")
    (shard.parent / "collection.json.12-0123abcd.half").write_text("half")
    (folder / "longembed.engine.12-0123abcd.half").write_text("half")
    (folder / "mine.12-0123abcd.half").write_text("whole")
    with DocumentStore.open(path=folder) as store:
        assert list(store.sources()) == ["/a.txt"]
    left = [path.name for path in folder.rglob("*") if "half" in path.name or "atomic" in path.name]
    assert left == ["mine.12-0123abcd.half"]


@pytest.mark.parametrize("mark", [b"\xff\xfe\0", b"", b"[]"])
def test_a_mark_that_cannot_be_read_is_written_again(tmp_path: Path, mark: bytes) -> None:
    """What lies in the folder tells the engine; bytes that are no text are no reason to end."""
    with DocumentStore.open(path=tmp_path) as store:
        ensure(store)
        engine = store.engine
    (tmp_path / "longembed.engine").write_bytes(mark)
    with DocumentStore.open(path=tmp_path) as store:
        assert store.engine == engine
    assert (tmp_path / "longembed.engine").read_bytes() == f"{engine}\n".encode()


def test_an_empty_meta_file_loses_no_document(tmp_path: Path) -> None:
    """Local mode does not write it whole; a kill at that moment left a store that looked new."""
    folder = make_local(tmp_path / "store")
    with ensure(DocumentStore.open(path=folder)) as store:
        store.upsert(make_document("/a.txt", "one two three four"))
    (folder / "meta.json").write_bytes(b"")
    with DocumentStore.open(path=folder) as store:
        assert store.engine == "local"
        assert list(store.sources()) == ["/a.txt"]
    for name in ("meta.json", "longembed.meta.json"):
        (folder / name).write_bytes(b"")
    for name in ("longembed.meta.json", "longembed.engine", "longembed.seal"):
        (folder / name).unlink()
    assert engine_in(folder) == "local"
    with ensure(DocumentStore.open(path=folder)) as store:
        assert list(store.sources()) == ["/a.txt"]
