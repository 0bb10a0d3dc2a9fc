"""A collection kept in step with a folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from longembed_rag.files.readers import read_file
from longembed_rag.ingest.documents import Document, add_documents
from longembed_rag.ingest.report import (
    DocumentDeleted,
    DocumentDone,
    DocumentFailed,
    DocumentStarted,
    Event,
    Started,
)
from longembed_rag.layout import NO_LAYOUT
from longembed_rag.store.document import read_documents, read_indexed
from longembed_rag.store.options import IndexOptions
from tests.files.making import make_pdf
from tests.ingest.conftest import Bench, find, numbers


def test_a_folder_goes_in_and_is_found(bench: Bench) -> None:
    """Files become documents with their text, metadata and passages."""
    source = bench.write("a.md", "# Lease\n\nThe tenant signs.")
    (bench.folder / "b.pdf").write_bytes(make_pdf(["apples and pears"]))
    assert numbers(bench.ingest()) == (2, 0, 0, 0, 0)
    best = find(bench.store, "tenant signs.")[0]
    assert best.source == source
    assert best.text == "# Lease\n\nThe tenant signs."
    assert best.passage == best.text
    assert best.metadata["title"] == "Lease"
    assert best.metadata["source"] == best.metadata["file_path"] == source


def test_the_second_time_nothing_is_embedded(bench: Bench) -> None:
    """Unchanged files are read but not embedded, even with a new date."""
    source = bench.write("a.txt", "some text")
    bench.ingest()
    os.utime(source, (1, 1))
    report = bench.ingest()
    assert numbers(report) == (0, 0, 1, 0, 0)
    assert bench.encoder.encoded == []
    assert report.tokens == 0


def test_changes_additions_and_removals_are_followed(bench: Bench) -> None:
    """The changed is replaced, the new added, the gone removed, the rest left alone."""
    changed = bench.write("changed.txt", "old words")
    kept = bench.write("kept.txt", "kept words")
    gone = bench.write("sub/gone.txt", "gone words")
    bench.ingest()
    bench.write("changed.txt", "new words entirely")
    Path(gone).unlink()
    new = bench.write("new.txt", "brand new")
    report = bench.ingest()
    assert numbers(report) == (1, 1, 1, 1, 0)
    assert bench.encoder.encoded == [changed, new]
    assert sorted(bench.store.sources()) == sorted([changed, kept, new])
    assert report.tokens == report.tokens_read == 5
    found = find(bench.store, "old words", limit=9)
    assert "old words" not in [each.text for each in found]


def test_a_moved_file_is_removed_and_added(bench: Bench) -> None:
    """A new name is a new document; the old one does not stay behind."""
    old = bench.write("old.txt", "the words")
    bench.ingest()
    shutil.move(old, bench.folder / "new.txt")
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)
    assert list(bench.store.sources()) == [str(bench.folder / "new.txt")]


def test_only_what_lay_under_the_given_paths_is_removed(bench: Bench) -> None:
    """Ingesting one folder says nothing about files of another, or of a longer name."""
    for name in ("one/a.txt", "one-more/b.txt", "two/c.txt"):
        bench.write(name, f"text of {name}")
    bench.ingest()
    for name in ("one/a.txt", "one-more/b.txt", "two/c.txt"):
        (bench.folder / name).unlink()
    kept = bench.write("one/kept.txt", "kept words")
    report = bench.ingest(bench.folder / "one")
    assert report.deleted == 1
    assert sorted(bench.store.sources()) == [
        str(bench.folder / "one-more/b.txt"),
        kept,
        str(bench.folder / "two/c.txt"),
    ]


def test_files_that_were_named_themselves_stay(bench: Bench) -> None:
    """A hidden file that was ingested by name is not removed when its folder is ingested."""
    hidden = bench.write(".hidden.txt", "hidden words")
    bench.write("a.txt", "words")
    bench.ingest(Path(hidden))
    assert numbers(bench.ingest()) == (1, 0, 0, 0, 0)
    assert hidden in bench.store.sources()


def test_a_file_that_became_a_link_is_known_by_its_target(bench: Bench) -> None:
    """The document of the old name goes, so that no text stands there twice."""
    bench.write("a.txt", "first")
    bench.write("b.txt", "second")
    bench.ingest()
    (bench.folder / "a.txt").unlink()
    (bench.folder / "a.txt").symlink_to(bench.folder / "b.txt")
    assert numbers(bench.ingest()) == (0, 0, 1, 1, 0)
    assert list(bench.store.sources()) == [str(bench.folder / "b.txt")]


def test_events_tell_the_story_in_order(bench: Bench) -> None:
    """Started, then each file begun and ended, then what was deleted."""
    gone = bench.write("gone.txt", "gone")
    bench.ingest()
    Path(gone).unlink()
    bench.write("a.txt", "one two")
    bench.write("b.txt", "")
    a, b = str(bench.folder / "a.txt"), str(bench.folder / "b.txt")
    bench.ingest()
    kinds = [type(event) for event in bench.events]
    assert kinds == [
        Started,
        DocumentStarted,
        DocumentDone,
        DocumentStarted,
        DocumentFailed,
        DocumentDeleted,
    ]
    assert bench.events[0] == Started(total=2, total_bytes=7)
    assert bench.events[1] == DocumentStarted(source=a, size=7, position=1)
    done = bench.events[2]
    assert isinstance(done, DocumentDone)
    assert (done.source, done.status, done.tokens, done.tokens_read) == (a, "added", 2, 2)
    assert done.seconds > 0
    assert bench.events[4] == DocumentFailed(
        source=b, reason="no text: the file is empty", kept=False
    )
    assert bench.events[5] == DocumentDeleted(source=gone)


def test_a_script_that_the_model_does_not_know_is_noted(bench: Bench) -> None:
    """A note on the document, beside its reader's; one unknown token among ten is none."""
    bench.encoder.unknown = lambda text: text.split().count("?")
    latin = "\u00dcber das Wesen ".encode("latin-1")
    (bench.folder / "a.txt").write_bytes(latin * 20 + b"? " * 20)
    bench.write("b.txt", "? " + "word " * 9)
    bench.ingest()
    encoding, unknown = _notes(bench, "a.txt")
    assert "encoding" in encoding
    assert unknown.startswith("20 of 80 tokens are unknown to the model")
    assert _notes(bench, "b.txt") == ()


def _notes(bench: Bench, name: str) -> tuple[str, ...]:
    done = [event for event in bench.events if isinstance(event, DocumentDone)]
    return next(event.notes for event in done if Path(event.source).name == name)


def test_a_document_is_told_only_once_it_is_written(bench: Bench) -> None:
    """At the moment of its event a document is in the collection."""
    bench.write("a.txt", "words")
    bench.write("b.txt", "more words")

    def look(event: Event) -> None:
        if isinstance(event, DocumentDone):
            assert event.source in bench.store.sources()

    assert numbers(bench.ingest(on_event=look)) == (2, 0, 0, 0, 0)


def test_notes_of_the_reader_reach_the_events(bench: Bench) -> None:
    """A guessed encoding and pages without text are told."""
    (bench.folder / "a.pdf").write_bytes(make_pdf(["text", ""]))
    bench.ingest()
    (done,) = [event for event in bench.events if isinstance(event, DocumentDone)]
    assert done.notes == ("1 of 2 pages hold no text (pictures, blank or damaged)",)


def test_the_report_is_json(bench: Bench) -> None:
    """What the command line prints: names of what failed and of what was skipped."""
    bench.write("a.txt", "one two three")
    bad = bench.write("b.txt", "")
    picture = bench.write("c.png", "x")
    report = bench.ingest().to_dict()
    assert report.pop("seconds") >= 0
    assert report == {
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "failed": [{"source": bad, "reason": "no text: the file is empty"}],
        "skipped": {"count": 1, "names": [picture]},
        "excluded": [],
        "recovered": [],
        "tokens": 3,
        "tokens_read": 3,
        "remarks": [],
    }


def test_the_stores_own_folder_is_no_document(tmp_path: Path, bench: Bench) -> None:
    """Ingesting the folder above the store does not read the store's files."""
    bench.write("a.txt", "words")
    report = bench.ingest(tmp_path)
    assert numbers(report) == (1, 0, 0, 0, 0)
    assert report.skipped == ()


def test_names_that_are_no_text_go_in_and_out(bench: Bench) -> None:
    """A file whose name is not UTF-8 is added, known again, and removed when it is gone."""
    path = Path(os.fsdecode(os.fsencode(bench.folder) + b"/caf\xe9.txt"))
    path.write_text("words")
    assert numbers(bench.ingest()) == (1, 0, 0, 0, 0)
    assert numbers(bench.ingest()) == (0, 0, 1, 0, 0)
    assert list(bench.store.sources()) == [f"{bench.folder}/caf\\xe9.txt"]
    path.unlink()
    bench.write("other.txt", "other words")
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)


def test_passages_are_as_long_as_asked(bench: Bench) -> None:
    """The option reaches the encoder; the passages' text is the file's."""
    from longembed_rag.ingest.synchronise import synchronise

    source = bench.write("a.txt", "one two three\nfour five six")
    options = IndexOptions(passage_tokens=3)
    synchronise([bench.folder], encoder=bench.encoder, store=bench.store, options=options)
    best = find(bench.store, "four five six")[0]
    assert best.passage == "four five six"
    assert best.text == read_file(Path(source)).text


def test_progress_within_a_document_is_told(tmp_path: Path) -> None:
    """What the encoder says of its progress reaches the listener, with the document's name."""
    from longembed_rag.ingest.report import DocumentProgress
    from longembed_rag.ingest.synchronise import synchronise
    from longembed_rag.store.store import DocumentStore
    from tests.store.fakes import FakeEncoder

    class Telling(FakeEncoder):
        def encode_passages(self, text: str, **options: Any) -> Any:
            options["on_progress"](3, 7)
            return super().encode_passages(text, **options)

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("some words of a text")
    events: list[Event] = []
    with DocumentStore.open(path=tmp_path / "store") as store:
        synchronise([tmp_path / "docs"], encoder=Telling(), store=store, on_event=events.append)
    (told,) = [event for event in events if isinstance(event, DocumentProgress)]
    assert told.source == str((tmp_path / "docs" / "a.txt").resolve())
    assert (told.tokens_done, told.tokens_total) == (3, 7)
    assert told.seconds >= 0


def test_a_file_read_otherwise_is_known_anew_without_embedding(
    bench: Bench,
) -> None:
    """A collection of an earlier release gains pages and headings, and its metadata what is new."""
    source = bench.write("a.html", "<title>Lease</title><p>The rent.")
    bench.ingest()
    bench.write("a.html", "<title>Lease</title><meta name=x><p>The rent.")
    os.utime(source, (0, 1_000_000_000))
    assert numbers(bench.ingest()) == (0, 0, 1, 0, 0)  # a date alone is no change
    there = read_indexed(source, place=bench.store.place)
    assert there is not None
    earlier = {"source": source, "signed": True}
    bench.store.upsert(replace(there, metadata=earlier, layout=NO_LAYOUT, reading_hash=""))
    assert numbers(bench.ingest()) == (0, 1, 0, 0, 0)
    assert bench.encoder.encoded == []
    (document,) = read_documents([source], place=bench.store.place)
    assert document is not None
    assert (document.metadata["title"], document.metadata["signed"]) == ("Lease", True)
    assert numbers(bench.ingest()) == (0, 0, 1, 0, 0)


def test_a_hit_says_on_which_page_it_stands(bench: Bench) -> None:
    """Pages go with the document, and passages know theirs."""
    path = bench.folder / "a.pdf"
    path.write_bytes(make_pdf(["apples and pears", "", "rent and lease"]))
    bench.options = IndexOptions(passage_tokens=3)
    bench.ingest()
    (hit,) = find(bench.store, "rent and lease")
    assert [(each.text, each.page, each.lines) for each in hit.passages] == [
        ("rent and lease", 3, (3, 3)),
        ("apples and pears", 1, (1, 1)),
    ]
    assert (hit.page, hit.lines, hit.heading) == (3, (3, 3), ())
    assert hit.to_dict()["passages"][0]["last_page"] == 3
    (document,) = read_documents([str(path)], place=bench.store.place)
    assert document is not None
    assert [document.place(each).page for each in document.passages] == [1, 3]
    assert document.to_dict()["layout"] == {"pages": [0, 18, 18]}


def test_metadata_that_somebody_changed_stay(bench: Bench) -> None:
    """An ingest follows files; what was said of a document in the collection is not undone."""
    source = bench.write("a.html", "<title>Lease</title><h1>Rent</h1><p>The rent.")
    bench.ingest()
    there = read_indexed(source, place=bench.store.place)
    assert there is not None
    assert there.layout.headings
    add_documents(
        [Document(id=source, text=there.text, metadata={**there.metadata, "signed": True})],
        encoder=bench.encoder,
        store=bench.store,
    )
    assert numbers(bench.ingest()) == (0, 0, 1, 0, 0)
    (document,) = read_documents([source], place=bench.store.place)
    assert document is not None
    assert document.metadata["signed"] is True
    assert document.layout == there.layout
