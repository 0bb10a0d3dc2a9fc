"""What was removed is in no file of the store any more."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_rag import Document, Library
from longembed_rag.errors import SettingsError
from longembed_rag.points.edge.rewriting import mend
from tests.library.conftest import Open
from tests.points.fake_qdrant import FakeQdrant, running_fake
from tests.store.corpora import every_moment, moments
from tests.store.fakes import FakeEncoder
from tests.stores import make_local

REMOVED = ("zanzibarword", "quixoticword", "obsoleteword")

pytestmark = pytest.mark.sealed


@pytest.fixture(params=["edge", "local"])
def store(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    """A store from which a file, a version of a file and a text without a file are gone."""
    path = tmp_path / "store"
    if request.param == "local":
        make_local(path)
    (folder / "gone.txt").write_text(f"a file with a {REMOVED[0]} in it " * 40)
    (folder / "changed.txt").write_text(f"before there was a {REMOVED[1]} here")
    with Library.open(path, encoder=FakeEncoder(), passage_tokens=5) as library:
        library.ingest(folder)
        library.add(
            [
                Document(id="note", text=f"an {REMOVED[2]}", metadata={"by": "zoltanauthor"}),
                Document(id="kept", text="a keptword", metadata={"by": "keptauthor"}),
            ]
        )
        (folder / "gone.txt").unlink()
        (folder / "changed.txt").write_text("now there is not")
        library.ingest(folder)
        library.remove("note")
    return path


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """What every file holds, and what it holds where it is compressed."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield path, content
            for open_up in (gzip.decompress, zlib.decompress):
                try:
                    yield path, open_up(content)
                except (OSError, EOFError, zlib.error):
                    continue


def holding(folder: Path, *words: str) -> dict[str, set[str]]:
    """The names of the files that hold each of some words; all is read once."""
    names: dict[str, set[str]] = {word: set() for word in words}
    for path, content in contents(folder):
        for word in words:
            if word.encode() in content:
                names[word].add(path.name)
    return names


def test_no_word_of_it_is_left_in_any_file(store: Path) -> None:
    """Removed, replaced, deleted with its file: texts, metadata and the log."""
    with Library.open(store, encoder=FakeEncoder()) as library:
        before = [(hit.source, hit.score) for hit in library.search("a keptword")]
        library.purge()
        assert [(hit.source, hit.score) for hit in library.search("a keptword")] == before
        assert library.verify().findings == ()
    gone, kept = (*REMOVED, "zoltanauthor", "gone.txt"), ("keptword", "keptauthor")
    held = holding(store, *gone, *kept)
    assert {word: held[word] for word in gone} == {word: set() for word in gone}
    assert all(held[word] for word in kept)
    with Library.open(store, encoder=FakeEncoder()) as library:
        library.add(Document(id="more", text="written after it"))
        assert {each.source for each in library.all_documents()} >= {"kept", "more"}
        assert library.verify().findings == ()


def test_without_it_words_stay_in_the_files(opened: Open) -> None:
    """Which is why there is a purge."""
    with opened() as library:
        library.add(Document(id="note", text="an obsoleteword"))
        library.remove("note")
    assert holding(Path(".longembed"), "obsoleteword")["obsoleteword"]


@every_moment
def test_a_purge_that_was_killed_loses_nothing(
    opened: Open, monkeypatch: pytest.MonkeyPatch, every: bool
) -> None:
    """Between the old files and the new ones, wherever it stops."""
    with opened() as library:
        library.add([Document(id=name, text=f"apples {name}") for name in ("one", "two")])
    rename = Path.rename
    left = 0

    def stopping(self: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return rename(self, target)

    for renamed in moments(6, every=every):
        left = renamed
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", stopping)
            with opened() as library, pytest.raises(KeyboardInterrupt):
                library.purge()
        with opened() as library:
            assert library.verify().findings == ()
            assert len(list(library.all_documents())) == 2
        assert not list(Path(".longembed/edge").glob("*.old"))
        assert not list(Path(".longembed/edge").glob("*.new"))
    mend(Path(".longembed/edge"))


def test_a_server_is_refused(encoder: FakeEncoder) -> None:
    """It does so by itself, in its own time."""
    fake: FakeQdrant
    with running_fake() as fake, Library.open(url=fake.url, encoder=encoder) as library:
        library.add(Document(id="one", text="apples"))
        with pytest.raises(SettingsError, match="optimises a segment"):
            library.purge()
        assert library.get("one") is not None
