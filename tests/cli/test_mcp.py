"""``longembed-rag mcp``, as assistants start it: a process and the SDK's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from tests.cli.conftest import Run
from tests.server.served import folder_of_its_own

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::DeprecationWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
#: Prints the CPU seconds of the process up to its first answer, beside that answer.
_TIMED = """
import os, sys, threading, time
import longembed_rag.server.greeting as greeting
write, is_first = greeting._write, [True]
def timed(target, data):
    if is_first:
        is_first.clear()
        sys.stderr.write(f"{time.process_time()} {sorted({'torch', 'mcp'} & set(sys.modules))}")
        sys.stderr.flush()
    write(target, data)
greeting._write = timed
from longembed_rag.__main__ import main
sys.argv = ["longembed-rag", "mcp"]
main()
"""


def parameters(*arguments: str) -> StdioServerParameters:
    command = ["-m", "longembed_rag", "mcp", *arguments]
    return StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))


def test_it_greets_before_anything_is_loaded(run: Run) -> None:
    """Initialize is answered within half a second of CPU, without torch and without the SDK."""
    given = json.dumps(HELLO).encode() + b"\n"
    done = subprocess.run(
        [sys.executable, "-c", _TIMED], input=given, capture_output=True, timeout=120
    )
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["id"], first["result"]["protocolVersion"]) == (0, "2025-06-18")
    assert len(done.stdout.splitlines()) == 1, "the SDK's own answer is kept back"
    seconds, _, loaded = done.stderr.decode().partition(" ")
    assert loaded.startswith("[]"), loaded
    assert float(seconds) < 0.5


async def test_the_sdks_client_over_stdio(run: Run, documents: Path) -> None:
    """It lists, searches, reads and is told errors; what is added is there for other commands."""
    assert run("ingest", str(documents)).exit_code == 0
    with folder_of_its_own():
        async with Client(parameters()) as client:
            names = [each.name for each in (await client.list_tools()).tools]
            found = await client.call_tool("search", {"query": "lease", "passages": 1})
            added = await client.call_tool("add_document", {"id": "new", "text": "plums"})
            wrong = await client.call_tool("read_document", {"source": "nobody"})
    assert names == ["search", "read_document", "list_documents", "add_document"]
    first = json.loads(found.content[0].text)["documents"][0]  # type: ignore[union-attr]
    assert first["source"] == str(documents / "lease.txt")
    assert not added.is_error
    assert wrong.is_error
    assert "new" in run("list").stdout


@pytest.mark.slow
async def test_read_only_over_stdio(run: Run, documents: Path) -> None:
    """--read-only has no add_document."""
    assert run("ingest", str(documents)).exit_code == 0
    with folder_of_its_own():
        async with Client(parameters("--read-only")) as client:
            names = [each.name for each in (await client.list_tools()).tools]
    assert names == ["search", "read_document", "list_documents"]
