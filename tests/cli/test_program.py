"""The installed program in processes of its own: speed, exit codes, and what is on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from longembed_rag import __version__
from longembed_rag.cli import main
from tests.models import TinyModels

COMMANDS = (
    *("ingest", "search", "list", "show", "remove", "copy", "info", "verify"),
    *("serve", "mcp", "models", "eval", "tune", "train"),
)


def leaves(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of every command that is no group, those in groups included."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *before, name)
        else:
            yield (*before, name)


def program(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``longembed-rag``, or some Python code, in a process of its own."""
    start = code or "from longembed_rag.cli import main; main(prog_name='longembed-rag')"
    return subprocess.run(
        [sys.executable, "-c", start, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )


def test_help_is_quick() -> None:
    """--help takes well under half a second of a processor's time: the best of five."""
    taken = []
    for _ in range(5):
        before = os.times()
        assert program("--help").returncode == 0
        after = os.times()
        user = after.children_user - before.children_user
        taken.append(user + after.children_system - before.children_system)
        if taken[-1] < 0.5:
            break
    assert min(taken) < 0.5


def test_import_loads_nothing_heavy() -> None:
    """Importing the command line loads no model, store or framework."""
    heavy = ("torch", "transformers", "qdrant_client", "llama_index", "numpy", "rich", "pypdf")
    code = f"import sys, longembed_rag.cli; print([m for m in {heavy!r} if m in sys.modules])"
    result = program(code=code)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("words", list(leaves(main)), ids=" ".join)
def test_help_of_every_command_has_an_example(words: tuple[str, ...]) -> None:
    """Each command, in a group or not, says what it does and shows how it is used."""
    text = CliRunner().invoke(main, [*words, "--help"], prog_name="longembed-rag").output
    assert "Example" in text
    assert f"longembed-rag {' '.join(words)}" in text.partition("Example")[2]
    assert "--json" in text


def test_help_of_a_group_names_its_commands() -> None:
    """Each with a line of its own, in the order in which they were added."""
    text = CliRunner().invoke(main, ["train", "--help"], prog_name="longembed-rag").output
    listed = text.partition("Commands:")[2].split()
    group = main.commands["train"]
    assert isinstance(group, click.Group)
    assert [word for word in listed if word in group.commands][:1] == ["positions"]
    assert tuple(group.commands) == ("positions", "rotary", "length", "negatives")


def test_commands_are_all_there() -> None:
    """The group knows the commands, in the order in which a newcomer meets them."""
    assert tuple(main.commands) == COMMANDS


def test_version() -> None:
    """--version names program and version."""
    assert program("--version").stdout.strip() == f"longembed-rag, version {__version__}"


def _ingest_of_one(tiny_models: TinyModels) -> tuple[str, ...]:
    Path("grün.txt").write_text("Grüne Wiesen. " * 50, encoding="utf-8")
    return ("ingest", "grün.txt", "--model", str(tiny_models.folder("bert")), "--json")


def _require_json_and_lines(out: str, err: str) -> None:
    assert json.loads(out)["added"] == 1
    first, added, last = err.splitlines()
    assert "into collection documents" in first
    assert added.startswith("added  grün.txt  ")
    assert last.startswith("1 added; ")


def test_stdout_holds_json_and_nothing_else(
    tiny_models: TinyModels, capfd: pytest.CaptureFixture[str]
) -> None:
    """A whole ingest writes one JSON value on stdout, and nobody else's noise on stderr.

    What libraries write to the files themselves is seen here, too.
    """
    arguments = _ingest_of_one(tiny_models)
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments), prog_name="longembed-rag")
    assert ended.value.code == 0
    _require_json_and_lines(*capfd.readouterr())


@pytest.mark.slow
def test_imports_say_nothing_either(tiny_models: TinyModels) -> None:
    """The same in a process of its own, which has all to import."""
    ingested = program(*_ingest_of_one(tiny_models))
    _require_json_and_lines(ingested.stdout, ingested.stderr)


def test_wrong_use_exits_with_2() -> None:
    """Unknown flags, commands and missing paths are wrong use."""
    for arguments in (["ingest"], ["serch", "x"], ["ingest", "nowhere"], ["info", "--nonsense"]):
        result = program(*arguments)
        assert result.returncode == 2
        assert result.stdout == ""
