"""Where collections lie that are written to while somebody is killed: folders, and a server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant, serving
from tests.stores import make_local

ENGINES = ("edge", "local", "server")


@dataclass
class FolderPlace:
    """A store in a folder."""

    folder: Path

    @property
    def options(self) -> list[str]:
        """How a command is told of it."""
        return ["--path", str(self.folder)]

    @property
    def target(self) -> str:
        """How ``copy`` is told of it."""
        return str(self.folder)

    def open(self) -> DocumentStore:
        """Open it."""
        return DocumentStore.open(path=self.folder)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)


@dataclass
class FolderTemplate:
    """A store that is copied for each run."""

    engine: str
    folder: Path
    _made: int = 0

    def fill(self, body: Callable[[FolderPlace], None]) -> None:
        """Make what it holds."""
        if self.engine == "local":
            make_local(self.folder)
        body(FolderPlace(self.folder))

    def copy(self) -> FolderPlace:
        """A store of the same, for a run."""
        copied = self.folder.with_name(f"{self.folder.name}-run")
        if self.folder.exists():
            # The engine's files have holes, which shutil would fill.
            subprocess.run(["cp", "-a", "--sparse=always", self.folder, copied], check=True)
        return FolderPlace(copied)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class ServerPlace:
    """A server in a process of its own, which outlives who writes to it."""

    url: str
    process: int

    @property
    def options(self) -> list[str]:
        """How a command is told of it."""
        return ["--url", self.url]

    @property
    def target(self) -> str:
        """How ``copy`` is told of it."""
        return self.url

    def open(self) -> DocumentStore:
        """Open it."""
        return DocumentStore.open(url=self.url)

    def close(self) -> None:
        """End it."""
        os.kill(self.process, signal.SIGKILL)


@dataclass
class ServerTemplate:
    """A process that holds a server's content, and forks a server of it for each run."""

    _process: int = 0
    _ask: int = 0
    _told: int = 0
    _live: int = 0
    _buffer: bytes = field(default=b"")

    def fill(self, body: Callable[[ServerPlace], None]) -> None:
        """Make what it holds."""
        asked, self._ask = os.pipe()
        self._told, tell = os.pipe()
        lives, self._live = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                os.setpgid(0, 0)
                os.close(self._ask)
                os.close(self._live)
                _hold(asked, tell, lives)
            finally:
                os._exit(1)
        for own in (asked, tell, lives):
            os.close(own)
        body(ServerPlace(self._read(), self._process))
        os.write(self._ask, b"x")

    def copy(self) -> ServerPlace:
        """A server of the same, for a run."""
        os.write(self._ask, b"x")
        url, process = self._read().split()
        return ServerPlace(url, int(process))

    def close(self) -> None:
        """End it."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        for own in (self._ask, self._told, self._live):
            os.close(own)

    def _read(self) -> str:
        while b"\n" not in self._buffer:
            read = os.read(self._told, 1000)
            if not read:
                raise RuntimeError("the process that holds a server's content has died")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()


def _hold(asked: int, tell: int, lives: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the server tells of every client that was killed
    fake = FakeQdrant()
    with serving(fake):
        os.write(tell, f"{fake.url}\n".encode())
        os.read(asked, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while os.read(asked, 1):
        if os.fork() == 0:
            with serving(fake):
                os.write(tell, f"{fake.url} {os.getpid()}\n".encode())
                os.read(lives, 1)  # until the process that kills is gone, or kills this one


Place = FolderPlace | ServerPlace
Template = FolderTemplate | ServerTemplate


def template(engine: str, folder: Path) -> Template:
    """A template of an engine."""
    return ServerTemplate() if engine == "server" else FolderTemplate(engine, folder)
