"""What the system lets a process have (ulimit): too little is one sentence, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import longembed_rag
from longembed_rag import limits
from longembed_rag.errors import StoreError
from longembed_rag.points.edge import space
from longembed_rag.store.store import DocumentStore
from tests.cli.conftest import Run
from tests.store.fakes import make_document
from tests.stores import ensure, find

resource = pytest.importorskip("resource", reason="this system has no limits")
MIB = 1 << 20
PROGRAM = "from longembed_rag.cli import main; main()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(longembed_rag.__file__).parent.parent)}


@pytest.fixture
def store() -> Path:
    folder = Path("store").resolve()
    with DocumentStore.open(path=folder) as opened:
        ensure(opened).upsert(make_document("/a.txt", "apples and pears"))
    return folder


def _limited(limit: str, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(getattr(resource, limit), (value, value))


@pytest.mark.usefixtures("store")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds to it")
@pytest.mark.parametrize(
    ("command", "mebibytes", "told"),
    [
        (("list",), 400, r"the store at .*store cannot be used: \d+ MiB of address space"),
        pytest.param(
            ("verify",),
            600,
            r"the store at .*store cannot be used: \d+ MiB of address space",
            marks=pytest.mark.slow,
        ),
        (
            ("search", "apples", "--dtype", "float16"),
            1000,
            r"no model can be loaded: \d+ MiB of address space",
        ),
    ],
    ids=["list", "verify", "search"],
)
def test_too_little_address_space_is_told_at_once(
    command: tuple[str, ...], mebibytes: int, told: str
) -> None:
    """The libraries would end the process, or wait for ever for threads that never began."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command, "--path", "store", "--json"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=_limited("RLIMIT_AS", mebibytes * MIB),
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2)
    (line,) = ended.stderr.splitlines()
    message = json.loads(ended.stdout)["error"]["message"]
    assert line == f"error: {message}"
    assert re.match(told, message)


def test_files_that_may_not_grow_are_told_before_one_is_written(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searching needs none of it, and what was there stays."""
    monkeypatch.setattr(limits, "_limit", {"RLIMIT_FSIZE": MIB}.get)
    told = r"files of 32 MiB are needed, .* 1 to one \(ulimit -f\)"
    with DocumentStore.open(path=store) as opened:
        with pytest.raises(StoreError, match=told):
            opened.upsert(make_document("/b.txt", "a lease"))
        assert [each.source for each in find(opened, "apples")] == ["/a.txt"]
    with (
        DocumentStore.open(path=store.with_name("new")) as opened,
        pytest.raises(StoreError, match="ulimit -f"),
    ):
        ensure(opened)


def test_no_file_of_a_store_begins_larger_than_is_asked_for(store: Path) -> None:
    """What is asked of the limit is what the engine takes."""
    largest = max(path.stat().st_size for path in store.rglob("*") if path.is_file())
    assert largest == space.LARGEST


def test_too_few_threads_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the libraries, which end the process; those that began are let go."""
    begin, began = threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        if len(began) == 2:
            raise RuntimeError("can't start new thread")
        began.append(thread)
        begin(thread)

    monkeypatch.setattr(limits, "_limit", {"RLIMIT_NPROC": 3}.get)
    monkeypatch.setattr(threading.Thread, "start", start)
    result = run("models")
    assert result.exit_code == 2
    assert "the system lets this process begin 2 (ulimit -u is 3" in result.stderr
    assert not any(each.is_alive() for each in began)
