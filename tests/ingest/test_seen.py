"""Files that are as they were are not read again; whatever has changed is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader
from longembed_rag.files.selection import Selection
from longembed_rag.files.values import FileText
from longembed_rag.ingest.report import DocumentDone
from longembed_rag.ingest.seen import Seen
from longembed_rag.ingest.synchronise import synchronise
from longembed_rag.store.document import find_sources
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.writing import remove_passages_of
from tests.ingest.conftest import Bench, numbers
from tests.points.fake_qdrant import running_fake
from tests.store.fakes import FakeEncoder


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were changed just now count as being at rest."""
    monkeypatch.setattr("longembed_rag.files.stamps._UNSURE", -60_000_000_000)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    real = FileReader._read

    def reading(self: FileReader, path: Path) -> FileText:
        names.append(path.name)
        return real(self, path)

    monkeypatch.setattr(FileReader, "_read", reading)
    return names


def again(bench: Bench, read: list[str]) -> tuple[int, int, int, int, int]:
    """Ingest once more; what was read before is forgotten."""
    read.clear()
    return numbers(bench.ingest())


def test_what_is_as_it_was_is_not_read(bench: Bench, sure: None, read: list[str]) -> None:
    """It counts as unchanged, with its tokens, its size and its reader's remarks."""
    bench.write("a.txt", "three words here")
    (bench.folder / "b.txt").write_bytes("Größe für alle".encode("cp1252"))
    bench.ingest()
    first = [event for event in bench.events if isinstance(event, DocumentDone)]
    assert again(bench, read) == (0, 0, 2, 0, 0)
    assert read == []
    second = [event for event in bench.events if isinstance(event, DocumentDone)]
    assert [(e.source, e.tokens, e.size, e.notes) for e in second] == [
        (e.source, e.tokens, e.size, e.notes) for e in first
    ]
    assert "cp1252" in second[1].notes[0]
    assert {event.status for event in second} == {"unchanged"}


def test_every_change_is_seen(bench: Bench, sure: None, read: list[str]) -> None:
    """Of the content alone, with size and time put back; by another file; by a new time."""
    same_size = Path(bench.write("a.txt", "old words"))
    replaced = Path(bench.write("b.txt", "old words"))
    touched = Path(bench.write("c.txt", "kept words"))
    bench.write("d.txt", "kept words, too")
    bench.ingest()
    before = same_size.stat()
    same_size.write_text("new words")
    os.utime(same_size, ns=(before.st_atime_ns, before.st_mtime_ns))
    other = bench.folder.parent / "other"
    other.write_text("odd words")
    shutil.copystat(replaced, other)
    other.replace(replaced)
    os.utime(touched, (1, 1))
    assert again(bench, read) == (0, 2, 2, 0, 0)
    assert read == ["a.txt", "b.txt", "c.txt"]


def test_a_file_that_was_changed_just_before_is_read_again(bench: Bench, read: list[str]) -> None:
    """Its next change may not show in its times."""
    bench.write("a.txt", "words")
    bench.ingest()
    assert again(bench, read) == (0, 0, 1, 0, 0)
    assert read == ["a.txt"]


def test_a_file_that_is_changed_while_it_is_read_is_read_again(
    bench: Bench, sure: None, read: list[str]
) -> None:
    """Which of both was read is not known."""
    path = Path(bench.write("a.txt", "before"))
    bench.ingest(on_event=lambda event: os.utime(path, (5, 5)))
    again(bench, read)
    assert read == ["a.txt"]


def test_reread_reads_everything(bench: Bench, sure: None, read: list[str]) -> None:
    """For who does not trust times."""
    bench.write("a.txt", "words")
    bench.ingest()
    read.clear()
    report = synchronise([bench.folder], encoder=bench.encoder, store=bench.store, reread=True)
    assert numbers(report) == (0, 0, 1, 0, 0)
    assert read == ["a.txt"]


def test_what_the_collection_lacks_is_read(bench: Bench, sure: None, read: list[str]) -> None:
    """A document that was removed, one that lost its passages, one of another version."""
    removed, damaged, other = (bench.write(f"{name}.txt", f"{name} words") for name in "abc")
    bench.write("d.txt", "kept words")
    bench.ingest()
    bench.store.delete([removed])
    ids = find_sources([damaged], place=bench.store.place)
    assert ids
    from longembed_rag.store.values import document_id

    remove_passages_of(document_id(damaged), but=None, place=bench.store.place)
    earlier = bench.folder / "elsewhere"
    earlier.mkdir()
    shutil.copy(other, earlier / "c.txt")
    bench.store.delete([other])
    assert again(bench, read)[:2] == (3, 1)
    assert read == ["a.txt", "b.txt", "c.txt", "c.txt"]


def test_what_failed_is_tried_again(bench: Bench, sure: None, read: list[str]) -> None:
    """It may have failed for something that its times do not tell."""
    bench.write("a.txt", " ")
    assert numbers(bench.ingest()) == (0, 0, 0, 0, 1)
    assert again(bench, read) == (0, 0, 0, 0, 1)
    assert read == ["a.txt"]


def test_another_version_of_the_readers_reads_everything(
    bench: Bench, sure: None, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may find another text; so may another language of scanned pages."""
    bench.write("a.txt", "words")
    bench.ingest()
    monkeypatch.setattr("longembed_rag.ingest.seen.READERS_VERSION", 99)
    again(bench, read)
    assert read == ["a.txt"]
    again(bench, read)
    assert read == []
    options = ReadOptions(ocr_language="deu")
    synchronise([bench.folder], encoder=bench.encoder, store=bench.store, reading=options)
    assert read == ["a.txt"]


def test_late_interaction_that_is_gained_reads_everything(
    bench: Bench, sure: None, read: list[str]
) -> None:
    """Documents without their tokens are not there whole."""
    bench.options = IndexOptions(late_interaction="off")
    bench.write("a.txt", "words")
    bench.ingest()
    bench.options = IndexOptions(late_interaction="on")
    again(bench, read)
    assert read == ["a.txt"]


def test_another_selection_changes_nothing_about_the_others(
    bench: Bench, sure: None, read: list[str]
) -> None:
    """What is left out goes; what comes back is embedded anew."""
    bench.write("a.txt", "words")
    bench.write("b.md", "words of another")
    bench.ingest()

    def ingest(**options: tuple[str, ...]) -> tuple[int, int, int, int, int]:
        read.clear()
        selection = Selection(**options)  # type: ignore[arg-type]
        return numbers(
            synchronise(
                [bench.folder], encoder=bench.encoder, store=bench.store, selection=selection
            )
        )

    assert ingest(exclude=("*.md",)) == (0, 0, 1, 1, 0)
    assert read == []
    assert ingest() == (1, 0, 1, 0, 0)
    assert read == ["b.md"]


def test_collections_do_not_share_what_they_know(
    tmp_path: Path, sure: None, read: list[str]
) -> None:
    """Each has its own files, and its own memory of them; so has a copy of the folder."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("words")
    for collection in ("one", "two"):
        with DocumentStore.open(path=tmp_path / "store", collection=collection) as store:
            synchronise([folder], encoder=FakeEncoder(), store=store)
    assert read == ["a.txt", "a.txt"]
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    read.clear()
    with DocumentStore.open(path=tmp_path / "copy", collection="one") as store:
        assert numbers(synchronise([folder], encoder=FakeEncoder(), store=store))[2] == 1
        assert read == []
        store.delete(list(store.sources()))
        assert numbers(synchronise([folder], encoder=FakeEncoder(), store=store))[0] == 1
    assert read == ["a.txt"]


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        '{"format": 1}',
        '{"format": 99, "readers": 2}',
        '{"format":1,"readers":2,"reading":{"x":1},"roots":{},"unreadable":[],"files":{}}',
    ],
)
def test_a_damaged_memory_is_none(bench: Bench, sure: None, read: list[str], damage: str) -> None:
    """Everything is read, and remembered again."""
    bench.write("a.txt", "words")
    bench.ingest()
    (file,) = bench.store.path.glob("longembed.seen-*.json") if bench.store.path else ()
    whole = file.read_text()
    file.write_text(damage)
    assert again(bench, read) == (0, 0, 1, 0, 0)
    assert read == ["a.txt"]
    assert json.loads(file.read_text()) == json.loads(whole)


def test_a_store_that_cannot_be_written_beside_is_no_failure(
    bench: Bench, sure: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory only saves work."""

    def refuse(path: Path, content: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("longembed_rag.ingest.seen.write_whole", refuse)
    bench.write("a.txt", "words")
    assert numbers(bench.ingest()) == (1, 0, 0, 0, 0)


def test_what_an_interrupted_ingest_did_is_remembered(
    bench: Bench, sure: None, read: list[str]
) -> None:
    """And what it did not come to, as it was."""
    for name in "abc":
        bench.write(f"{name}.txt", f"{name} words")
    bench.ingest()
    bench.write("b.txt", "other words")

    def stop(event: object) -> None:
        if isinstance(event, DocumentDone) and event.source.endswith("b.txt"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.ingest(on_event=stop)
    again(bench, read)
    assert read == ["b.txt"]


def test_a_server_learns_nothing_of_this_machine(
    tmp_path: Path, sure: None, read: list[str]
) -> None:
    """Its collections' folders are remembered in the user's own cache."""
    from longembed_rag.ingest import seen

    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("words")
    with running_fake() as fake:
        for _ in range(2):
            with DocumentStore.open(url=fake.url) as store:
                synchronise([folder], encoder=FakeEncoder(), store=store)
                assert list(Seen.of(store).roots) == [folder.resolve()]
        assert read == ["a.txt"]
        with DocumentStore.open(url=fake.url, collection="other") as store:
            assert Seen.of(store).roots == {}
    (kept,) = seen.cache_folder().iterdir()
    assert kept.name.startswith("seen-")
