"""Standard input, output and errors as they may be: closed, full, or gone with their terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# What keeps output from being written, but for a reader that went away, which click ends quietly.
_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT})


class UnwrittenError(OSError):
    """Standard output cannot be written; the message says why."""


class _Output(io.TextIOWrapper):
    """Standard output that says of its own errors that they are its own."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise _told(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise _told(error) from error


class _Errors(io.TextIOWrapper):
    """Standard errors, which go nowhere once nobody takes them: that changes no result."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            _lead_nowhere(2)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _lead_nowhere(2)


def _told(error: OSError) -> OSError:
    if error.errno not in _CANNOT_WRITE:
        return error
    return UnwrittenError(f"cannot write to standard output: {error.strerror}")


def prepare_streams() -> None:
    """Put something in the place of standard streams that are closed, and watch the output.

    Else the next file that is opened would take the place, and get what is written for people.
    Errors go nowhere then; output cannot be written, which is told.
    """
    for number, how in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, how)  # takes the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    elif type(sys.stderr) is io.TextIOWrapper and sys.stderr is sys.__stderr__:
        sys.stderr = _watched(sys.stderr, _Errors)
    if sys.stdout is None:
        sys.stdout = _Output(open(1, "wb", closefd=False), encoding="utf-8")  # noqa: SIM115
    elif type(sys.stdout) is io.TextIOWrapper and sys.stdout is sys.__stdout__:
        sys.stdout = _watched(sys.stdout, _Output)


def _watched(given: io.TextIOWrapper, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    """A stream of a kind in the place of a given one."""
    return kind(
        given.detach(),
        encoding=given.encoding,
        errors=given.errors,
        line_buffering=given.line_buffering,
    )


@contextmanager
def errors_of_python() -> Iterator[None]:
    """Let through on standard errors what Python code writes there, and nothing else.

    Ray's own libraries write there, past every logger, what they do.
    """
    before, kept = sys.stderr, os.dup(2)
    sys.stderr = open(kept, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    _lead_nowhere(2)
    try:
        yield
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)


def give_up_output() -> None:
    """Drop what could not be written, so that the interpreter does not try again as it ends."""
    _lead_nowhere(1)


def _lead_nowhere(number: int) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
