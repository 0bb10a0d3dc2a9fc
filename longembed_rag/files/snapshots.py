"""All bytes of a file as they were at one moment, wherever it lies."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from longembed_rag.errors import ReadError
from longembed_rag.files.remote import Location, Remote
from longembed_rag.files.stamps import Stamp

#: Tries to read a file that changes in the meantime.
_TRIES = 3
_OWN_WORDS = {FileNotFoundError: "it is gone", PermissionError: "no permission to read it"}


@dataclass(frozen=True)
class Snapshot:
    """A file at one moment.

    Attributes:
        data: All of its bytes.
        modified: When it was last written; None for a time that no calendar has.
        stamp: The stamp of an object in a bucket; None for a file, whose stamp is asked for
            nothing.
    """

    data: bytes
    modified: datetime | None
    stamp: Stamp | None = None


def snapshot(file: Location, *, most: int) -> Snapshot:
    """Take a file into memory in one go.

    Args:
        file: The file.
        most: The most bytes that it may have.

    Raises:
        ReadError: It cannot be read, is too large, or keeps changing.
        MissingDependencyError: What reads its protocol is not installed.
    """
    if isinstance(file, Remote):
        from longembed_rag.files.buckets.objects import bytes_of

        data, info = bytes_of(file, most=most)
        return Snapshot(data, info.modified, info.stamp)
    data, status = _of_path(file, most=most)
    return Snapshot(data, _moment(status))


def _of_path(path: Path, *, most: int) -> tuple[bytes, os.stat_result]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ReadError(f"{path}: it is no regular file")  # opening a pipe would wait for ever
        if (size := path.stat().st_size) > most:
            raise ReadError(
                f"{path}: it has {size:,} bytes, more than the {most:,} that reading a file may "
                "take; raise --read-memory, or cut it into parts"
            )
        for _ in range(_TRIES):
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                data = file.read()
                after = os.fstat(file.fileno())
            if _mark(before) == _mark(after) and len(data) == after.st_size:
                return data, after
    except OSError as error:
        told = _OWN_WORDS.get(type(error)) or error.strerror or str(error)
        raise ReadError(f"{path}: {told}") from error
    except MemoryError as error:
        raise ReadError(f"{path}: it does not fit into memory") from error
    raise ReadError(f"{path}: it changes while it is being read; try again when it is at rest")


def _mark(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size


def _moment(status: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
