"""Finding files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.files.discover import discover
from longembed_rag.files.sources import source_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files of many kinds."""
    root = tmp_path / "tree"
    for name in ("b.txt", "a.md", "sub/c.PDF", "sub/deep/d.html", ".hidden.txt", ".git/e.txt"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (root / "picture.png").write_text("x")
    (root / "archive").write_text("x")
    return root.resolve()


def names(paths: tuple[Path, ...], root: Path) -> list[str]:
    """Paths below a root, as text."""
    return [str(path.relative_to(root)) for path in paths]


def test_folders_are_searched_and_sorted(tree: Path) -> None:
    """Supported files come sorted, hidden ones not, the others are listed as skipped."""
    found = discover([tree])
    assert names(found.files, tree) == ["a.md", "b.txt", "sub/c.PDF", "sub/deep/d.html"]
    assert [Path(each.source).name for each in found.skipped] == ["archive", "picture.png"]
    assert "no reader for .png" in found.skipped[1].reason
    assert list(found) == list(found.files)
    assert len(found) == 4


def test_the_store_is_not_entered(tree: Path) -> None:
    """An excluded folder is passed over, wherever it lies."""
    found = discover([tree], exclude=[tree / "sub" / ".." / "sub"])
    assert names(found.files, tree) == ["a.md", "b.txt"]


def test_named_files_are_always_taken(tree: Path) -> None:
    """A hidden file that is named is taken; one named twice is taken once."""
    found = discover([tree / ".hidden.txt", tree / "b.txt", tree / "sub" / ".." / "b.txt"])
    assert names(found.files, tree) == [".hidden.txt", "b.txt"]


def test_a_named_file_of_no_supported_type_fails(tree: Path) -> None:
    """What was asked for and cannot be done is a failure, also beside its folder."""
    found = discover([tree, tree / "picture.png"])
    (failure,) = found.unreadable
    assert failure.source == str(tree / "picture.png")
    assert "unsupported type (.png)" in failure.reason
    assert "picture.png" not in str(found.skipped)


def test_a_path_that_does_not_exist_is_wrong_use(tree: Path) -> None:
    """A missing path is named, and nothing else is done."""
    for missing in (tree / "never", tree / "b.txt" / "below"):
        with pytest.raises(SettingsError, match=str(missing)):
            discover([tree, missing])
    with pytest.raises(SettingsError, match="no path"):
        discover([])


def test_links_are_followed_without_going_round_in_circles(tree: Path, tmp_path: Path) -> None:
    """Loops end, links to nowhere are nothing, and two ways to a file are one file."""
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "self").symlink_to(tree / "self")
    (tree / "nowhere.txt").symlink_to(tree / "never.txt")
    (tree / "again.txt").symlink_to(tree / "b.txt")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f.txt").write_text("x")
    (tree / "link").symlink_to(outside)
    found = discover([tree])
    assert [path.name for path in found.files] == ["f.txt", "a.md", "b.txt", "c.PDF", "d.html"]
    with pytest.raises(SettingsError, match="self"):
        discover([tree / "self"])


def test_what_is_no_regular_file_is_not_read(tree: Path) -> None:
    """A pipe in a folder is skipped, one that is named fails; neither is opened."""
    os.mkfifo(tree / "pipe.txt")
    found = discover([tree])
    assert "pipe.txt" not in names(found.files, tree)
    assert ("no regular file") in [each.reason for each in found.skipped]
    (failure,) = discover([tree / "pipe.txt"]).unreadable
    assert "neither a regular file nor a folder" in failure.reason


def test_a_folder_that_cannot_be_listed_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is still found."""
    real = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("/sub"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = discover([tree])
    assert names(found.files, tree) == ["a.md", "b.txt"]
    (failure,) = found.unreadable
    assert failure.source == str(tree / "sub")
    assert "Permission denied" in failure.reason


def test_names_that_are_no_text_become_text(tmp_path: Path) -> None:
    """A file name that is not UTF-8 gives a source that every store can hold."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_text("x")
    (found,) = discover([tmp_path]).files
    assert source_of(found) == f"{tmp_path.resolve()}/caf\\xe9.txt"


def test_an_embedded_store_among_documents_is_passed_over(tmp_path: Path) -> None:
    """A copy of one may lie there; its files are no documents, and it is said to be there."""
    from longembed_rag.store.store import DocumentStore

    (tmp_path / "a.txt").write_text("text")
    backup = tmp_path / "backup"
    DocumentStore.open(path=backup).close()
    (backup / "more.json").write_text("{}")
    found = discover([tmp_path])
    assert [path.name for path in found] == ["a.txt"]
    assert [(each.source, "store" in each.reason) for each in found.skipped] == [
        (str(backup.resolve()), True)
    ]
