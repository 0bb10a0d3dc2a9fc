"""A look at a collection's folders, before a search."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_rag.errors import CollectionNotFoundError, DeletionsRefusedError
from longembed_rag.files.reading import FileReader
from longembed_rag.files.selection import Selection
from longembed_rag.ingest.seen import Seen
from longembed_rag.library.library import Library
from tests.ingest.conftest import numbers
from tests.store.fakes import FakeEncoder


@pytest.fixture(autouse=True)
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were changed just now count as being at rest."""
    monkeypatch.setattr("longembed_rag.files.stamps._UNSURE", -60_000_000_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of documents."""
    root = tmp_path.resolve() / "documents"
    for name in ("a.txt", "b.md", "drafts/c.txt", "sub/d.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"words of {name}")
    return root


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library that holds nothing."""
    with Library.open(tmp_path / "store", encoder=FakeEncoder()) as opened:
        yield opened


def refreshed(library: Library) -> tuple[int, int, int, int, int] | None:
    """Numbers of what a refresh did; None where it found nothing to do."""
    report = library.refresh().report
    return None if report is None else numbers(report)


def names(library: Library) -> str:
    """The files that the collection holds."""
    return " ".join(sorted(Path(each.source).name for each in library.all_documents()))


def test_nothing_is_done_where_nothing_changed(
    library: Library, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is read, and no model is loaded."""
    library.ingest(root)

    def refuse(*arguments: object) -> None:
        raise AssertionError("something was read or loaded")

    monkeypatch.setattr(FileReader, "_read", refuse)
    monkeypatch.setattr(type(library._holdings), "encoder", refuse)
    done = library.refresh()
    assert done.report is None
    assert done.folders == (str(root),)
    assert done.to_dict() == {"folders": [str(root)], "missing": [], "report": None}


def test_every_change_is_followed_with_the_selection_that_was_used(
    library: Library, root: Path
) -> None:
    """New files, changed ones, gone ones, and none that is left out; then it is in step again."""
    library.ingest(root, selection=Selection(exclude=["drafts/"]))
    assert names(library) == "a.txt b.md d.txt"
    (root / "new.txt").write_text("brand new")
    (root / "drafts" / "more.txt").write_text("never")
    (root / "a.txt").write_text("changed words")
    (root / "sub" / "d.txt").unlink()
    assert refreshed(library) == (1, 1, 1, 1, 0)
    assert names(library) == "a.txt b.md new.txt"
    assert refreshed(library) is None
    (root / ".longembedignore").write_text("*.md\n")
    assert refreshed(library) == (0, 0, 2, 1, 0)
    assert refreshed(library) is None


def test_a_file_that_failed_is_not_tried_at_every_search(library: Library, root: Path) -> None:
    """Only when it has changed."""
    (root / "bad.txt").write_text(" ")
    library.ingest(root)
    assert refreshed(library) is None
    (root / "bad.txt").write_text("good now")
    assert refreshed(library) == (1, 0, 4, 0, 0)


def test_an_ingest_that_was_stopped_is_gone_on_with(
    library: Library, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing was left to do but to remove what is gone."""
    library.ingest(root)
    (root / "a.txt").unlink()

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("longembed_rag.ingest.taking.Run.remove", stop)
        with pytest.raises(KeyboardInterrupt):
            library.ingest(root)
    assert refreshed(library) == (0, 0, 3, 1, 0)
    assert refreshed(library) is None


def test_several_folders_keep_their_own_selections(library: Library, root: Path) -> None:
    """One below another, and a single file among them."""
    single = root.parent / "single.txt"
    single.write_text("one file")
    library.ingest(root, selection=Selection(exclude=["drafts/", "*.md"]))
    library.ingest(root / "drafts")
    library.ingest(single)
    assert names(library) == "a.txt c.txt d.txt single.txt"
    assert refreshed(library) is None
    (root / "drafts" / "e.md").write_text("a draft")
    single.write_text("another text")
    assert refreshed(library) == (1, 1, 3, 0, 0)
    assert names(library) == "a.txt c.txt d.txt e.md single.txt"
    # Who ingests the folder above says for all of it what is taken.
    library.ingest(root, selection=Selection(exclude=["drafts/"]))
    assert names(library) == "a.txt b.md d.txt single.txt"
    assert refreshed(library) is None


def test_a_folder_that_is_not_there_is_told_and_its_documents_stay(
    library: Library, root: Path, tmp_path: Path
) -> None:
    """A share may not be mounted; the others are followed."""
    other = tmp_path.resolve() / "other"
    other.mkdir()
    (other / "o.txt").write_text("other words")
    library.ingest([root, other])
    root.rename(tmp_path / "away")
    (other / "p.txt").write_text("more words")
    done = library.refresh()
    assert done.missing == (str(root),)
    assert done.report is not None
    assert numbers(done.report) == (1, 0, 1, 0, 0)
    assert names(library) == "a.txt b.md c.txt d.txt o.txt p.txt"
    assert refreshed(library) is None
    (tmp_path / "away").rename(root)
    assert library.refresh().missing == ()


def test_an_emptied_folder_is_refused(library: Library, root: Path) -> None:
    """As by an ingest; who means it says so."""
    library.ingest(root)
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(DeletionsRefusedError, match="ingest with --allow-deletions"):
        library.refresh()
    assert names(library) == "a.txt b.md c.txt d.txt"
    report = library.refresh(allow_deletions=True).report
    assert report is not None
    assert report.deleted == 4


def test_what_was_linked_from_outside_is_followed(library: Library, root: Path) -> None:
    """Its stamp is its own, not the link's."""
    outside = root.parent / "outside.txt"
    outside.write_text("outside words")
    (root / "link.txt").symlink_to(outside)
    library.ingest(root)
    assert refreshed(library) is None
    outside.write_text("outside words, changed")
    assert refreshed(library) == (0, 1, 4, 0, 0)
    (root / "link.txt").unlink()
    assert refreshed(library) == (0, 0, 4, 0, 0)
    assert refreshed(library) is None


def test_a_folder_of_an_earlier_collection_is_not_followed(
    library: Library, root: Path, tmp_path: Path
) -> None:
    """What is remembered may be of a collection that somebody has deleted."""
    library.ingest(root)
    file = next((tmp_path / "store").glob("longembed.seen-*.json"))
    kept = file.read_text()
    library.close()
    shutil.rmtree(tmp_path / "store")
    with Library.open(tmp_path / "store", encoder=FakeEncoder()) as anew:
        anew.ingest(root / "sub")
        file.write_text(kept)
        assert anew.refresh().folders == ()
        assert Seen.of(anew.store).roots


def test_nothing_is_refreshed_before_anything_is_there(library: Library) -> None:
    """As a search would say."""
    with pytest.raises(CollectionNotFoundError):
        library.refresh()
