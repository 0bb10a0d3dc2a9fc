"""No command lets a key or a password out."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.library.library import Library
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.store import DocumentStore
from tests.cli.conftest import Run
from tests.cli.test_eval import write_task
from tests.points.fake_qdrant import running_fake

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
    ("eval", "--data", "queries", "--systems", "bm25,truncate", "--through", "qdrant"),
)
SUCCEEDING = (
    ("ingest", "documents"),
    ("ingest", "documents", "--dry-run"),
    ("search", "apples"),
    ("list",),
    ("show", "documents/note.md"),
    ("info",),
    ("verify",),
    ("copy", "--to", "copied"),
    ("eval", "--data", "queries", "--systems", "bm25,truncate", "--through", "qdrant"),
    ("remove", "documents/note.md"),
)


def _require_no_secret_in_files() -> None:
    kept = [each for each in Path().rglob("*") if each.is_file()]
    assert kept
    assert not [each for each in kept if SECRET.encode() in each.read_bytes()]


@pytest.mark.usefixtures("documents")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.filterwarnings("ignore:Api key is used")
def test_no_command_prints_a_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """With a SECRET key and password nothing is printed or written that holds them."""
    monkeypatch.setenv("LONGEMBED_API_KEY", f"key-{SECRET}")
    monkeypatch.setenv("LONGEMBED_URL", URL)
    monkeypatch.setattr(RetryPolicy, "longest_start", 0.0)
    write_task(Path("queries"))
    for more in ((), ("--json",), ("--debug",)):
        result = run(*command, *more)
        assert SECRET not in result.output
        assert SECRET not in result.stderr
    _require_no_secret_in_files()


@pytest.mark.usefixtures("documents")
@pytest.mark.filterwarnings("ignore:Api key is used")
@pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)
def test_no_command_that_succeeds_prints_a_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, every: bool
) -> None:
    """Nor does what a server keeps, or a copy of it, hold any.

    Each command for people and for programs, or in turn for one of them.
    """
    monkeypatch.setenv("LONGEMBED_API_KEY", f"key-{SECRET}")
    write_task(Path("queries"))
    with running_fake() as fake:
        url = fake.url.replace("://", f"://me:{SECRET}@")
        for number, command in enumerate(SUCCEEDING):
            for more in ((), ("--json",)) if every else (((), ("--json",))[number % 2],):
                result = run(*command, *more, "--url", url, "--debug")
                is_gone = command[0] == "remove" and more
                assert result.exit_code == 0 or is_gone, result.stderr.replace(SECRET, "***")
                assert SECRET not in result.output
                assert SECRET not in result.stderr
        for name in (each.name for each in fake.client.get_collections().collections):
            assert SECRET not in str(fake.client.get_collection(name))
            assert SECRET not in str(fake.client.scroll(name, limit=100))
    _require_no_secret_in_files()


@pytest.mark.filterwarnings("ignore:Api key is used")
@pytest.mark.parametrize("where", ["key", "user", "password"])
def test_no_object_shows_a_secret(where: str) -> None:
    """Neither its repr, nor those of what it holds, nor its errors with all that led to them."""
    login = {"user": f"{SECRET}:x@", "password": f"me:{SECRET}@"}.get(where, "")
    place = {"url": f"http://{login}127.0.0.1:9", "api_key": SECRET if where == "key" else "k"}
    shown = []
    policy = RetryPolicy(longest_start=0.0, attempts=1)
    with DocumentStore.open(**place, retries=policy) as store:
        shown += [repr(store), repr(vars(store)), store.location]
        try:
            list(store.sources())
        except StoreError as error:
            shown += traceback.format_exception(error)
    with Library.open(**place) as library:
        shown += [repr(library), repr(vars(library))]
    for wrong in (f"ftp://{login}h", f"http://{login}[h"):
        try:
            DocumentStore.open(url=wrong, api_key=place["api_key"])
        except SettingsError as error:
            shown += traceback.format_exception(error)
    try:
        DocumentStore.open(url="http://127.0.0.1:9", api_key=f"{SECRET}\n")
    except SettingsError as error:
        shown += traceback.format_exception(error)
    assert len(shown) > 10
    assert SECRET not in "".join(shown)


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
