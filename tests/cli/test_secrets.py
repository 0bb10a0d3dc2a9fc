"""No command lets a key or a password out."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.points.client.retries import RetryPolicy
from tests.cli.conftest import Run

SECRET = "s3cr3t-marked"
URL = f"http://me:{SECRET}@127.0.0.1:9"
COMMANDS = (
    ("search", "x"),
    ("ingest", "documents"),
    ("ingest", "documents", "--dry-run"),
    ("list",),
    ("show", "x"),
    ("info",),
    ("remove", "x"),
    ("verify",),
    ("copy", "--to", f"http://me:{SECRET}-to@127.0.0.1:9"),
)


@pytest.mark.usefixtures("documents")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.filterwarnings("ignore:Api key is used")
def test_no_command_prints_a_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """With a marked key and password nothing is printed or written that holds them."""
    monkeypatch.setenv("LONGEMBED_API_KEY", f"key-{SECRET}")
    monkeypatch.setenv("LONGEMBED_URL", URL)
    monkeypatch.setattr(RetryPolicy, "longest_start", 0.0)
    for more in ((), ("--json",), ("--debug",)):
        result = run(*command, *more)
        assert SECRET not in result.output
        assert SECRET not in result.stderr
    kept = [each for each in Path().rglob("*") if each.is_file()]
    assert kept
    assert not [each for each in kept if SECRET.encode() in each.read_bytes()]


@pytest.mark.parametrize(
    "url", [f"me:{SECRET}@h", f"ftp://me:{SECRET}@h", f"http://me:{SECRET}@[h"]
)
def test_an_address_that_is_wrong_is_told_without_its_password(run: Run, url: str) -> None:
    """Neither what is no address, nor one that stands beside a folder, is printed whole."""
    for more in ((), ("--path", "x")):
        result = run("search", "x", "--url", url, *more, "--debug")
        assert result.exit_code == 2
        assert "***@" in result.stderr
        assert SECRET not in result.output


def test_a_list_of_addresses_in_the_file_is_told_without_passwords(run: Run) -> None:
    """A value of the wrong type is shown, but not the password in it."""
    with Path("longembed.toml").open("a") as file:
        file.write(f'url = ["http://me:{SECRET}@h"]\n')
    result = run("search", "x")
    assert result.exit_code == 2
    assert SECRET not in result.output
    assert "should be text" in result.stderr
