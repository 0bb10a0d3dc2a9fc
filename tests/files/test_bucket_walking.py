"""Looking through buckets by the rules that hold for folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.files.discover import Discovery, discover, discover_each
from longembed_rag.files.remote import Remote
from longembed_rag.files.selection import Selection
from tests.shelf import CUT, DENIED, ShelfFileSystem, StairsFileSystem

PROTOCOLS = pytest.mark.parametrize("protocol", ["shelf", "stairs"])
FILES = {
    "a.txt": "a",
    ".hidden.txt": "h",
    "~$a.docx": "lock",
    "film.ts": "G@\1\2\3" * 99,
    "code.ts": "let a = 1;",
    "notes.bak/b.md": "b",
    "drafts/c.txt": "c",
    "drafts/keep.txt": "k",
    "node_modules/d.js": "d",
    "index/longembed.lock": "",
    "index/e.txt": "e",
    "odd.xyz": "text",
    "empty.py": "",
    "logs/.longembedignore": "*.log\n",
    "logs/f.log": "f",
    "logs/deep/g.log": "g",
    "logs/deep/h.txt": "h",
    "git/.gitignore": "i.*\n[\n",
    "git/i.txt": "i",
}


@pytest.fixture
def filled(shelf: Path) -> Path:
    """A bucket with something of everything."""
    for name, text in FILES.items():
        (shelf / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf / "p" / name).write_text(text)
    return shelf / "p"


def _as_folder(found: Discovery, start: str) -> list[object]:
    """What was found, as if it were relative to one folder."""

    def cut(name: str) -> str:
        return name.removeprefix(start)

    return [
        [cut(name) for name in found.names],
        [(cut(each.source), each.reason) for each in found.skipped],
        [(cut(each.source), each.reason) for each in found.excluded],
        found.unreadable,
    ]


@PROTOCOLS
@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(all_text=True),
        Selection(gitignore=True, exclude=["drafts/*", "!keep.txt"]),
        Selection(include=["*.txt", "*.log"], exclude=["/logs/"]),
    ],
    ids=["plain", "all text", "exclude", "include"],
)
def test_a_bucket_gives_what_a_folder_gives(
    protocol: str, selection: Selection, filled: Path
) -> None:
    """The same files are taken, skipped and passed over, for the same reasons."""
    there = discover([f"{protocol}://box/p/"], selection=selection)
    here = discover([filled], selection=selection)
    assert there.roots == (Remote(f"{protocol}://box/p"),)
    assert _as_folder(there, f"{protocol}://box/p/") == _as_folder(here, f"{filled.resolve()}/")
    assert len(there.names) > 2
    assert [stamp.size for stamp in there.stamps.values()] == [
        stamp.size for stamp in here.stamps.values()
    ]
    assert there.is_excluded(f"{protocol}://box/p/node_modules/sub/x.js")
    assert not there.is_excluded(f"{protocol}://box/p/a.txt")


def test_a_bucket_is_listed_at_once_and_folders_one_by_one(filled: Path) -> None:
    """Of the others, what is passed over is not listed."""
    discover(["shelf://box/p"])
    assert len([each for each in ShelfFileSystem.asked if "drafts" in each]) == 0
    discover(["stairs://box/p"], selection=Selection(exclude=["drafts/"]))
    listed = {each.rpartition("/")[2] for each in StairsFileSystem.asked}
    assert {"deep", "logs"} < listed
    assert not listed & {"drafts", "node_modules"}


@PROTOCOLS
def test_an_object_that_is_named_is_taken(protocol: str, filled: Path) -> None:
    """Whatever patterns say; one of no kind is a failure."""
    names = [f"{protocol}://box/p/{name}" for name in ("a.txt", "odd.xyz", "~$a.docx", "film.ts")]
    found = discover(names, selection=Selection(exclude=["*"]))
    assert list(found.names) == [names[0], names[3]]
    assert [each.source for each in found.unreadable] == [names[1], names[2]]
    every = discover(names, selection=Selection(all_text=True))
    assert list(every.names) == [names[0], names[3], names[1]]


def test_roots_lie_in_each_other_and_among_paths(filled: Path, tmp_path: Path) -> None:
    """Each object comes once, by what was said of the nearer one; a path beside it."""
    (tmp_path / "here.txt").write_text("x")
    found = discover_each(
        {
            Remote("shelf://box"): Selection(exclude=["*.txt"]),
            Remote("shelf://box/p/drafts"): Selection(),
            tmp_path / "here.txt": Selection(),
        }
    )
    assert set(found.sources) == {
        str((tmp_path / "here.txt").resolve()),
        "shelf://box/p/code.ts",
        "shelf://box/p/drafts/c.txt",
        "shelf://box/p/drafts/keep.txt",
        "shelf://box/p/notes.bak/b.md",
    }


def test_what_cannot_be_listed_is_named(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of a bucket that breaks off is none; a folder elsewhere is one failure."""
    monkeypatch.setenv(CUT, "keep")
    found = discover(["shelf://box/p"])
    assert found.names == ()
    (failure,) = found.unreadable
    assert failure.source == "shelf://box/p"
    assert failure.reason.startswith("it cannot be reached (the connection was lost)")
    monkeypatch.setenv(DENIED, "deep")
    found = discover(["stairs://box/p"])
    assert "stairs://box/p/a.txt" in found.names
    (failure,) = found.unreadable
    assert failure.source == "stairs://box/p/logs/deep"
    assert failure.reason.startswith("it cannot be listed: no permission to read it (denied")
    assert "secret" not in failure.reason


def test_an_ignore_file_is_read_or_told(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read leaves its folder unknown; what is no pattern is a setting."""
    monkeypatch.setenv(DENIED, "longembedignore")
    (failure,) = discover(["shelf://box/p"]).unreadable
    assert failure.source == "shelf://box/p/logs"
    assert failure.reason.startswith("shelf://box/p/logs/.longembedignore cannot be read: no perm")
    monkeypatch.delenv(DENIED)
    (filled / "logs" / ".longembedignore").write_text("[z-a]\n!\n")
    with pytest.raises(SettingsError, match=r"shelf://box/p/logs/\.longembedignore: '.*' is not"):
        discover(["shelf://box/p"])


def test_folders_that_lead_in_circles_end(shelf: Path) -> None:
    """A link to the folder above it is followed as deep as any folder, and told."""
    (shelf / "a").mkdir()
    (shelf / "a" / "x.txt").write_text("x")
    names = "/".join(["n"] * 252)
    (shelf / "a" / names).mkdir(parents=True)
    (failure,) = discover(["stairs://box/a"]).unreadable
    assert "it lies 251 folders deep" in failure.reason
