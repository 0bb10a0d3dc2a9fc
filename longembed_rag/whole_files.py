"""Files that are there whole, or as they were before; and small ones, read within bounds."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HALF = ".half"


def read_plain(path: Path, *, most: int = 64 << 20) -> bytes:
    """Read a file of settings: one that is a file, and not without end.

    Args:
        path: The file. A pipe is not waited for, and a device not read.
        most: Largest size, bytes.

    Raises:
        OSError: It cannot be read, is larger, or is a folder, a pipe or a device.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    state = os.fstat(handle)
    if stat.S_ISDIR(state.st_mode):
        os.close(handle)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", str(path))
        if state.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB", str(path))
        # In pieces: read() would set aside room for the most that is allowed.
        parts, size = [], 0
        while size <= most and (part := file.read(1 << 20)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)


def unwaiting(path: str, flags: int) -> int:
    """Open a file for ``open(..., opener=...)`` to write to: one that is a file.

    Raises:
        OSError: It cannot be opened, or is a pipe or a device; a pipe is not waited for.
    """
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", path)
    return handle


def write_whole(path: Path, content: str | bytes | memoryview) -> None:
    """Write a file so that it is there whole or as it was before, whenever the process ends.

    Args:
        path: The file; its folder must be there.
        content: What it shall hold; a text is written in UTF-8.

    Raises:
        OSError: It cannot be written.
        UnicodeEncodeError: The text holds what UTF-8 cannot, a lone surrogate.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with half_written(path) as half:
        half.write_bytes(data)


@contextmanager
def half_written(path: Path) -> Iterator[Path]:
    """A place beside a file or folder in which the next version of it is made.

    When the block ends, what it has made there takes the place of what was; when it fails, that
    stays and what it has made is removed. A process that is killed leaves it, for
    :func:`remove_halves` to find. The name begins with that of the file or folder.

    Args:
        path: The file or folder. A folder may only take the place of none, or of an empty one.

    Yields:
        Where to write; there is nothing yet.
    """
    half = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_HALF}")
    try:
        yield half
        for file in half.rglob("*") if half.is_dir() else (half,):
            if file.is_file():
                _sync_file(file)
        if half.is_dir() and path.is_dir():
            path.rmdir()  # not every system lets a folder take an empty one's place
        half.replace(path)
    except BaseException:  # whatever it was, it goes on; only no half must stay
        _remove(half)
        raise
    sync_folder(path.parent)


def remove_halves(path: Path) -> None:
    """Remove what processes left that were killed while they wrote a file or folder."""
    for half in path.parent.iterdir() if path.parent.is_dir() else ():
        if half.name.startswith(f"{path.name}.") and half.suffix == _HALF:
            _remove(half)


def sync_folder(path: Path) -> None:
    """Make sure that what was made, renamed and removed in a folder outlasts a loss of power."""
    if os.name == "nt":  # there, folders cannot be opened
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(half: Path) -> None:
    if half.is_dir():
        shutil.rmtree(half)
    else:
        half.unlink(missing_ok=True)
