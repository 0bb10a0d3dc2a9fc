"""Collections in step with buckets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from longembed_rag import Document, Selection
from longembed_rag.errors import DeletionsRefusedError, SettingsError
from longembed_rag.library.library import Library
from tests.ingest.conftest import numbers
from tests.shelf import CUT, DENIED, ShelfFileSystem
from tests.store.fakes import FakeEncoder

P = "shelf://box/p"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library that holds nothing."""
    with Library.open(tmp_path / "store", encoder=FakeEncoder()) as opened:
        yield opened


@pytest.fixture
def prefix(shelf: Path) -> Path:
    """What lies below ``shelf://box/p``: a text, a page, and one deeper."""
    for name, text in (("a.txt", "apples"), ("b.html", "<p>pears</p>"), ("sub/c.md", "cherries")):
        (shelf / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf / "p" / name).write_text(text)
    return shelf / "p"


def sources(library: Library) -> list[str]:
    return sorted(each.source for each in library.all_documents())


def test_a_bucket_and_a_folder_go_in_together(
    library: Library, prefix: Path, tmp_path: Path
) -> None:
    """Documents are called by their URLs; an exact filter, a folder and a facet find them."""
    (tmp_path / "here.txt").write_text("plums")
    report = library.ingest(["shelf://box/p/", tmp_path / "here.txt", f"{P}/sub/c.md"])
    assert numbers(report) == (4, 0, 0, 0, 0)
    here = str((tmp_path / "here.txt").resolve())
    assert sources(library) == sorted([here, f"{P}/a.txt", f"{P}/b.html", f"{P}/sub/c.md"])
    document = library.get(f"{P}/sub/c.md")
    assert document is not None
    assert document.text == "cherries"
    kept = {"file_name": "c.md", "file_path": f"{P}/sub/c.md", "file_type": "md", "file_size": 8}
    assert kept.items() <= document.metadata.items()
    assert document.metadata["last_modified"].endswith("+00:00")
    for given, found in (
        (f"path={P}/sub/", 1),
        ("path=SHELF://box", 3),
        (f"path={P}/a.txt", 1),
        (f'source="{P}/a.txt"', 1),
        ("path=shelf://bo", 0),
    ):
        assert len(library.search("cherries", mode="dense", filter=given)) == found, given
    assert library.facets().folders == {P: 2, f"{P}/sub": 1, str(tmp_path.resolve()): 1}


def test_what_is_as_it_was_is_not_fetched(
    library: Library, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark says so, in the listing; what is changed or gone is followed."""
    library.ingest(P)
    (prefix / "a.txt").write_text("quince")
    assert numbers(library.ingest(P)) == (0, 1, 2, 0, 0)
    monkeypatch.setenv(DENIED, "p/b.html")  # whoever fetched it would fail
    (prefix / "sub" / "c.md").unlink()
    (prefix / "d.txt").write_text("damsons")
    assert numbers(library.ingest("shelf://box/p/")) == (1, 0, 2, 1, 0)
    assert sources(library) == [f"{P}/a.txt", f"{P}/b.html", f"{P}/d.txt"]
    assert numbers(library.ingest(P, reread=True)) == (0, 0, 2, 0, 1)
    assert len(sources(library)) == 3


def test_what_may_still_change_is_read_again(library: Library, prefix: Path) -> None:
    """Where no mark is kept, a time that has just been says nothing."""
    (prefix / "b.html").unlink()
    library.ingest("stairs://box/p")
    (prefix / "a.txt").write_text("orange")  # as long, and within the same second
    assert numbers(library.ingest("stairs://box/p")) == (0, 1, 1, 0, 0)


def test_a_listing_that_breaks_off_removes_nothing(
    library: Library, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a failure by name, and so is a folder that cannot be listed."""
    library.ingest([P, "stairs://box/p"])
    (prefix / "a.txt").unlink()
    monkeypatch.setenv(CUT, "c.md")
    report = library.ingest(P)
    assert numbers(report) == (0, 0, 0, 0, 1)
    assert report.failed[0].source == P
    assert "the connection was lost" in report.failed[0].reason
    monkeypatch.setenv(DENIED, "p/sub")
    assert numbers(library.ingest("stairs://box/p")) == (0, 0, 1, 1, 1)
    kept = [f"{P}/a.txt", f"{P}/b.html", f"{P}/sub/c.md"]
    assert sources(library) == [*kept, "stairs://box/p/b.html", "stairs://box/p/sub/c.md"]


def test_an_emptied_prefix_is_refused(library: Library, prefix: Path) -> None:
    """Unless it is said that it is meant; so is one object that is gone."""
    library.ingest([P, f"{P}/a.txt"])
    for each in prefix.rglob("*.*"):
        each.unlink()
    plan = library.ingest(P, dry_run=True)
    assert plan.refused is not None
    with pytest.raises(
        DeletionsRefusedError, match=f"{P}: 3 of the 3 documents .* no document now"
    ):
        library.ingest(P)
    with pytest.raises(DeletionsRefusedError, match=r"a\.txt: 1 of the 1 documents"):
        library.ingest(f"{P}/a.txt")
    assert library.ingest(P, allow_deletions=True).deleted == 3


def test_patterns_take_objects_out(library: Library, prefix: Path) -> None:
    """What an ignore file in the bucket passes over now goes; what has no reader any more stays."""
    (prefix / "odd.xyz").write_text("odd")
    library.ingest(P, selection=Selection(all_text=True))
    (prefix / ".longembedignore").write_text("sub/\n")
    assert numbers(library.ingest(P)) == (0, 0, 2, 1, 0)
    assert sources(library) == [f"{P}/a.txt", f"{P}/b.html", f"{P}/odd.xyz"]


def test_what_is_not_there_makes_no_store(tmp_path: Path, prefix: Path) -> None:
    """Neither a bucket, nor a name in it, nor a protocol that nobody knows."""
    with Library.open(tmp_path / "store", encoder=FakeEncoder()) as library:
        for given, told in (
            ("shelf://chest/p", "there is no bucket 'chest'"),
            ("nope://box/p", "no protocol that anything reads"),
            (Path("shelf://box/p"), "has lost a slash"),
        ):
            with pytest.raises(SettingsError, match=told):
                library.ingest([P, given])
        assert not (tmp_path / "store").exists()
        with pytest.raises(SettingsError, match="shelf://box/q: there is nothing of that name"):
            library.ingest("shelf://box/q")
        with pytest.raises(SettingsError, match="shelf://box/q: there is nothing of that name"):
            library.ingest("shelf://box/q", dry_run=True)


def test_a_bucket_is_refreshed(
    library: Library, prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its listing; one that is out of reach keeps its documents, and is named."""
    library.ingest(P)
    assert library.refresh().report is None
    (prefix / "a.txt").write_text("quinces")
    done = library.refresh()
    assert done.folders == (P,)
    assert done.report is not None
    assert numbers(done.report) == (0, 1, 2, 0, 0)
    monkeypatch.setenv(DENIED, "box")
    done = library.refresh()
    assert (done.missing, done.report) == ((P,), None)
    assert len(sources(library)) == 3


def test_verify_compares_with_objects(library: Library, prefix: Path) -> None:
    """Changed and gone ones are told; what a program called as a page is not asked for."""
    library.ingest(P)
    library.add(Document(id="https://example.org/page", text="a page"))
    library.add(Document(id="wiki://page", text="another"))
    assert library.verify().findings == ()
    (prefix / "a.txt").write_text("quinces")
    (prefix / "b.html").unlink()
    found = {(each.source, each.problem) for each in library.verify().findings}
    assert found == {(f"{P}/a.txt", "file changed"), (f"{P}/b.html", "file gone")}


def test_files_of_buckets_go_in_under_ids(library: Library, prefix: Path) -> None:
    """As files of this machine do."""
    report = library.add_files({"pears": f"{P}/b.html", "none": f"{P}/none.txt"})
    assert numbers(report) == (1, 0, 0, 0, 1)
    assert report.failed[0].source == "none"
    assert "it is gone" in report.failed[0].reason
    document = library.get("pears")
    assert document is not None
    assert document.text == "pears"
    assert "file_path" not in document.metadata


def test_few_requests_are_made(library: Library, prefix: Path) -> None:
    """Of what is as it was: is it there, and what is in it."""
    library.ingest(P)
    ShelfFileSystem.asked.clear()
    library.ingest(P)
    assert len(ShelfFileSystem.asked) <= 6
