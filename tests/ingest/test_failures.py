"""What cannot be taken in: reported, with the earlier version kept and the rest done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import (
    CollectionMismatchError,
    OutOfMemoryError,
    PointRefusedError,
    ReadError,
    SettingsError,
    WriteError,
)
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.reading import FileReader
from longembed_rag.files.values import FileText
from longembed_rag.ingest.report import (
    DocumentDone,
    DocumentFailed,
)
from longembed_rag.store.values import IndexedDocument
from tests.ingest.conftest import Bench, find, numbers
from tests.store.fakes import FakeEncoder


@pytest.mark.parametrize("text", ["", "\0\1\2\3" * 100])
def test_what_cannot_be_read_now_keeps_its_earlier_version(bench: Bench, text: str) -> None:
    """A file that was emptied or damaged is reported; its document stays until it is readable."""
    source = bench.write("a.txt", "good words")
    bench.write("b.txt", "other words")
    bench.ingest()
    bench.write("a.txt", text)
    report = bench.ingest()
    assert numbers(report) == (0, 0, 1, 0, 1)
    assert report.failed[0].source == source
    assert not report.failed[0].reason.startswith(source)
    (failed,) = [event for event in bench.events if isinstance(event, DocumentFailed)]
    assert failed.kept
    assert find(bench.store, "good words")[0].text == "good words"


def test_an_empty_file_fails_with_no_text(bench: Bench) -> None:
    """A file without text is told, not passed over."""
    bench.write("empty.txt", "")
    bench.write("blank.md", "  \n")
    report = bench.ingest()
    assert [failure.reason[:7] for failure in report.failed] == ["no text", "no text"]
    assert bench.store.sources() == {}


def test_what_lies_below_an_unlistable_folder_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not being able to look is no proof that files are gone."""
    inside = bench.write("sub/a.txt", "inside")
    gone = bench.write("b.txt", "gone")
    bench.ingest()
    Path(gone).unlink()
    Path(inside).unlink()
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("/sub"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert numbers(bench.ingest()) == (0, 0, 0, 1, 1)
    assert list(bench.store.sources()) == [inside]


def test_a_file_that_vanishes_meanwhile_keeps_its_document_until_next_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes away between finding and reading is a failure now and a removal next time."""
    source = bench.write("a.txt", "words")
    bench.ingest()

    def vanish(reader: FileReader, paths: Iterable[Path]) -> Iterator[Callable[[], FileText]]:
        Path(source).unlink(missing_ok=True)
        return ahead(reader, paths)

    ahead = FileReader.ahead
    monkeypatch.setattr(FileReader, "ahead", vanish)
    report = bench.ingest()
    assert [failure.reason for failure in report.failed] == ["it is gone"]
    assert list(bench.store.sources()) == [source]
    bench.write("b.txt", "others")
    assert numbers(bench.ingest()) == (1, 0, 0, 1, 0)


@pytest.mark.parametrize(
    "error", [OutOfMemoryError("too large"), MemoryError(), PointRefusedError("over the limit")]
)
def test_one_documents_trouble_does_not_stop_the_rest(
    bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that does not fit into memory or a request is named; the next one goes in."""
    bad = bench.write("bad.txt", "bad words")
    good = bench.write("good.txt", "good words")
    real = type(bench.store).upsert

    def fail(text: str) -> None:
        if text.startswith("bad"):
            raise error

    def refuse(store: object, document: IndexedDocument) -> None:
        fail(document.text)
        real(store, document)  # type: ignore[arg-type]

    if isinstance(error, PointRefusedError):
        monkeypatch.setattr(type(bench.store), "upsert", refuse)
    else:
        bench.encoder.before = fail
    report = bench.ingest()
    assert numbers(report) == (1, 0, 0, 0, 1)
    assert report.failed[0].source == bad
    assert list(bench.store.sources()) == [good]


def test_a_store_that_is_gone_stops_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing can be written any more, little time is spent on embedding the rest."""
    names = "abcdefghijklmnopqrstuvwxyz"
    for name in names:
        bench.write(f"{name}.txt", f"words {name}")
    bench.encoder.before = lambda text: time.sleep(0.05)
    real = type(bench.store).upsert

    def upsert(store: object, document: IndexedDocument) -> None:
        if document.source.endswith("b.txt"):
            raise WriteError("no space left")
        real(store, document)  # type: ignore[arg-type]

    monkeypatch.setattr(type(bench.store), "upsert", upsert)
    with pytest.raises(WriteError, match="no space left"):
        bench.ingest()
    assert len(bench.encoder.encoded) < len(names) - 5
    done = [event.source for event in bench.events if isinstance(event, DocumentDone)]
    assert list(bench.store.sources()) == done == [str(bench.folder / "a.txt")]


def test_an_unreadable_file_is_one_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason does not repeat the name that stands beside it."""
    source = bench.write("a.txt", "words")

    def refuse(path: Path, *, options: ReadOptions) -> FileText:
        raise ReadError(f"{path}: no permission to read it")

    monkeypatch.setattr("longembed_rag.files.reading.read_file", refuse)
    (failure,) = bench.ingest().failed
    assert (failure.source, failure.reason) == (source, "no permission to read it")


def test_a_missing_path_changes_nothing(bench: Bench) -> None:
    """Wrong use is found before the collection is even made."""
    with pytest.raises(SettingsError, match="never"):
        bench.ingest(bench.folder / "never")
    assert bench.store.record() is None


def test_other_settings_are_refused(bench: Bench) -> None:
    """A collection is not filled with vectors of another model."""
    bench.write("a.txt", "words")
    bench.ingest()
    bench.encoder = FakeEncoder(fingerprint="0" * 32)
    with pytest.raises(CollectionMismatchError):
        bench.ingest()
    assert bench.encoder.encoded == []
