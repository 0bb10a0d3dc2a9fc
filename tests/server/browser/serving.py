"""Three servers in one process for the tests of the page: filled, empty, and locked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import uvicorn

from longembed_rag import Document, Library, LongEncoder
from longembed_rag.server.app import create_app
from longembed_rag.server.options import ServerOptions

KEY = "a-key-that-nobody-guesses"
#: Would show that something of a document is taken for HTML or a script.
HOSTILE = (
    '<script>window.hacked = "script"</script> A parrot <img src=x onerror="window.hacked=1"> sits '
    "on the mast and says </textarea></script><svg onload=window.hacked=2> to the lightkeeper."
)
HOSTILE_NAME = '<img src=x onerror=window.hacked=3> "parrot" & <b>mast</b>.txt'
_STORES = ("filled", "empty", "locked")
_DAYS = ("quiet", "foggy", "stormy", "bright", "windy", "frosty")


def _chapter(number: int, subject: str) -> str:
    days = (
        f"On day {10 * number + n} it was {_DAYS[n % 6]}, and the boat brought bread, oil, wood "
        f"and letters; nothing else is to be told of the morning of that day.\n"
        for n in range(9)
    )
    return f"## Chapter {number}: {subject}\n\n{subject} is told of here.\n\n{''.join(days)}\n"


def _lighthouse() -> str:
    chapters = [_chapter(n, f"The year {1870 + n}") for n in range(6)]
    chapters[1] += "The lighthouse lamp burned paraffin, and its lens came from Paris.\n\n"
    chapters[4] += "In the great storm the lamp of the lighthouse went out for an hour.\n\n"
    return "# The keeper's book 🙂🌊\n\n" + "".join(chapters)


def write_documents(folder: Path) -> None:
    """Files in two folders, of three types and two years."""
    texts = {
        "sea/keeper.md": _lighthouse(),
        "sea/tides.txt": "🙂🙂🙂 The tide tables of the harbour: high water comes at six.\n",
        "land/bees.txt": "Bees dance to tell their sisters where the clover grows.\n",
        "land/bread.html": "<title>Baking bread</title><p>Dough has to rise overnight.</p>",
        "land/oven.txt": "An oven of bricks keeps its heat for hours.\n",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        year = 2024 if name == "land/bees.txt" else 2025
        time = datetime(year, 6, 1, tzinfo=timezone.utc).timestamp()
        os.utime(path, (time, time))


def main(folder: Path) -> None:
    """Fill the collections, serve them, and tell the ports on a line of its own."""
    write_documents(folder / "files")
    encoder = LongEncoder.from_pretrained(device="cpu")
    with contextlib.ExitStack() as closing:
        opened = [Library.open(folder / name, encoder=encoder) for name in _STORES]
        libraries = [closing.enter_context(each) for each in opened]
        libraries[0].ingest(folder / "files")
        libraries[0].add(Document(id=HOSTILE_NAME, text=HOSTILE, metadata={"title": HOSTILE_NAME}))
        libraries[2].add(Document(id="secret.txt", text="The treasure lies under the old oak."))
        asyncio.run(_serve(libraries, folder))


async def _serve(libraries: Sequence[Library], folder: Path) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in libraries]
    ports = [each.getsockname()[1] for each in sockets]
    options = [
        ServerOptions(spool=folder / f"spool{n}", port=port, key=key, read_only=bool(key))
        for n, (port, key) in enumerate(zip(ports, (None, None, KEY), strict=True))
    ]
    apps = [create_app(*each) for each in zip(libraries, options, strict=True)]
    print(json.dumps(ports), flush=True)
    servers = [uvicorn.Server(uvicorn.Config(each, log_level="warning")) for each in apps]
    served = (server.serve(sockets=[each]) for server, each in zip(servers, sockets, strict=True))
    await asyncio.gather(*served)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
