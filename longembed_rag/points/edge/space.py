"""Room on the disk, asked for before the engine writes.

The engine maps files that are larger than what is in them, and the system ends a process without a
word (SIGBUS) that writes to such a place when the disk is full. Opening a store writes, too.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from longembed_rag.errors import StoreError

_MIB = 1 << 20
#: What is to be free before a shard is opened, in bytes: the log takes 32 MiB of it at once.
TO_OPEN = 48 * _MIB
#: What is to be free before something is written: a request of 5 MB is written several times over,
#: to the log, to the points and to what is sorted anew.
TO_WRITE = 64 * _MIB


def require_room(folder: Path, room: int) -> None:
    """Refuse to go on where the disk of a folder is nearly full.

    Args:
        folder: A folder on the disk.
        room: What is to be free, in bytes.

    Raises:
        StoreError: Less is free; says how much is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < room:
        store = next((each.parent for each in folder.parents if each.name == "edge"), folder)
        raise StoreError(
            f"the disk of {store} is nearly full: {free / _MIB:.0f} MiB are left, and the store "
            f"needs {room / _MIB:.0f} MiB to go on; nothing that was in it is lost. Make room, or "
            "name a store on another disk"
        )
