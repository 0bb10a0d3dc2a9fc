"""The socket file by which this user's commands find the server that holds a store."""

from __future__ import annotations

import os
import socket
import stat
import warnings
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from longembed_rag.errors import SettingsError, StoreError


def socket_path(store: Path) -> Path:
    """Where the socket file of a store's server is, if there is one.

    Not in the store's own folder: the system allows a hundred characters for the whole path.

    Args:
        store: The store's folder.

    Raises:
        StoreError: The folder that such files belong into is somebody else's.
    """
    from platformdirs import user_runtime_path

    name = sha256(os.path.realpath(store).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    try:
        with warnings.catch_warnings():
            # Many have no XDG_RUNTIME_DIR, in containers for instance: a folder of theirs in the
            # one for temporary files is as good, and nothing to tell of.
            warnings.simplefilter("ignore")
            folder = user_runtime_path("longembed-rag", appauthor=False)
    except OSError as error:
        raise StoreError(
            f"there is no folder for socket files ({error}); set XDG_RUNTIME_DIR to one of yours"
        ) from error
    return folder / f"{name}.sock"


def is_served(store: Path) -> bool:
    """Whether there is a socket file for a store, of this user; not whether anybody answers."""
    try:
        path = socket_path(store)
        found, folder = path.stat(), path.parent.stat()
    except (OSError, StoreError):
        return False
    return stat.S_ISSOCK(found.st_mode) and _is_ours(found) and _is_ours(folder)


def listen(store: Path) -> socket.socket:
    """A socket for a store's server, that its user alone can connect to.

    Args:
        store: The store's folder, which this process holds: who was here before is gone.

    Raises:
        SettingsError: The system has no such sockets.
        StoreError: The folder of socket files is somebody else's, or cannot be written.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise SettingsError("this system has no socket files, by which commands find the server")
    path = socket_path(store)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_ours(path.parent.stat()):
            raise StoreError(
                f"{path.parent} is another user's; set XDG_RUNTIME_DIR to one of yours"
            )
        path.parent.chmod(0o700)
        with suppress(FileNotFoundError):
            path.unlink()
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        raise StoreError(f"cannot listen at {path}: {error.strerror or error}") from error
    made.listen(128)
    return made


def _is_ours(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()
