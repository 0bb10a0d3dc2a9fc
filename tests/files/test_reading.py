"""Reading in processes: in order, within bounds, and one file's trouble is its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from longembed_rag.errors import ReadError, SettingsError
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.readers import read_file
from longembed_rag.files.reading import FileReader, _Worker
from longembed_rag.files.values import FileText
from tests.files.making import make_docx, make_pdf

Write = Callable[[str, bytes], Path]
MIB = 1 << 20


def _read(reader: FileReader, path: Path) -> FileText:
    (read,) = reader.ahead([path])
    return read()


def test_files_come_in_order_as_if_they_were_read_here(write: Write) -> None:
    """Text, metadata, notes and layout cross over; names of any bytes do, too."""
    odd = os.fsdecode(b"caf\xe9 \n.html")
    paths = [
        write("a.pdf", make_pdf(["One.", "Two."], title="Title")),
        write("b.txt", b"plain"),
        write(odd, "<title>T</title><p>Größe 😀</p>".encode()),
        write("c.docx", make_docx(title="Doc")),
        *(write(f"{n}.html", f"<p>{n}</p>".encode()) for n in range(20)),
    ]
    with FileReader() as reader:
        read = [each() for each in reader.ahead(paths)]
        assert [each.text for each in read[4:]] == [str(n) for n in range(20)]
        assert read == [read_file(path) for path in paths]
        assert _read(reader, paths[0]) == read[0]


def test_a_file_that_cannot_be_read_is_one_failure(write: Write) -> None:
    """The files around it come, and it says why."""
    paths = [write("a.html", b"<p>a</p>"), write("b.pdf", b"no"), write("c.html", b"<p>c</p>")]
    with FileReader() as reader:
        first, bad, last = reader.ahead(paths)
        assert (first().text, last().text) == ("a", "c")
        with pytest.raises(ReadError, match=r"b\.pdf: the PDF is damaged"):
            bad()


def test_a_file_that_takes_too_long_is_given_up(write: Write) -> None:
    """The process is ended in the middle of its library's code; the next file is read."""
    slow = write("a.html", b"<i>" * 2_000_000)
    quick = write("b.html", b"<p>b</p>")
    with FileReader(ReadOptions(timeout=3)) as reader:
        bad, good = reader.ahead([slow, quick])
        began = time.monotonic()
        with pytest.raises(ReadError, match=r"a\.html: .* took more than 3 s; raise --read"):
            bad()
        assert good().text == "b"
        assert time.monotonic() - began < 30


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by the system, on Linux")
def test_a_file_that_takes_too_much_memory_is_given_up(write: Write) -> None:
    """What it may take is counted in its process; the next file is read."""
    large = write("a.html", b"<p>" + b"words " * 12_000_000)
    quick = write("b.html", b"<p>b</p>")
    with FileReader(ReadOptions(memory=256 * MIB)) as reader:
        bad, good = reader.ahead([large, quick])
        with pytest.raises(ReadError, match=r"a\.html: .*memory.*raise --read-memory"):
            bad()
        assert good().text == "b"


def test_a_file_larger_than_the_memory_is_not_opened(tmp_path: Path) -> None:
    """Its size says enough."""
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(300 * MIB)
    with (
        FileReader(ReadOptions(memory=256 * MIB)) as reader,
        pytest.raises(ReadError, match=r"a\.txt: it has 314,572,800 bytes, more than"),
    ):
        _read(reader, path)


def test_a_reader_that_dies_is_named_with_its_signal(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash of a library's own code ends a process, not the ingest."""
    path = write("a.html", b"<p>a</p>")

    def start(worker: _Worker) -> subprocess.Popen[bytes]:
        code = "import os; input(); os.abort()"
        worker._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return worker._process

    monkeypatch.setattr(_Worker, "_start", start)
    with (
        FileReader() as reader,
        pytest.raises(ReadError, match=r"a\.html: its reader ended \(SIGABRT\)"),
    ):
        _read(reader, path)


def test_what_killed_a_used_reader_is_tried_again_in_a_new_one(write: Write) -> None:
    """A file does not fail for what files before it have left behind."""
    path = write("a.html", b"<p>a</p>")
    with FileReader() as reader:
        assert _read(reader, path).text == "a"
        (worker,) = reader._workers
        assert worker._process is not None
        worker._process.send_signal(signal.SIGKILL)
        assert _read(reader, path).text == "a"


def test_processes_end_with_their_reader(write: Write) -> None:
    """None is left behind, not even when the work is broken off."""
    path = write("a.html", b"<p>a</p>")
    reader = FileReader()
    next(reader.ahead([path] * 100))()
    processes = [worker._process for worker in reader._workers]
    reader.close(at_once=True)
    assert processes
    assert all(process is not None and process.poll() is not None for process in processes)


def test_nothing_is_imported_from_the_folder_of_the_documents(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is called like a module is read, and not run."""
    path = write("a.html", b"<p>a</p>")
    for name in ("lxml", "json", "regex", "longembed_rag"):
        write(f"{name}.py", b"raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with FileReader() as reader:
        assert _read(reader, path).text == "a"


def test_plain_text_needs_no_process(write: Write) -> None:
    """An ingest of text files starts nothing."""
    with FileReader() as reader:
        assert _read(reader, write("a.txt", b"words")).text == "words"
        assert reader._workers == []


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"memory": 1},
        {"ocr_language": ""},
        {"ocr_language": "../eng"},
    ],
)
def test_bounds_that_cannot_be_are_refused(options: dict[str, float]) -> None:
    """Each message names the setting."""
    with pytest.raises(SettingsError, match=next(iter(options))):
        ReadOptions(**options)  # type: ignore[arg-type]
