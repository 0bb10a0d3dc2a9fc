"""Opening a Qdrant client: embedded in a folder, or of a server."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import IO, TYPE_CHECKING

from longembed_rag.errors import SettingsError, StoreError, StoreLockedError

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_META_FILE = "meta.json"
_LOCK_FILE = "longembed.lock"
_QDRANT_LOCK_FILE = ".lock"


class FolderLock:
    """Holds an embedded store's folder for this process.

    Qdrant has a lock of its own, but takes it only after it has loaded every point: a second
    process would wait for that before it learns that the store is in use, and one that comes
    just as the first is done would go on with points as they were before its last writes.

    Args:
        folder: The store's folder; it exists.

    Raises:
        StoreLockedError: Another process holds it.
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

    def release(self) -> None:
        """Let other processes in; again is harmless."""
        import portalocker

        if self._file is not None:
            portalocker.unlock(self._file)
            self._file.close()
            self._file = None


def locked(folder: Path) -> StoreLockedError:
    """The error for a store that another process holds."""
    return StoreLockedError(
        f"the store at {folder} is in use by another process (or another client in this one); "
        "wait until it is done, or use a Qdrant server (url=...) for several at once"
    )


def open_embedded(folder: Path) -> tuple[QdrantClient, FolderLock]:
    """Open the store in a folder, which is made when it is not there.

    The points in it are Python pickles, as qdrant-client writes them: open only stores that you
    or people you trust have made.

    Args:
        folder: Its folder.

    Raises:
        StoreLockedError: Another process holds it.
        StoreError: The folder cannot be used, or its content is damaged.
    """
    from qdrant_client import QdrantClient

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{folder} is not a folder; name another one for the store") from error
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}") from error
    lock = FolderLock(folder)
    try:
        _require_unlocked(folder)
        _clear_unfinished(folder)
        return QdrantClient(path=str(folder)), lock
    except RuntimeError as error:
        lock.release()
        if "already accessed" in str(error):
            raise locked(folder) from error
        raise
    except (OSError, sqlite3.Error, ValueError, KeyError, EOFError) as error:
        lock.release()
        told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreError(
            f"the store at {folder} cannot be opened ({told}). Another version of qdrant-client "
            "may have made it: update that package; if the store is damaged, delete the folder "
            "and ingest again"
        ) from error
    except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
        lock.release()
        raise


def _require_unlocked(folder: Path) -> None:
    """Refuse a store that a program without our lock has open, before its points are loaded."""
    import portalocker

    path = folder / _QDRANT_LOCK_FILE
    if not path.exists():
        return
    with path.open("r+", encoding="utf-8") as file:
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            raise locked(folder) from error
        portalocker.unlock(file)


def _clear_unfinished(folder: Path) -> None:
    """Remove the empty ``meta.json`` of a process that was killed while it made the store."""
    meta = folder / _META_FILE
    if meta.is_file() and meta.stat().st_size == 0 and not any(folder.glob("collection/*")):
        meta.unlink()


def open_server(url: str, *, api_key: str | None, timeout: float) -> QdrantClient:
    """A client of a server; nothing is sent yet.

    Args:
        url: Its address; without a port, 6333.
        api_key: Its key, if it wants one.
        timeout: Seconds to wait for an answer.

    Raises:
        SettingsError: The address is not one.
    """
    from qdrant_client import QdrantClient
    from urllib3.exceptions import LocationParseError

    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"url={url!r} must start with http:// or https://")
    if not timeout > 0:
        raise SettingsError(f"timeout={timeout} must be greater than zero")
    try:
        # The check asks the server from a thread of its own, warns in its own way and is never
        # needed: what a server cannot do shows where it is asked to.
        return QdrantClient(
            url=url,
            api_key=api_key,
            timeout=max(1, round(timeout)),
            check_compatibility=False,
        )
    except (ValueError, LocationParseError) as error:
        raise SettingsError(f"url={url!r} is not an address of a server: {error}") from error


def is_embedded(client: QdrantClient) -> bool:
    """Whether a client works in this process rather than asking a server."""
    options = client.init_options
    return options.get("path") is not None or options.get("location") == ":memory:"
