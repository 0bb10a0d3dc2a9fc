"""Commands in forked children of a process that has imported everything, so that each costs little.

The parent starts no thread before it forks.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Longer than any command takes, on a busy machine; then it hangs.
_PATIENCE = 120.0
_BEHIND = 5.0
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Kill:
    """A signal, and when it is sent.

    Attributes:
        number: The signal.
        after: Seconds after the fork.
        again: Seconds after which it is sent once more; None sends it once.
    """

    number: signal.Signals
    after: float
    again: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status, or the negative number of the signal that ended it.
        out: What it wrote on stdout.
        err: What it wrote on stderr.
        seconds: How long it took.
        left: Whether a process of its own stayed behind.
    """

    status: int
    out: str
    err: str
    seconds: float
    left: bool


def adopt_orphans() -> None:
    """Have the children of killed children handed to this process, which can wait for them."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)


def forked(body: Callable[[], int], *, folder: Path, kill: Kill | None = None) -> Ended:
    """Run something in a child, with its streams in files.

    Args:
        body: What is run; gives the status.
        folder: The child's working folder, which the streams' files lie beside.
        kill: How it is to be killed, if it is.
    """
    streams = [folder.with_name(f"{folder.name}.{name}") for name in ("out", "err")]
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    # Until the child is the program: this process answers Ctrl-C as the program, too.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        _be(body, folder, streams)
    with contextlib.suppress(OSError):  # it does so itself; whoever is first
        os.setpgid(child, child)
    if kill is not None:
        _send(child, kill)
    status = _wait(child)
    seconds = time.monotonic() - began
    out, err = (stream.read_text(encoding="utf-8", errors="replace") for stream in streams)
    return Ended(status, out, err, seconds, _is_left(child))


def _be(body: Callable[[], int], folder: Path, streams: Sequence[Path]) -> None:
    status = 70
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        os.chdir(folder)
        for number, stream in enumerate(streams, start=1):
            opened = os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            os.dup2(opened, number)
            os.close(opened)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        faulthandler.dump_traceback_later(_PATIENCE - 10)
        status = body()
        sys.stdout.flush()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, the parent's code must not go on here
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _send(child: int, kill: Kill) -> None:
    time.sleep(kill.after)
    # Ctrl-C reaches all processes of a terminal, other signals the one that they are sent to.
    send = os.killpg if kill.number is signal.SIGINT else os.kill
    with contextlib.suppress(ProcessLookupError):
        send(child, kill.number)
        if kill.again is not None:
            time.sleep(kill.again)
            send(child, kill.number)


def _wait(child: int) -> int:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError("a command hangs; where, its stderr tells")


def _is_left(group: int) -> bool:
    """Whether a process of a group runs on, though its leader has ended; it is ended then."""
    until = time.monotonic() + _BEHIND
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return False
        if not pid:
            time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True


def command(arguments: Sequence[str], *, before: Callable[[], None] | None = None) -> int:
    """Be the program, with these arguments."""
    from longembed_rag.__main__ import main
    from longembed_rag.interrupts import interrupts

    if before is not None:
        before()
    sys.argv = ["longembed-rag", *arguments]
    interrupts.take_over()  # as a process does that has just imported the program
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    main()
    return 0


def noting(file: Path, arguments: Sequence[str]) -> int:
    """Be the program, and write down what it has imported."""
    try:
        return command(arguments)
    finally:
        file.write_text("\n".join(sorted(set(sys.modules) - {"__main__"})))


def import_noted(file: Path) -> None:
    """Import what another process has found it needs."""
    for name in file.read_text().splitlines():
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def require_no_threads() -> None:
    """Require that this process can be forked safely."""
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and (count := len(list(tasks.iterdir()))) > 1:
        raise RuntimeError(f"the process that forks has {count} threads")
