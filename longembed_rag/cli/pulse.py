"""A line a minute on stderr while a command works and nothing else says so.

On a terminal, bars move; where stderr goes into a file or to another program, an hour without a
line looks like a program that hangs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from longembed_rag.cli.output import duration, one_line

#: Seconds without a line after which one is written.
INTERVAL = 60.0


class Pulse:
    """Says that a command is at work, and what it is doing."""

    def __init__(self) -> None:
        self._said = 0.0
        #: What the command is doing, in a few words.
        self.state: Callable[[], str] = str

    @contextmanager
    def beating(self, command: str) -> Iterator[None]:
        """Write a line after each minute without one, until the work is done.

        Args:
            command: What is at work.
        """
        if sys.stderr.isatty():
            yield
            return
        began = self._said = time.monotonic()
        self.state = str
        done = threading.Event()

        def beat() -> None:
            while not done.wait(max(self._said + INTERVAL - time.monotonic(), 0.01)):
                now = time.monotonic()
                if now - self._said >= INTERVAL:
                    self._said = now
                    told = ", ".join(filter(None, (duration(now - began), self.state())))
                    click.echo(f"{command}: at work for {one_line(told)}", err=True)

        thread = threading.Thread(target=beat, name="longembed-pulse", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.state = str

    def told(self) -> None:
        """A line was written just now, so that none is due for a minute."""
        self._said = time.monotonic()

    def doing(self, state: Callable[[], str]) -> None:
        """What the command is doing.

        Args:
            state: Gives it in a few words as it is then, when a line is due; on another thread.
        """
        self.state = state


#: The program's.
pulse = Pulse()
