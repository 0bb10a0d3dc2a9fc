"""Files and folders that are there whole, or as they were before."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from longembed_rag.whole_files import half_written, read_plain, remove_halves, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("content", "expected"),
    [("größer", "größer".encode()), (b"\x00\xff", b"\x00\xff"), (memoryview(b"view"), b"view")],
)
def test_a_file_is_replaced(
    content: str | bytes | memoryview, expected: bytes, tmp_path: Path
) -> None:
    """Text in UTF-8, bytes as they are; nothing else stays in the folder."""
    path = tmp_path / "file.txt"
    path.write_text("before")
    write_whole(path, content)
    assert path.read_bytes() == expected
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_what_fails_leaves_what_was(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle changes nothing, and leaves nothing behind."""
    path = tmp_path / "file.txt"
    write_whole(path, "before")

    def fail(*given: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, fail)
        with pytest.raises(OSError, match="no space"):
            write_whole(path, "after")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="files have no such modes there")
def test_a_file_is_for_those_whom_the_umask_lets(tmp_path: Path) -> None:
    """As any other file that is written: a result is not for its owner's eyes alone."""
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "whole", "text")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_comes_whole(there: bool, tmp_path: Path) -> None:
    """It takes the place of none or of an empty one, and until then it is not there."""
    path = tmp_path / "model"
    if there:
        path.mkdir()
    with half_written(path) as half:
        (half / "part").mkdir(parents=True)
        (half / "part" / "file").write_text("text")
        assert names(path) == [] if there else not path.exists()
    assert (path / "part" / "file").read_text() == "text"
    assert names(tmp_path) == ["model"]


def test_a_folder_that_holds_something_stays(tmp_path: Path) -> None:
    """Nothing is thrown away for what comes in its place; nor does a failure leave half a one."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "mine").touch()
    with pytest.raises(OSError, match="empty"), half_written(path) as half:
        half.mkdir()
    with pytest.raises(FileNotFoundError), half_written(tmp_path / "other") as half:
        (half / "file").touch()
    with suppress(RuntimeError), half_written(tmp_path / "other") as half:
        half.mkdir()
        raise RuntimeError("on the way")
    assert names(tmp_path) == ["model"]
    assert names(path) == ["mine"]


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    """Halves of this file and folder only, and nothing that merely looks alike."""
    program = (
        "import os, sys; from pathlib import Path; "
        "from longembed_rag.whole_files import half_written\n"
        "with half_written(Path(sys.argv[1])) as half:\n"
        "    half.mkdir() if sys.argv[1].endswith('r') else half.touch()\n"
        "    (half / 'file').touch() if half.is_dir() else None\n"
        "    os._exit(9)"
    )
    for name in ("a.r", "b.txt"):
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=False)
        assert done.returncode == 9
    for kept in ("a.r", "b.txt", "b.txt.bak", "c.txt.1.half"):
        (tmp_path / kept).touch()
    assert len(names(tmp_path)) == 6
    remove_halves(tmp_path / "a.r")
    remove_halves(tmp_path / "b.txt")
    remove_halves(tmp_path / "nowhere" / "d.txt")
    assert names(tmp_path) == ["a.r", "b.txt", "b.txt.bak", "c.txt.1.half"]


def test_reading_takes_the_memory_of_what_is_read(tmp_path: Path) -> None:
    """And not of the most that it may be."""
    path = tmp_path / "file.json"
    path.write_bytes(b"x" * 3_000_000)
    tracemalloc.start()
    try:
        assert len(read_plain(path, most=1 << 30)) == 3_000_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    with pytest.raises(OSError, match="larger than 2 MiB"):
        read_plain(path, most=2 << 20)
