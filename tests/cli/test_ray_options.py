"""``--ray`` and what belongs to it, as far as no cluster is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from longembed_rag.cli import main
from longembed_rag.cli.streams import errors_of_python
from longembed_rag.errors import MissingDependencyError
from longembed_rag.ray_cluster import connect_ray, own_error


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a file, in which commands run."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.txt").write_text("A text.")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ingest", "--ray", "reports"), "--ray took 'reports' as the address of a cluster"),
        (("ingest", "reports", "--workers", "2"), "--workers and --gpus say how many processes"),
        (("ingest", "reports", "--gpus", "0"), "--workers and --gpus say how many processes"),
        (("ingest", "reports", "--ray"), "name a Qdrant server (--url, url=)"),
    ],
)
def test_what_makes_no_sense_is_told(arguments: tuple[str, ...], told: str) -> None:
    """Before anything is started or made."""
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 2
    assert told in " ".join(found.output.split())
    assert not Path(".longembed").exists()


def test_without_ray_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every optional package."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingDependencyError, match=r"pip install 'longembed-rag\[ray\]'"),
        connect_ray("local"),
    ):
        pass


def test_an_error_of_ours_is_found_below_others() -> None:
    """Ray wraps what a process ended with; some of its errors are ours and its own at once."""
    ours = MissingDependencyError("said")

    class WrappedError(MissingDependencyError):
        cause = ours

    assert own_error(WrappedError("long")) is ours
    outer = RuntimeError("outer")
    outer.__cause__ = WrappedError("long")
    assert own_error(outer) is ours
    assert own_error(RuntimeError("alone")) is None


def test_only_python_writes_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """What a library writes past it goes nowhere, until the block ends."""
    with errors_of_python():
        os.write(2, b"noise\n")
        print("said", file=sys.stderr)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "said\nafter\n"
