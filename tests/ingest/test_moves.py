"""Files that move, double, become folders, and collections that somebody else has deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.ingest.report import DocumentDone, Event
from longembed_rag.ingest.verify import verify
from longembed_rag.store.payload import FOLDERS_KEY
from tests.ingest.conftest import Bench, find, numbers


def agree(bench: Bench) -> bool:
    """Whether manifest, collection and files agree."""
    return verify(bench.store) == []


def test_a_renamed_file_is_known_by_its_new_name_only(bench: Bench) -> None:
    """A rename removes the old name and adds the new one, with its passages."""
    old = Path(bench.write("a.txt", "one two three four five six"))
    bench.ingest()
    new = old.rename(old.with_name("b.txt"))
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)
    assert list(bench.store.sources()) == [str(new)]
    assert agree(bench)


def test_a_moved_folder_takes_its_documents_along(bench: Bench) -> None:
    """All documents below a folder that was moved are known by their new paths."""
    for name in ("old/a.txt", "old/deep/b.txt"):
        bench.write(name, f"words of {name}")
    bench.ingest()
    (bench.folder / "old").rename(bench.folder / "new")
    assert numbers(bench.ingest()) == (2, 0, 0, 2, 0)
    assert {Path(each).relative_to(bench.folder).parts[0] for each in bench.store.sources()} == {
        "new"
    }
    assert agree(bench)


def test_identical_files_are_two_documents(bench: Bench) -> None:
    """The same text under two names is found under both, and losing one leaves the other."""
    first, second = bench.write("a.txt", "the same words"), bench.write("b.txt", "the same words")
    assert numbers(bench.ingest()) == (2, 0, 0, 0, 0)
    found = find(bench.store, "the same words", limit=5)
    assert {each.source for each in found} == {first, second}
    assert all(each.passage == "the same words" for each in found)
    Path(first).unlink()
    assert numbers(bench.ingest()) == (0, 0, 1, 1, 0)
    assert list(bench.store.sources()) == [second]
    assert agree(bench)


def test_two_files_that_swap_their_texts_are_both_right(bench: Bench) -> None:
    """Content that changes places is embedded anew under each name."""
    first, second = bench.write("a.txt", "apples grow"), bench.write("b.txt", "boats sail")
    bench.ingest()
    bench.write("a.txt", "boats sail")
    bench.write("b.txt", "apples grow")
    assert numbers(bench.ingest()) == (0, 2, 0, 0, 0)
    assert find(bench.store, "boats sail")[0].source == first
    assert find(bench.store, "apples grow")[0].source == second
    assert agree(bench)


def test_a_file_replaced_by_a_folder_and_back(bench: Bench) -> None:
    """A folder of the file's name brings its own documents; the file's goes, and comes again."""
    source = Path(bench.write("notes.txt", "a file"))
    bench.ingest()
    source.unlink()
    inside = bench.write("notes.txt/inner.txt", "a file within")
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)
    assert list(bench.store.sources()) == [inside]
    Path(inside).unlink()
    source.rmdir()
    bench.write("notes.txt", "a file")
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)
    assert list(bench.store.sources()) == [str(source)]
    assert agree(bench)


def test_links_in_a_circle_end(bench: Bench) -> None:
    """A link to its own folder adds nothing, and neither does a chain that bites its tail."""
    bench.write("a/b/c.txt", "words")
    (bench.folder / "a" / "b" / "up").symlink_to(bench.folder / "a", target_is_directory=True)
    (bench.folder / "one").symlink_to(bench.folder / "two")
    (bench.folder / "two").symlink_to(bench.folder / "one")
    assert numbers(bench.ingest())[:4] == (1, 0, 0, 0)
    assert agree(bench)


def test_a_file_that_changes_while_it_is_read_is_whole(bench: Bench) -> None:
    """What is stored is one version of the file; the next run brings in the later one."""
    source = bench.write("a.txt", "first words")

    def change(text: str) -> None:
        if text == "first words":
            Path(source).write_text("second words")

    bench.encoder.before = change
    assert numbers(bench.ingest()) == (1, 0, 0, 0, 0)
    assert find(bench.store, "words")[0].text == "first words"
    assert numbers(bench.ingest()) == (0, 1, 0, 0, 0)
    assert find(bench.store, "words")[0].text == "second words"
    assert agree(bench)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_keeps_its_version(bench: Bench) -> None:
    """What may not be read any more is named, and its earlier version stays."""
    source = Path(bench.write("a.txt", "words"))
    bench.ingest()
    source.chmod(0)
    assert numbers(bench.ingest()) == (0, 0, 0, 0, 1)
    assert list(bench.store.sources()) == [str(source)]


@pytest.mark.parametrize("which", ["documents", "passages", "manifest", "all"])
def test_a_collection_that_somebody_deleted_is_made_again(bench: Bench, which: str) -> None:
    """Whatever of the three is gone, the next ingest ends as the first one did."""
    bench.write("a.txt", "one two three four five six seven")
    bench.write("b.txt", "eight nine ten")
    bench.ingest()
    place = bench.store.place
    names = {
        "documents": [place.documents],
        "passages": [place.passages],
        "manifest": [place.manifest],
        "all": [place.documents, place.passages, place.manifest],
    }[which]
    for name in names:
        bench.store.client.delete_collection(name)
    bench.ingest()
    assert numbers(bench.ingest()) == (0, 0, 2, 0, 0)
    assert len(bench.store.sources()) == 2
    assert find(bench.store, "eight nine ten")[0].passage == "eight nine ten"
    assert agree(bench)


def test_a_collection_deleted_in_the_middle_stops_with_an_error(bench: Bench) -> None:
    """An ingest whose collection goes away says so, and a rerun completes."""
    bench.write("a.txt", "words of a")
    bench.write("b.txt", "words of b")

    def delete(event: Event) -> None:
        if isinstance(event, DocumentDone):
            bench.store.client.delete_collection(bench.store.collection)

    with pytest.raises(StoreError, match="documents"):
        bench.ingest(on_event=delete)
    bench.ingest()
    assert len(bench.store.sources()) == 2
    assert agree(bench)


def test_documents_know_the_folders_they_lie_in(bench: Bench) -> None:
    """What lies below a folder can be found by it: documents and passages alike."""
    from qdrant_client.models import FieldCondition, Filter, MatchValue

    bench.write("deep/er/a.txt", "words")
    bench.write("b.txt", "words")
    bench.ingest()
    below = FieldCondition(key=FOLDERS_KEY, match=MatchValue(value=str(bench.folder / "deep")))
    for name in (bench.store.place.documents, bench.store.place.passages):
        assert bench.store.client.count(name, count_filter=Filter(must=[below])).count == 1
