"""Other processes for tests: forked from one that has imported what stores need, once.

A new interpreter takes one to three seconds for its imports; these take some hundredths.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

#: The program that these processes are taken for.
PROGRAM = "forked"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.warm"])


@dataclass
class Forked:
    """Another process.

    Attributes:
        process: It.
        pipe: What is said to it and by it; ends when it does.
    """

    process: multiprocessing.process.BaseProcess
    pipe: Connection

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.join()


def _run(body: Callable[..., None], pipe: Connection, arguments: tuple[Any, ...]) -> None:
    sys.argv = [PROGRAM]
    body(pipe, *arguments)


@contextmanager
def forked(body: Callable[..., None], *arguments: Any) -> Iterator[Forked]:
    """Another process, which is killed at the end if it is not done by then.

    Args:
        body: A function of a module, called there with its end of a pipe and the arguments.
        arguments: What it is given.
    """
    ours, theirs = _FORKS.Pipe()
    process = _FORKS.Process(target=_run, args=(body, theirs, arguments))
    process.start()
    theirs.close()
    other = Forked(process, ours)
    try:
        yield other
    finally:
        other.kill()
        ours.close()
