"""Ends that a program and a person understand: whatever fails, and wherever output goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import longembed_rag
from longembed_rag._version import __version__
from longembed_rag.library.library import Library
from longembed_rag.store.store import DocumentStore
from tests.cli.conftest import Run, as_json
from tests.store.fakes import make_document
from tests.stores import ensure

PROGRAM = "from longembed_rag.cli import main; main()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(longembed_rag.__file__).parent.parent)}


def _shell(
    arguments: str, redirected: str, *, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The program in a shell, which redirects its streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {arguments} {redirected}', sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "redirected", "why"),
    [
        pytest.param(arguments, *end, marks=() if (number + which) % 2 == 0 else pytest.mark.slow)
        for number, arguments in enumerate(("--help", "--version", "models --json", "models"))
        for which, end in enumerate(
            ((">/dev/full", "No space left"), (">&-", "Bad file descriptor"))
        )
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_cannot_be_written_is_one_sentence(
    arguments: str, redirected: str, why: str
) -> None:
    """A full disk or a closed output ends with 1, as for other programs."""
    ended = _shell(arguments, redirected)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: cannot write to standard output: {why}")


@pytest.mark.parametrize(
    "redirected",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in ("2>&-", "<&-")), "2>&- <&-"],
)
def test_closed_errors_and_input_change_nothing(redirected: str) -> None:
    """Neither the result nor the status, nor does a file take their place."""
    ended = _shell("models --json", redirected)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["models"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_errors_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    """The number of documents is told there, and the list is whole."""
    with DocumentStore.open(path=tmp_path / "store") as store:
        ensure(store).upsert(make_document("/a.txt", "some words"))
    ended = _shell("list --path store", "2>/dev/full", cwd=tmp_path)
    assert ended.returncode == 0
    assert "/a.txt" in ended.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    """``head`` reads a line and leaves."""
    ended = _shell("models --json", "| head -n 1")
    assert (ended.stdout, ended.stderr) == ("{\n", "")


def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """One sentence, and JSON where it is asked for."""
    folder = tmp_path / "gone"
    folder.mkdir()
    command = f'cd {folder} && rmdir {folder} && exec "$0" -c "$1" info --json'
    ended = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert ended.returncode == 2
    assert "working folder is gone" in json.loads(ended.stdout)["error"]["message"]
    assert "Traceback" not in ended.stderr


def test_the_version_is_json_where_that_is_asked_for(run: Run) -> None:
    """In either order."""
    for arguments in (("--version", "--json"), ("--json", "-V")):
        assert as_json(run(*arguments)) == {"version": __version__}


@pytest.mark.parametrize("arguments", [("--bogus", "--json"), ("--json",), ("bogus", "--json")])
def test_wrong_use_before_the_command_is_json_too(run: Run, arguments: tuple[str, ...]) -> None:
    """One value on stdout, status 2."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert as_json(result)["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    "error", [RuntimeError("odd\nthing"), ZeroDivisionError(), KeyError("x"), RecursionError()]
)
def test_what_nobody_thought_of_is_a_sentence_and_a_fault_of_ours(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Never a traceback, unless it is asked for."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Library, "open", fail)
    result = run("info", "--json")
    assert result.exit_code == 1
    told = as_json(result)["error"]
    assert told["type"] == type(error).__name__
    assert "is a fault of longembed-rag; run it again with LONGEMBED_DEBUG=1" in told["message"]
    assert len(result.stderr.splitlines()) == 1
    monkeypatch.setenv("LONGEMBED_DEBUG", "1")
    assert "Traceback" in run("info").stderr
