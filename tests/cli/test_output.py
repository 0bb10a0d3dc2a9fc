"""What people read: numbers, times, paths and other people's text."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from longembed_rag.cli import output


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (4.14, "4.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    """Times grow into larger units without ever showing sixty of a smaller one."""
    assert output.duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 documents"), (1, "1 document"), (12345, "12,345 documents")]
)
def test_count(number: int, shown: str) -> None:
    """A noun agrees with its number."""
    assert output.count(number, "document") == shown


def test_printable_disarms_terminal_sequences() -> None:
    """A document cannot clear the screen or change the title of the terminal that shows it."""
    shown = output.printable("a\x1b[2Jb\x9bc\u202ed\te\n")
    assert shown == "a\ufffd[2Jb\ufffdc\ufffdd\te\n"


def test_path_below_the_working_directory_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources below the working directory are short, others stay whole."""
    monkeypatch.chdir(tmp_path)
    assert output.shown_path(str(tmp_path / "a" / "b.txt")) == str(Path("a") / "b.txt")
    assert output.shown_path(str(tmp_path.parent / "b.txt")) == str(tmp_path.parent / "b.txt")


def test_wrapped_is_one_indented_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passage's own line breaks do not break the lines of the terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    shown = output.wrapped("one\n\n  two " + "three " * 20, indent="    ")
    lines = shown.splitlines()
    assert lines[0].startswith("    one two three")
    assert all(line.startswith("    ") and len(line) <= 40 for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_survives_any_stream_and_any_name(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Umlauts on a narrow stream and file names that are not valid text still make JSON."""
    value = {"source": "grün \udce9.txt"}
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    output.write_json(value)
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == value


def test_table_rows_stay_on_one_line_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A table that is piped has one line per row, however long a path is."""
    long_path = "very/" * 60 + "deep.txt"
    output.write_table(("file", "tokens"), [(long_path, "12"), ("[b]x[/b]", "3")], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert long_path in lines[1]
    assert lines[2].startswith("[b]x[/b]")


@pytest.mark.parametrize("name", ["a\nadded  b.txt", "a\tb", "a\rb", "a\u2028b", "a\x1b[31mb"])
def test_a_name_stays_on_its_line(name: str) -> None:
    """A file name cannot fake a second line of status, nor steer the terminal."""
    shown = output.shown_path(f"/elsewhere/{name}")
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown
    assert "\t" not in shown
