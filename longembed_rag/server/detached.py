"""Servers that run on without a terminal: started, found and ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from longembed_rag.errors import LongEmbedError
from longembed_rag.server.remote import ServerLink
from longembed_rag.server.sockets import socket_path

_STARTED_WITHIN = 60.0
_ENDED_WITHIN = 60.0
_LOOK = 0.05
_TOLD = 2_000  # characters of a log's end


def log_path(store: Path) -> Path:
    """Where a detached server writes its log."""
    from platformdirs import user_state_path

    name = socket_path(store).stem
    return user_state_path("longembed-rag", appauthor=False) / "servers" / f"{name}.log"


def start(store: Path, arguments: Sequence[str]) -> ServerLink:
    """Start a server that outlives this process, and wait until it answers.

    Args:
        store: The store's folder.
        arguments: Those of ``longembed-rag serve``.

    Raises:
        LongEmbedError: It ended at once, or does not answer; says what it said.
    """
    log = log_path(store)
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "longembed_rag", "serve", *arguments]
    with log.open("wb") as written:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
            env={**os.environ, "LONGEMBED_AUTOSTART": "false"},
        )
    until = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < until:
        if child.poll() is not None:
            raise LongEmbedError(f"the server ended at once; it said: {_end_of(log)}")
        link = ServerLink.find(store)
        if link is not None:
            # It is not waited for: whoever reads Popen's warning could do nothing about it.
            child.returncode = 0
            return link
        time.sleep(_LOOK)
    child.terminate()
    raise LongEmbedError(
        f"the server does not answer after {_STARTED_WITHIN:g} s; it said: {_end_of(log)}"
    )


def stop(link: ServerLink) -> int:
    """End a server, and wait until its store is free; gives the process that it was.

    Raises:
        LongEmbedError: It goes on.
    """
    process = int(link.ask("POST", "/own/stop")["pid"])
    until = time.monotonic() + _ENDED_WITHIN
    while time.monotonic() < until:
        if ServerLink.find(link.store) is None and not _is_alive(process):
            return process
        time.sleep(_LOOK)
    raise LongEmbedError(
        f"{link.described} is still busy with what it was asked for; try again, or end it with "
        f"'kill {process}'"
    )


def _is_alive(process: int) -> bool:
    """Whether a process is there that has not ended."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:1]
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return state != ["Z"]


def _end_of(log: Path) -> str:
    told = log.read_bytes()[-_TOLD:].decode("utf-8", "replace")
    return " ".join(told.split()) or "nothing"
