"""What files are called: two files never alike, and each found again by what it is called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.discover import discover
from longembed_rag.files.readers import read_file
from longembed_rag.files.sources import path_of, source_of, source_of_resolved

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names are not bytes there")
#: Bytes of names, with what looks like the escapes of others more often than by chance.
PARTS = st.sampled_from([b"\\", b"x", b"5c", b"e9", b"\\xe9", b"\xe9", b"\xc3\xa9", b"e\xcc\x81"])
NAMES = st.lists(PARTS | st.binary(max_size=3), min_size=1).map(b"".join)
NAMES = NAMES.filter(lambda name: not set(name) & {0, 0x2F})
#: Names that print alike, or hardly print at all.
ALIKE = [
    b"caf\xe9.txt",
    b"caf\xc3\xa9.txt",
    b"cafe\xcc\x81.txt",
    b"caf\\xe9.txt",
    b"caf\\x5cxe9.txt",
    b"CAF\xc3\xa9.txt",
    b"A.txt",
    b"a.txt",
    b"two\nlines.txt",
    b"escape\x1b[31m.txt",
    b"\xff\xfe.txt",
    b"\xed\xa0\x80.txt",
    b" .txt",
    b"\xe2\x80\xae.txt",
    "ﬁ.txt".encode(),
    b"fi.txt",
]


@given(NAMES)
def test_a_name_is_called_so_that_it_is_found_again(name: bytes) -> None:
    """Whatever its bytes are; and what it is called is text that can be written anywhere."""
    path = os.fsdecode(b"/folder/" + name)
    source = source_of_resolved(path)
    assert os.fsencode(path_of(source)) == os.fsencode(Path(path))
    assert json.loads(json.dumps(source, ensure_ascii=False).encode()) == source


@given(st.sets(NAMES, min_size=2))
def test_two_names_are_never_called_alike(names: set[bytes]) -> None:
    """Not even where one looks like the escape of the other."""
    sources = {source_of_resolved(os.fsdecode(name)) for name in names}
    assert len(sources) == len(names)


def _write(folder: Path, names: list[bytes]) -> None:
    for number, name in enumerate(names):
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        path.write_text(f"words {number}")


def test_files_whose_names_print_alike_are_all_found(tmp_path: Path) -> None:
    """Each is a document of its own, with its own text, under one name everywhere."""
    _write(tmp_path, ALIKE)
    found = discover([tmp_path])
    assert len(found) == len(set(found.sources)) == len(ALIKE)
    for path, source in zip(found.files, found.sources, strict=True):
        read = read_file(path)
        assert read.metadata["source"] == source == source_of(path)
        assert path_of(source) == path
        number = ALIKE.index(os.fsencode(path.name))
        assert read.text == f"words {number}"


def test_two_names_of_one_file_are_two_documents(tmp_path: Path) -> None:
    """Hard links are; a symbolic link is another way to the one it leads to."""
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "b.txt").hardlink_to(tmp_path / "a.txt")
    (tmp_path / "c.txt").symlink_to(tmp_path / "a.txt")
    assert [path.name for path in discover([tmp_path])] == ["a.txt", "b.txt"]


@pytest.mark.parametrize("moment", [-1, -(10**10), 253_402_300_800, 2**40])
def test_a_file_of_any_time_is_read(tmp_path: Path, moment: int) -> None:
    """Before 1970, and in years that no calendar has, which is then not told."""
    path = tmp_path / "a.txt"
    path.write_text("words")
    try:
        os.utime(path, (moment, moment))
    except OverflowError:
        pytest.skip("this file system holds no such time")
    held = int(path.stat().st_mtime)
    read = read_file(path)
    assert read.text == "words"
    assert ("last_modified" in read.metadata) == (held < 253_402_300_800)
    assert len(discover([tmp_path])) == 1


def test_folders_without_an_end_are_told(tmp_path: Path) -> None:
    """What lies above is found; the folder that is not entered is named once."""
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(600):
        file = os.open("a.txt", os.O_CREAT | os.O_WRONLY, dir_fd=at)
        os.write(file, b"words")
        os.close(file)
        os.mkdir("folder", dir_fd=at)
        below = os.open("folder", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    (tmp_path / "z.txt").write_text("words")
    found = discover([tmp_path])
    assert str(tmp_path.resolve() / "z.txt") in found.sources
    assert 200 < len(found) < 300
    (failure,) = found.unreadable
    assert "folders deep, which is too deep; move it up" in failure.reason
