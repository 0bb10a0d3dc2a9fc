"""Ctrl-C: one line and status 130, at whatever moment it comes.

An exception that is raised wherever the program happens to be is lost in destructors and callbacks
("Exception ignored in"), is a traceback before the program's own code runs and after it, and is
taken for another error by libraries. What is stored is whole at every moment, even for a process
that is killed; so the program says its line and ends, then and there.
"""

from __future__ import annotations

import json  # here, since where it is only half imported, it cannot be had in the handler
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
# Once an answer is being written, it is written to its end, unless somebody is very sure.
_VERY_SURE = 3


class _Interrupts:
    """What is said and done when Ctrl-C is pressed."""

    def __init__(self) -> None:
        self.message = "stopped before it was done"
        self.as_json = False
        self.is_answered = False
        self._is_raised = False
        self._process = 0
        self._late = 0

    def take_over(self) -> None:
        """Answer Ctrl-C from now on, where nobody has said that it is to be ignored."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._process = os.getpid()
            self.as_json = "--json" in sys.argv
            signal.signal(signal.SIGINT, self._answer)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Let the first one be a KeyboardInterrupt, for code that saves what a kill would lose."""
        self._is_raised = True
        try:
            yield
        finally:
            self._is_raised = False

    def _answer(self, *_: Any) -> None:
        if os.getpid() != self._process:  # a child that was forked; its parent speaks
            os._exit(INTERRUPTED)
        if self.is_answered and self._late < _VERY_SURE:
            self._late += 1
            return
        if self._is_raised:
            self._is_raised = False  # who presses it once more does not want to wait
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.as_json and not self.is_answered:
            error = {"type": "KeyboardInterrupt", "message": self.message}
            _write(1, json.dumps({"error": error}, indent=2) + "\n")
        _write(2, f"{_line_end()}interrupted: {self.message}\n")
        os._exit(INTERRUPTED)


def _line_end() -> str:
    """What ends the line on a terminal, which has just echoed ^C and may hide its cursor."""
    try:
        is_terminal = os.isatty(2)
    except OSError:
        return ""
    if not is_terminal:
        return ""
    return "\n" if os.environ.get("TERM", "dumb") == "dumb" else "\x1b[?25h\n"


def _write(stream: int, text: str) -> None:
    rest = text.encode()
    try:
        while rest:
            rest = rest[os.write(stream, rest) :]
    except OSError:  # closed, full or gone; the status tells
        return


#: The program's.
interrupts = _Interrupts()
