"""A copy of a store that cannot be written to, to read from.

Qdrant's engine writes to what it opens, even where it is only asked. So of a store on a disk or in
a folder that is only to be read, a copy is made in the system's folder for such things, and removed
again.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from longembed_rag.errors import StoreError
from longembed_rag.points.edge.collections import EdgeCollections
from longembed_rag.points.edge.points import EdgePoints
from longembed_rag.points.edge.space import TO_OPEN, require_room
from longembed_rag.points.engine_mark import EDGE_FOLDER
from longembed_rag.points.locking import FolderLock
from longembed_rag.points.seal import Seal, copy_held

_PREFIX = "longembed-copy-"
_NAME = re.compile(rf"{_PREFIX}(\d+)-")


def open_copy(folder: Path, *, on_wait: Callable[[str], None] | None = None) -> EdgePoints:
    """Open a copy of a store, which refuses to be written to and is gone once it is closed.

    Args:
        folder: The store's folder.
        on_wait: Is told that it is copied.

    Raises:
        StoreLockedError: Another process holds it.
        StoreDamagedError: A file of it is not as it was written.
        StoreError: It cannot be read, or there is no room for the copy.
    """
    original = folder / EDGE_FOLDER
    lock = FolderLock(folder, shared=True)
    try:
        Seal(original).require_whole(folder)
        _remove_leftovers()
        copy = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        if on_wait is not None:
            on_wait(f"the store at {folder} cannot be written to: a copy of it is read, in {copy}")
        try:
            held = sum(each.stat().st_blocks * 512 for each in original.rglob("*"))
            require_room(copy, held + TO_OPEN)
            copy_held(original, copy / EDGE_FOLDER)
            return EdgePoints(
                EdgeCollections(copy / EDGE_FOLDER, read_only_of=folder),
                location=str(folder),
                on_close=lambda: shutil.rmtree(copy, ignore_errors=True),
            )
        except OSError as error:
            shutil.rmtree(copy, ignore_errors=True)
            raise StoreError(
                f"the store at {folder} cannot be written to, and not be copied to {copy} "
                f"either: {error.strerror}; set TMPDIR to a folder with room"
            ) from error
        except BaseException:  # whatever it was, it goes on; only no copy must stay
            shutil.rmtree(copy, ignore_errors=True)
            raise
    finally:
        lock.release()


def _remove_leftovers() -> None:
    """Remove the copies of processes that were killed."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            found = _NAME.match(path.name)
            if found is not None and not _is_running(int(found[1])):
                shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
