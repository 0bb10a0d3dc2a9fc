"""``longembed-rag serve``, and what the other commands do while one has their store open."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from longembed_rag import Library
from longembed_rag.errors import InputError, SettingsError, StoreError
from longembed_rag.server.remote import ServerLink
from longembed_rag.server.sockets import socket_path
from tests.cli.conftest import Run, as_json
from tests.server.served import folder_of_its_own, running

pytestmark = pytest.mark.filterwarnings(
    "ignore::longembed_rag.errors.LongEmbedWarning", "ignore::ResourceWarning"
)
STORE = Path(".longembed")


@pytest.fixture(autouse=True)
def own_folders() -> Iterator[Path]:
    """This user's folders of state and sockets are the test's own."""
    with folder_of_its_own() as found:
        yield found


@contextmanager
def while_served(**options: Any) -> Iterator[str]:
    """The store of this folder is open in a server."""
    settings = {"device": "cpu", "dtype": "float32"}
    with (
        Library.open(STORE, **settings) as library,  # type: ignore[arg-type]
        running(library, spool=Path("spool").absolute(), **options) as address,
    ):
        yield address


def told(result: Result) -> tuple[int, str, list[str]]:
    """What a command ends with and says, without that it used a server and how long it took."""
    lines = result.stderr.splitlines()
    kept = [line for line in lines if not line.startswith(("using the server", "serve: "))]
    return result.exit_code, result.stdout, kept


@pytest.fixture
def own(run: Run, documents: Path) -> Path:
    """The documents, ingested into a store that a test may change."""
    assert run("ingest", str(documents)).exit_code == 0
    return documents


READING = [
    ["search", "who signed the lease", "--json"],
    ["search", "apples", "--mode", "sparse", "-k", "1", "--json"],
    ["search", "apples", "--filter", "file_type=md", "--show-passages", "1", "--json"],
    ["search", "apples"],
    ["list", "--json"],
    ["list"],
    ["info", "--json"],
    ["info"],
    ["show", "documents/note.md", "--json"],
    ["show", "documents/note.md"],
]
WRONG = [
    ["search", "", "--json"],
    ["search", "apples", "--filter", "nonsense", "--json"],
    ["search", "apples", "--limit", "0", "--json"],
    ["show", "nothing", "--json"],
    ["remove", "nothing", "--json"],
]


def test_reading_and_errors_are_as_without(run: Run, filled: Path) -> None:
    """Every command that reads says the same, to the last byte, and fails with the same words."""
    asked = [*READING, *WRONG]
    alone = [told(run(*arguments)) for arguments in asked]
    with while_served():
        for arguments, expected in zip(asked, alone, strict=True):
            result = run(*arguments)
            assert told(result) == expected, arguments
            if expected[0] == 0 and "--filter" not in arguments:
                assert "using the server at" in result.stderr
    assert [code for code, _, _ in alone[: len(READING)]] == [0] * len(READING)
    assert 0 not in [code for code, _, _ in alone[len(READING) :]]


def test_writing_is_as_without(run: Run, own: Path, shelf: Path) -> None:
    """Ingest and remove do and tell the same, with the events of each document."""
    (shelf / "far.txt").write_text("far away")
    (own / "note.md").write_text("# Note\n\npears and plums\n")
    (own / "new.txt").write_text("a new one")
    (own / "empty.txt").write_text("")
    shutil.copytree(STORE, "copy")
    alone = _write(run, own)
    shutil.rmtree(STORE)
    shutil.move("copy", STORE)
    with while_served():
        served = _write(run, own)
    assert served == alone
    assert alone[1][1]["added"] == 2
    assert alone[1][1]["updated"] == 1


def _write(run: Run, documents: Path) -> list[Any]:
    """What ingesting a folder and removing a document says, but for how long it takes."""
    found: list[Any] = []
    for arguments in (
        ["ingest", str(documents), "--dry-run", "--json"],
        ["ingest", str(documents), "shelf://box/", "--json"],
        ["remove", "shelf://box/far.txt", "--json"],
        ["remove", str(documents / "new.txt"), "--json"],
    ):
        result = run(*arguments)
        values = {k: v for k, v in as_json(result).items() if k != "seconds"}
        lines = [re.sub(r"[0-9.]+ s\b|at [0-9,]+ tokens/s", "", x) for x in told(result)[2]]
        found.append((result.exit_code, values, lines))
    return found


def test_a_document_is_told_when_it_is_done(run: Run, documents: Path) -> None:
    """While a server takes them in, each is told by name."""
    run("ingest", str(documents / "note.md"))
    with while_served():
        result = run("ingest", str(documents), "--debug")
    assert result.exit_code == 0
    for name in ("lease.txt", "page.html"):
        assert name in result.stderr


NOT_SERVED = [
    (["search", "a", "--collection", "other"], "serve --stop"),
    (["search", "a", "--method", "truncate"], "leave it out"),
    (["ingest", "documents", "--passage-tokens", "17"], "leave it out"),
    (["search", "a", "--model", "another"], "leave it out"),
    (["verify"], "serve --stop"),
    (["copy", "--to", "backup"], "serve --stop"),
    (["serve", "--port", "0"], "serve --stop"),
]


def test_what_a_server_does_not_do(run: Run, filled: Path) -> None:
    """Another collection, other settings and what takes the files alone are refused at once."""
    with while_served():
        for arguments, way_out in NOT_SERVED:
            result = run(*arguments, "--json")
            assert result.exit_code in (1, 2), arguments
            assert way_out in as_json(result)["error"]["message"], arguments
            assert run("search", "apples").exit_code == 0, arguments


def test_a_server_that_is_read_only_refuses_commands(run: Run, filled: Path) -> None:
    """Commands read there, and neither add nor remove."""
    with while_served(read_only=True):
        assert run("search", "apples").exit_code == 0
        for arguments in (["ingest", "documents"], ["remove", "documents/note.md"]):
            result = run(*arguments, "--json")
            assert result.exit_code == 2
            assert "read only" in as_json(result)["error"]["message"]


def test_errors_of_the_server_are_what_they_are(run: Run, filled: Path) -> None:
    """What its library raises has the kind and the words that it has without a server."""
    with while_served():
        link = ServerLink.find(STORE.absolute())
        assert link is not None
        with pytest.raises(SettingsError, match="filter"):
            link.call("search", "a", filter="?")
        with pytest.raises(InputError, match="empty"):
            link.call("search", "")
        with pytest.raises(StoreError, match="nothing that a server does"):
            link.call("close")


def test_settings_of_the_server_may_be_repeated(run: Run, filled: Path) -> None:
    """What the server has anyway can be said."""
    with while_served():
        assert run("search", "apples", "--passage-tokens", "256").exit_code in (0, 2)
        assert run("search", "apples", "--language", "auto").exit_code in (0, 2)


def test_a_stale_socket_file_is_passed_over(run: Run, filled: Path) -> None:
    """Where a killed server left its file, the store is opened as ever."""
    import socket

    path = socket_path(STORE.absolute())
    path.parent.mkdir(parents=True, exist_ok=True)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    result = run("search", "apples", "--json")
    assert result.exit_code == 0
    assert "using the server" not in result.stderr


def test_stop_without_a_server(run: Run, filled: Path) -> None:
    """Nothing is ended where nothing runs, and that is told."""
    result = run("serve", "--stop", "--json")
    assert (result.exit_code, as_json(result)) == (0, {"stopped": None})
    assert run("serve", "--stop", "--url", "http://localhost:6333").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--host", "0.0.0.0"], "--no-auth"),
        (["--port", "70000"], "port"),
        (["--idle", "0"], "idle"),
        (["--max-body", "0"], "max-body"),
        (["--watch", "nowhere"], "nowhere"),
        (["--spool", "longembed.toml/x"], "spool"),
    ],
)
def test_options_that_cannot_be(run: Run, arguments: list[str], named: str) -> None:
    """Each is refused by its name, before a server begins."""
    result = run("serve", *arguments)
    assert result.exit_code == 2, result.output
    assert named in result.stderr.replace("_", "-")


def command(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "longembed_rag", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **changes},
    )


@pytest.mark.slow
def test_detached_used_killed_and_ended(run: Run, own: Path) -> None:
    """One is left running, found again, killed without harm, started by a search, and ended."""
    first = command("serve", "--detach", "--json")
    assert first.returncode == 0, first.stderr
    process = json.loads(first.stdout)["pid"]
    again = command("serve", "--detach", "--json")
    assert json.loads(again.stdout)["pid"] == process
    assert run("search", "apples", "--json").exit_code == 0
    os.kill(process, signal.SIGKILL)
    time.sleep(0.5)
    assert "using the server" not in run("search", "apples").stderr
    started = command("search", "apples", LONGEMBED_AUTOSTART="true")
    assert "started the server" in started.stderr
    assert "using the server" in command("search", "apples", LONGEMBED_AUTOSTART="true").stderr
    ended = command("serve", "--stop", "--json")
    assert json.loads(ended.stdout)["stopped"] not in (None, process)
    assert ServerLink.find(STORE.absolute()) is None


@pytest.mark.slow
def test_two_are_detached_at_once(run: Run, own: Path) -> None:
    """One of them serves, both say so, and nobody is left when it is ended."""
    asked = [sys.executable, "-m", "longembed_rag", "serve", "--detach", "--json"]
    both = [subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(each.communicate(timeout=120)[0]) for each in both]
    assert answers[0]["pid"] == answers[1]["pid"]
    assert json.loads(command("serve", "--stop", "--json").stdout)["stopped"] == answers[0]["pid"]
    time.sleep(2)
    assert ServerLink.find(STORE.absolute()) is None


@pytest.mark.slow
def test_a_detached_server_ends_by_itself(run: Run, own: Path) -> None:
    """After --idle minutes without a request it is gone, and the store is free."""
    found = json.loads(command("serve", "--detach", "--idle", "0.02", "--json").stdout)
    for _ in range(200):
        if ServerLink.find(STORE.absolute()) is None:
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{found['pid']}").exists() or "using" not in run("list").stderr


@pytest.mark.slow
def test_killed_in_the_middle_of_a_command(run: Run, own: Path) -> None:
    """A command whose server is killed says so; the next one finds everything in order."""
    for n in range(300):
        (own / f"more-{n}.txt").write_text(f"number {n} " * 200)
    process = json.loads(command("serve", "--detach", "--json").stdout)["pid"]
    asked = [sys.executable, "-m", "longembed_rag", "ingest", str(own), "--json"]
    writing = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert writing.stderr is not None
    for line in writing.stderr:
        if line.startswith("added"):
            break
    os.kill(process, signal.SIGKILL)
    out, _ = writing.communicate(timeout=120)
    assert writing.returncode == 1
    assert "the server at" in json.loads(out)["error"]["message"]
    assert command("ingest", str(own)).returncode == 0
    assert as_json(run("info", "--json"))["documents"] == 303
    assert run("verify").exit_code == 0
