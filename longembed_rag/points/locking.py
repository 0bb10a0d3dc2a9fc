"""The lock on an embedded store's folder, who holds it, and waiting for it."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

from longembed_rag.errors import SettingsError, StoreError, StoreLockedError
from longembed_rag.whole_files import read_plain, unwaiting

Opened = TypeVar("Opened")

#: Seconds to wait for a store that another process holds.
DEFAULT_WAIT = 30.0

_LOCK_FILE = "longembed.lock"
# Beside the lock, since some systems do not let others read a file that is locked.
_HOLDER_FILE = "longembed.holder"
# The one of qdrant-client's local mode.
_QDRANT_LOCK_FILE = ".lock"
_INTERVAL = 0.05


class FolderLock:
    """Holds an embedded store's folder for this process.

    The engines have locks of their own, but local mode takes its only after it has loaded every
    point: a second process would wait for that before it learns that the store is in use, and one
    that comes just as the first is done would go on with points as they were before its last
    writes.

    Args:
        folder: The store's folder; it exists.
        shared: Whether others may hold it so, too; nothing is written in the folder then.

    Raises:
        StoreLockedError: Another process holds it; says which.
        StoreError: The lock file cannot be written, or, for a shared one, not be read.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        import portalocker

        self._file: IO[str] | None = None
        self._is_shared = shared
        try:
            mode = "r" if shared else "a"
            file = open(folder / _LOCK_FILE, mode, encoding="utf-8", opener=unwaiting)  # noqa: SIM115
        except OSError as error:
            if shared and isinstance(error, FileNotFoundError):
                return  # nobody has ever held it
            what = "read" if shared else "write to"
            raise StoreError(f"cannot {what} the store at {folder}: {error.strerror}") from error
        kind = portalocker.LOCK_SH if shared else portalocker.LOCK_EX
        try:
            portalocker.lock(file, kind | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            file.close()
            raise locked(folder) from error
        self._file, self._folder = file, folder
        if not shared:
            _write_holder(folder)

    def release(self) -> None:
        """Let other processes in; again is harmless."""
        import portalocker

        if self._file is not None:
            if not self._is_shared:
                with suppress(OSError):  # else the next one who holds it may be taken for this one
                    (self._folder / _HOLDER_FILE).unlink()
            portalocker.unlock(self._file)
            self._file.close()
            self._file = None


def is_writable(folder: Path) -> bool:
    """Whether this process may write in a store's folder, as far as the system says."""
    lock = folder / _LOCK_FILE
    return os.access(folder, os.W_OK) and (not lock.exists() or os.access(lock, os.W_OK))


def once_free(
    opener: Callable[[], Opened], *, wait: float, on_wait: Callable[[str], None] | None = None
) -> Opened:
    """Open what another process may hold, as soon as it lets it go.

    Who holds it in this process is not waited for: it may be the very thread that asks.

    Args:
        opener: Opens it, or raises :class:`StoreLockedError`.
        wait: Seconds to wait at most.
        on_wait: Is told once, in a sentence, what is waited for.

    Returns:
        What was opened.

    Raises:
        StoreLockedError: It was not let go.
    """
    until, told = time.monotonic() + wait, False
    while True:
        try:
            return opener()
        except StoreLockedError as error:
            left = until - time.monotonic()
            if error.is_own or left <= 0:
                raise
            if on_wait is not None and not told:
                on_wait(f"{error.held}: waiting up to {wait:g} s")
            told = True
            time.sleep(min(_INTERVAL, left))


def require_wait(wait: float) -> float:
    """The number of seconds that it is.

    Raises:
        SettingsError: It is none.
    """
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not math.isfinite(wait):
        raise SettingsError(f"wait={wait!r} is not a number of seconds")
    if wait < 0:
        raise SettingsError(f"wait={wait} must not be negative; 0 does not wait")
    return wait


def locked(folder: Path) -> StoreLockedError:
    """The error for a store that somebody else holds; says who, as far as that is known."""
    holder, is_own = _holder(folder)
    return StoreLockedError(
        f"the store at {folder} is in use by {holder}",
        "try again when it is done, wait longer (--wait, wait=), or use a Qdrant server (url=...) "
        "for several at once",
        is_own=is_own,
    )


def locked_by_others(folder: Path) -> StoreLockedError:
    """The error for a store that a program holds which leaves no word: a ``QdrantClient``."""
    return StoreLockedError(
        f"the store at {folder} is in use by a client that is not of longembed-rag",
        "close it, or use a Qdrant server (url=...) for several at once",
    )


def _write_holder(folder: Path) -> None:
    holder = {
        "pid": os.getpid(),
        "program": _program(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    file = folder / _HOLDER_FILE
    # Only a courtesy to who comes second.
    with suppress(OSError), open(file, "w", encoding="utf-8", opener=unwaiting) as opened:
        opened.write(json.dumps(holder))


def _program() -> str:
    path = Path(sys.argv[0] or "python")
    # What was started as a module: python -m longembed_rag.
    return path.parent.name if path.name == "__main__.py" else path.name


def _holder(folder: Path) -> tuple[str, bool]:
    """Who holds a folder, and whether that is this process."""
    try:
        holder = json.loads(read_plain(folder / _HOLDER_FILE))
        pid, program, since = holder["pid"], holder["program"], holder["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another process (or another client in this one)", False
    if pid == os.getpid():
        return f"another client in this process ({program}, since {since})", True
    return f"another process ({program}, process id {pid}, since {since})", False


def require_unlocked(folder: Path) -> None:
    """Refuse a store that a program without our lock has open, before its points are loaded.

    Raises:
        StoreLockedError: One has, with qdrant-client.
    """
    import portalocker

    path = folder / _QDRANT_LOCK_FILE
    if not path.exists():
        return
    with path.open("r+", encoding="utf-8") as file:
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            raise locked_by_others(folder) from error
        portalocker.unlock(file)
