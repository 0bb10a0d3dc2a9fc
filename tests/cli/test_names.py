"""Files whose names print alike or not at all: every command knows each by the same name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, as_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names are not bytes there")
NAMES = [b"caf\xe9.txt", b"caf\xc3\xa9.txt", b"caf\\xe9.txt", b"two\nlines.txt"]
WORDS = ["apples", "pears", "plums", "figs"]


@pytest.fixture
def folder() -> Path:
    """A folder of such files, each with a word of its own."""
    folder = Path("documents").resolve()
    folder.mkdir()
    for name, word in zip(NAMES, WORDS, strict=True):
        _path(folder, name).write_text(f"The {word} are ripe.")
    return folder


def _path(folder: Path, name: bytes) -> Path:
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name))


def test_every_command_knows_a_file_by_one_name(run: Run, folder: Path) -> None:
    """It goes in, stays as it is, is listed, found, shown, removed and, deleted, goes out."""
    assert as_json(run("ingest", "documents", "--json"))["added"] == len(NAMES)
    assert as_json(run("ingest", "documents", "--json"))["unchanged"] == len(NAMES)
    listed = [each["source"] for each in as_json(run("list", "--json"))["documents"]]
    assert len(set(listed)) == len(NAMES)
    for name, word in zip(NAMES, WORDS, strict=True):
        found = as_json(run("search", word, "--mode", "sparse", "--json"))["results"]
        (source,) = {each["source"] for each in found}
        assert source in listed
        shown = as_json(run("show", str(_path(Path("documents"), name)), "--json"))
        assert shown["source"] == source
        assert word in as_json(run("show", source, "--json"))["text"]
    assert run("verify").exit_code == 0
    gone = _path(folder, NAMES[0])
    gone.unlink()
    assert as_json(run("ingest", "documents", "--json"))["deleted"] == 1
    assert run("remove", str(_path(Path("documents"), NAMES[-1]))).exit_code == 0
    left = {each["source"] for each in as_json(run("list", "--json"))["documents"]}
    assert len(left) == len(NAMES) - 2
