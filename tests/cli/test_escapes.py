"""Nothing that comes out of documents, names, models or settings steers a terminal."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.cli import main
from longembed_rag.cli.eval_display import line_of
from longembed_rag.cli.output import one_line, printable, write_json, write_pairs, write_table
from tests.cli.conftest import Run

_EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\x08\x7f\r\u202e\u2066\u200f\u061c"
_OURS = re.compile(r"\x1b\[[012]m")  # bold, dim, and as before


def steering(output: str) -> set[str]:
    """What could steer a terminal, apart from our own bold and dim."""
    plain = _OURS.sub("", output).replace("\n", "").replace("\t", "")
    return {each for each in plain if unicodedata.category(each) in ("Cc", "Cf", "Cs")}


@pytest.fixture
def evil(run: Run) -> str:
    """A file whose name, title, heading, text and metadata are full of escapes."""
    folder = Path(f"docs{_EVIL}")
    folder.mkdir()
    page = f"<title>{_EVIL} title</title><h1>head {_EVIL}</h1><p>apples {_EVIL} pears</p>"
    (folder / f"a{_EVIL}.html").write_text(page)
    (folder / f"b{_EVIL}.pdf").write_text("no document")
    (folder / f"c{_EVIL}.bin").write_text("skipped")
    (folder / f"d{_EVIL}.log").write_text("left out")
    (folder / ".longembedignore").write_text(f"*{_EVIL}.log\n")
    return str(folder)


@pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)
def test_no_command_lets_a_control_through(evil: str, every: bool) -> None:
    """Ingest, dry runs, lists, hits, errors: people's output, and JSON, which is escaped whole."""
    page = str(next(Path(evil).resolve().glob("*.html")))
    commands = (
        ("ingest", evil, "--dry-run"),
        ("ingest", evil, "--collection", f"x{_EVIL}"),
        ("ingest", evil),
        ("list",),
        ("search", f'"apples" {_EVIL}'),
        ("search", "apples", "--filter", f"title={_EVIL}"),
        ("show", page, "--text"),
        ("verify",),
        ("info",),
        ("copy", "--to", f"other{_EVIL}"),
        ("remove", f"none{_EVIL}"),
        ("remove", page),
        ("ingest", f"missing{_EVIL}"),
        ("search", "apples", f"--{_EVIL}"),
        ("search", "apples", "--model", f"no{_EVIL}"),
        ("search", "apples", "--url", f"http://no{_EVIL}"),
        (f"command{_EVIL}",),
    )
    found = {}
    for command in commands:
        for more in ((), ("--json",)) if every else ((),):
            result = CliRunner().invoke(main, [*command, *more], color=True)
            assert result.exception is None or isinstance(result.exception, SystemExit), command
            if wrong := steering(result.output):
                found[" ".join((*command, *more))] = (wrong, result.output)
    assert not found


def test_a_settings_file_is_quoted_without_controls(run: Run) -> None:
    """Its keys and values stand in errors."""
    for line in (f"{json.dumps(f'k{_EVIL}')} = 1", f"method = {json.dumps(_EVIL)}"):
        Path("longembed.toml").write_text(line)
        result = CliRunner().invoke(main, ["search", "apples"], color=True)
        assert result.exit_code == 2
        assert not steering(result.output)


@given(st.text())
def test_whatever_is_shown_steers_nothing(text: str) -> None:
    """Paragraphs, lines, pairs and tables, their headings included."""
    with redirect_stdout(io.StringIO()) as out:
        write_pairs([(text, text)])
        write_table((text,), [(text,)])
    assert not steering(printable(text) + one_line(text) + out.getvalue())


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_steers_nothing_and_loses_nothing(value: object) -> None:
    """What could is written as JSON's own escape, which reads as what it was."""
    with redirect_stdout(io.StringIO()) as out:
        write_json(value)
    assert not steering(out.getvalue())
    assert json.loads(out.getvalue()) == value


def test_the_benchmarks_lines_steer_nothing() -> None:
    """Tasks bear the names of folders of data."""
    pytest.importorskip("longembed_eval")
    from longembed_eval.events import RunFailed
    from longembed_eval.results import Failure

    failed = RunFailed(Failure(task=_EVIL, system=_EVIL, reason=_EVIL), None)
    assert not steering(line_of(failed) or "")
