"""The lock on an embedded store's folder, and who holds it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from longembed_rag.errors import StoreError, StoreLockedError

_LOCK_FILE = "longembed.lock"
# Beside the lock, since some systems do not let others read a file that is locked.
_HOLDER_FILE = "longembed.holder"


class FolderLock:
    """Holds an embedded store's folder for this process.

    The engines have locks of their own, but local mode takes its only after it has loaded every
    point: a second process would wait for that before it learns that the store is in use, and one
    that comes just as the first is done would go on with points as they were before its last
    writes.

    Args:
        folder: The store's folder; it exists.

    Raises:
        StoreLockedError: Another process holds it; says which.
        StoreError: The lock file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        import portalocker

        self._file: IO[str] | None = None
        try:
            file = (folder / _LOCK_FILE).open("a", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write to the store at {folder}: {error.strerror}") from error
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            file.close()
            raise locked(folder) from error
        self._file = file
        _write_holder(folder)

    def release(self) -> None:
        """Let other processes in; again is harmless."""
        import portalocker

        if self._file is not None:
            portalocker.unlock(self._file)
            self._file.close()
            self._file = None


def locked(folder: Path) -> StoreLockedError:
    """The error for a store that somebody else holds; says who, as far as that is known."""
    return StoreLockedError(
        f"the store at {folder} is in use by {_holder(folder)}; wait until it is done, or use a "
        "Qdrant server (url=...) for several at once"
    )


def _write_holder(folder: Path) -> None:
    holder = {
        "pid": os.getpid(),
        "program": Path(sys.argv[0] or "python").name,
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    with suppress(OSError):  # only a courtesy to who comes second
        (folder / _HOLDER_FILE).write_text(json.dumps(holder), encoding="utf-8")


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / _HOLDER_FILE).read_text(encoding="utf-8"))
        pid, program, since = holder["pid"], holder["program"], holder["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another process (or another client in this one)"
    if pid == os.getpid():
        return f"another client in this process ({program}, since {since})"
    return f"another process ({program}, process id {pid}, since {since})"
