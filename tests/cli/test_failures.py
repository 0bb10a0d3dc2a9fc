"""How commands end: one line, the right exit code, JSON where it was asked for."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from longembed_rag import errors
from longembed_rag.cli.command import Command, Group
from longembed_rag.cli.failures import exit_code
from longembed_rag.errors import LongEmbedError, SettingsError, TruncationWarning


def run(body: Callable[[], Any], *arguments: str) -> Result:
    """Run a command that does nothing but ``body``."""

    @click.command("probe", cls=Command, interrupted="stored are three")
    @click.argument("number", type=int, required=False)
    def probe(number: int | None, as_json: bool) -> None:
        body()

    group = Group("program", commands={"probe": probe})
    return CliRunner().invoke(group, ["probe", *arguments])


def fail(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_error_is_one_line_without_traceback() -> None:
    """People read what was wrong and what to do, and nothing about our code."""
    result = run(fail(SettingsError("group_size=0 is too small")))
    assert result.exit_code == 2
    assert result.stderr == "error: group_size=0 is too small\n"
    assert result.stdout == ""


def test_error_is_json_where_json_was_asked_for() -> None:
    """A program gets the error's type and message on stdout, people still get their line."""
    result = run(fail(SettingsError("bad")), "--json")
    assert json.loads(result.stdout) == {"error": {"type": "SettingsError", "message": "bad"}}
    assert result.stderr == "error: bad\n"


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_debug_shows_the_traceback(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--debug and LONGEMBED_DEBUG add the traceback before the line."""
    if how == "variable":
        monkeypatch.setenv("LONGEMBED_DEBUG", "1")
    result = run(fail(SettingsError("bad")), *(["--debug"] if how == "flag" else []))
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("error: bad\n")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SettingsError", 2),
        ("UnsupportedMethodError", 2),
        ("ModelLoadError", 2),
        ("UnsafeWeightsError", 2),
        ("EmptyTextError", 2),
        ("CollectionNotFoundError", 2),
        ("CollectionMismatchError", 2),
        ("OutOfMemoryError", 1),
        ("StoreError", 1),
        ("StoreLockedError", 1),
        ("WriteError", 1),
        ("ReadError", 1),
        ("MissingDependencyError", 1),
    ],
)
def test_exit_code_tells_whose_fault_it_was(name: str, code: int) -> None:
    """2 where the request has to change, 1 where the same request may work another time."""
    error: LongEmbedError = getattr(errors, name)("x")
    assert exit_code(error) == code


def test_interrupt_says_what_is_safe() -> None:
    """Ctrl-C ends with 130 and the command's own words on what is stored."""
    result = run(fail(KeyboardInterrupt()), "--json")
    assert result.exit_code == 130
    assert result.stderr == "interrupted: stored are three\n"
    assert json.loads(result.stdout)["error"] == {
        "type": "KeyboardInterrupt",
        "message": "stored are three",
    }


def test_operating_system_errors_are_one_line() -> None:
    """A full disk or a folder without permission is no traceback either."""
    result = run(fail(PermissionError(13, "Permission denied", "/root/x")))
    assert result.exit_code == 1
    assert result.stderr == "error: [Errno 13] Permission denied: '/root/x'\n"


@pytest.mark.parametrize(
    "arguments", [("--nonsense", "--json"), ("x", "--json"), ("1", "2", "--json")]
)
def test_wrong_use_is_json_too(arguments: tuple[str, ...]) -> None:
    """Unknown flags and bad values leave one JSON value on stdout and exit with 2."""
    result = run(lambda: None, *arguments)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["type"] == "UsageError"
    assert "Usage:" in result.stderr


def test_unknown_command_is_json_too() -> None:
    """A command that does not exist is wrong use like any other."""
    result = CliRunner().invoke(Group("program", commands={}), ["serch", "--json"])
    assert result.exit_code == 2
    assert "serch" in json.loads(result.stdout)["error"]["message"]


def test_only_our_own_warnings_and_logs_are_shown() -> None:
    """Libraries stay silent; this package's warnings and log records are one line each."""

    def body() -> None:
        warnings.warn("theirs", FutureWarning, stacklevel=1)
        warnings.warn("a.txt: read 5 of 9", TruncationWarning, stacklevel=1)
        warnings.warn("a.txt: read 5 of 9", TruncationWarning, stacklevel=1)
        logging.getLogger("somebody").warning("theirs")
        logging.getLogger("longembed_rag.store.store").warning("trying again")
        logging.getLogger("longembed_rag.store.store").info("details")

    result = run(body)
    assert result.exit_code == 0
    assert result.stderr == "warning: a.txt: read 5 of 9\n" * 2 + "warning: trying again\n"


def test_logging_is_left_as_it_was() -> None:
    """A command that is called from a program does not leave its handlers behind."""
    before = [list(logging.getLogger(name).handlers) for name in ("", "longembed_rag")]
    run(lambda: None)
    assert [list(logging.getLogger(name).handlers) for name in ("", "longembed_rag")] == before
