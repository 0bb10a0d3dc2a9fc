"""How the command line ends when something goes wrong: one line, one exit code, no traceback.

Exit codes: 0 done; 1 it went wrong on the way although the request was right (some documents
failed, the store cannot be reached or is locked, memory ran out), so trying again may help;
2 the request itself has to change (usage, settings, model, collection); 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from longembed_rag.cli.output import printable, write_json
from longembed_rag.cli.streams import UnwrittenError
from longembed_rag.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    DeletionsRefusedError,
    InputError,
    LongEmbedError,
    ModelLoadError,
    OutOfMemoryError,
    SettingsError,
)
from longembed_rag.interrupts import INTERRUPTED, interrupts

DONE, FAILED, WRONG_USE = 0, 1, 2

_REQUEST_IS_WRONG = (
    SettingsError,
    ModelLoadError,
    CollectionNotFoundError,
    CollectionMismatchError,
    DeletionsRefusedError,
    InputError,
)

_NO_ROOM = "; make room on the disk, or for temporary files in another folder (TMPDIR)"
_WAYS_OUT = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: "; raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "; raise the limit on open files (ulimit -n)",
    errno.ENFILE: "; other programs hold too many files open",
    errno.ENOMEM: "; raise the limit on memory (ulimit -v), or end other programs",
    errno.EAGAIN: "; raise the limit on processes and threads (ulimit -u)",
}


def exit_code(error: LongEmbedError) -> int:
    """The exit code for an error: 2 where the request has to change, 1 where it was right."""
    if isinstance(error, OutOfMemoryError):
        return FAILED
    return WRONG_USE if isinstance(error, _REQUEST_IS_WRONG) else FAILED


def write_error(kind: str, message: str) -> None:
    """Write an error as the one JSON value on standard output."""
    write_json({"error": {"type": kind, "message": message}})


@contextmanager
def reported(*, as_json: bool, debug: bool, interrupted: str) -> Iterator[None]:
    """Turn the errors of a command into one line on stderr and an exit code.

    Args:
        as_json: Also write ``{"error": {"type", "message"}}`` on standard output.
        debug: Show the traceback as well.
        interrupted: What to tell someone who stopped the command with Ctrl-C.

    Raises:
        click.exceptions.Exit: In place of the error, with its exit code.
    """
    interrupts.message, interrupts.as_json = interrupted, as_json
    try:
        yield
    except LongEmbedError as error:
        _end(error, str(error), code=exit_code(error), as_json=as_json, debug=debug)
    except KeyboardInterrupt as error:
        _end(error, interrupted, code=INTERRUPTED, as_json=as_json, debug=debug)
    except UnwrittenError:
        raise  # there is nowhere to write JSON to; the program says so as it ends
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # the reader of our output went away; click ends quietly
        _end(error, _told(error), code=FAILED, as_json=as_json, debug=debug)
    except MemoryError as error:
        _end(error, "memory ran out", code=FAILED, as_json=as_json, debug=debug)
    except (click.exceptions.Exit, click.Abort, click.ClickException):
        raise
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody who is not asked for it
        _end(error, _unforeseen(error), code=FAILED, as_json=as_json, debug=debug)


def _told(error: OSError) -> str:
    """What the system said, and the way out where it ran short of something."""
    return f"{error}{_WAYS_OUT.get(error.errno or 0, '')}"


def _unforeseen(error: Exception) -> str:
    """What to say of an exception that nobody has thought of: that it is a fault of ours."""
    told = " ".join(str(error).split())[:300]
    return (
        f"{type(error).__name__}: {told} - which is a fault of longembed-rag; run it again with "
        "LONGEMBED_DEBUG=1 to see where, and report it"
    )


def _end(error: BaseException, message: str, *, code: int, as_json: bool, debug: bool) -> NoReturn:
    if debug:
        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
    if as_json:
        write_error(type(error).__name__, message)
    label = "interrupted" if code == INTERRUPTED else "error"
    if code == INTERRUPTED and sys.stderr.isatty():
        click.echo(err=True)  # the terminal has just echoed ^C
    click.echo(f"{label}: {printable(message)}", err=True)
    raise click.exceptions.Exit(code)


def debugging() -> bool:
    """Whether tracebacks are asked for through ``LONGEMBED_DEBUG``."""
    return os.environ.get("LONGEMBED_DEBUG", "").lower() not in ("", "0", "false", "no", "off")
