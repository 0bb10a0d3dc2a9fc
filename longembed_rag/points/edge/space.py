"""The folder of a store, looked at before the engine writes: whether it is there, and has room.

The engine maps files that are larger than what is in them, and the system ends a process without a
word (SIGBUS) that writes to such a place when the disk is full. Opening a store writes, too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from longembed_rag.errors import StoreError
from longembed_rag.limits import (
    is_address_space_limited,
    lack_of_address_space,
    lack_of_file_size,
)

_MIB = 1 << 20
#: What is to be free before a shard is opened, in bytes: the log takes 32 MiB of it at once.
TO_OPEN = 48 * _MIB
#: What is to be free before something is written: a request of 5 MB is written several times over,
#: to the log, to the points and to what is sorted anew.
TO_WRITE = 64 * _MIB
#: The largest file that a store begins with, in bytes.
LARGEST = 32 * _MIB
# Address space that the engine takes at most, in bytes, for a new shard and for its own work,
# beside the files of one that is loaded.
_NEW_SHARD, _WORK = 256 * _MIB, 384 * _MIB


def require_room(folder: Path, room: int) -> None:
    """Refuse to go on where the disk of a folder is nearly full.

    Args:
        folder: A folder on the disk.
        room: What is to be free, in bytes.

    Raises:
        StoreError: Less is free; says how much is needed.
    """
    if room >= TO_WRITE:
        _require(folder, lack_of_file_size(LARGEST))
    free = shutil.disk_usage(folder).free
    if free < room:
        raise StoreError(
            f"the disk of {_store(folder)} is nearly full: {free / _MIB:.0f} MiB are left, and the "
            f"store needs {room / _MIB:.0f} MiB to go on; nothing that was in it is lost. Make "
            "room, or name a store on another disk"
        )


def require_mappable(folder: Path) -> None:
    """Refuse to load a shard where its files, which are all mapped, do not fit.

    Args:
        folder: The shard's folder; one that is not there is to be made.

    Raises:
        StoreError: They do not; says how much is needed.
    """
    if not is_address_space_limited():
        return  # a look at each file takes longer than loading them
    files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _require(folder, lack_of_address_space((files or _NEW_SHARD) + _WORK))


def _require(folder: Path, lack: str | None) -> None:
    if lack is not None:
        raise StoreError(f"the store at {_store(folder)} cannot be used: {lack}")


def identity_of(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another of the same name; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def require_same(folder: Path, identity: tuple[int, int] | None) -> None:
    """Refuse to go on where a folder is not the one any more that was opened.

    Args:
        folder: The folder.
        identity: What :func:`identity_of` gave when it was opened.

    Raises:
        StoreError: It was deleted or replaced.
    """
    if identity_of(folder) != identity:
        raise StoreError(
            f"the store at {_store(folder)} was deleted or replaced while it was used: what was "
            "written into it is gone with it. Run the command again to make it anew"
        )


def _store(folder: Path) -> Path:
    return next((each.parent for each in folder.parents if each.name == "edge"), folder)
