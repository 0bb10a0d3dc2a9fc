"""Opening a Qdrant client: embedded in a folder, or of a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag.errors import (
    MissingDependencyError,
    SettingsError,
    StoreError,
)
from longembed_rag.points.gateway import Gateway
from longembed_rag.points.locking import FolderLock, locked
from longembed_rag.points.readiness import Readiness
from longembed_rag.points.retries import RetryPolicy

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

#: What keeps an embedded store: Qdrant's own engine in this process (qdrant-edge-py), or
#: qdrant-client's local mode, which reads everything into memory and compares in numpy.
Engine = Literal["edge", "local"]
EngineChoice = Literal["auto", "edge", "local"]

_EDGE_FOLDER = "edge"
_META_FILE = "meta.json"
_QDRANT_LOCK_FILE = ".lock"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A client, and what is known of the place it leads to.

    Attributes:
        client: A ``QdrantClient``, or an ``EdgeClient``, which has its methods.
        location: Folder or address, for messages.
        engine: ``"edge"``, ``"local"`` or ``"server"``.
        policy: How often and how long to try.
        path: Folder of an embedded store.
        lock: The lock on that folder.
        owned: Whether to close the client in the end.
    """

    client: QdrantClient
    location: str
    engine: str
    policy: RetryPolicy
    path: Path | None = None
    lock: FolderLock | None = None
    owned: bool = True

    def gateway(self) -> Gateway:
        """How the client is called."""
        embedded = self.engine != "server"
        return Gateway(
            location=self.location,
            embedded=embedded,
            indexes_payload=self.engine != "local",
            policy=self.policy,
            readiness=None if embedded else Readiness(self.client, policy=self.policy),
        )

    def close(self) -> None:
        """Close the client, if it is ours, and let other processes in; again is harmless."""
        if self.owned:
            self.client.close()
        if self.lock is not None:
            self.lock.release()


def connect(
    *,
    path: Path | None,
    url: str | None,
    api_key: str | None,
    timeout: float,
    engine: EngineChoice,
    client: QdrantClient | None,
    retries: RetryPolicy | None,
) -> Connection:
    """Open the one place that is given; see :meth:`DocumentStore.open`."""
    if sum(place is not None for place in (path, url, client)) != 1:
        raise SettingsError("give one of path (embedded), url (server) and client")
    policy = retries or RetryPolicy()
    if client is not None:
        return Connection(
            client=client,
            location="the given client",
            engine=_engine_of(client),
            policy=policy,
            owned=False,
        )
    if path is not None:
        folder = path.expanduser().absolute()
        opened, lock, kind = open_embedded(folder, engine=engine)
        return Connection(
            client=opened, location=str(folder), engine=kind, policy=policy, path=folder, lock=lock
        )
    if retries is None:
        policy = RetryPolicy(longest_start=min(timeout, RetryPolicy.longest_start))
    return Connection(
        client=open_server(str(url), api_key=api_key, timeout=timeout),
        location=str(url),
        engine="server",
        policy=policy,
    )


def _engine_of(client: QdrantClient) -> str:
    from qdrant_client import QdrantClient as Stock

    if not isinstance(client, Stock):
        return "edge"
    options = client.init_options
    embedded = options.get("path") is not None or options.get("location") == ":memory:"
    return "local" if embedded else "server"


def choose_engine(folder: Path, wanted: EngineChoice = "auto") -> Engine:
    """What keeps the store in a folder: what made it, else what is wanted, else the faster one.

    Args:
        folder: The store's folder, there or not.
        wanted: What the user asked for.

    Raises:
        SettingsError: The store was made by another one than is wanted.
    """
    if wanted not in ("auto", "edge", "local"):
        raise SettingsError(f"engine={wanted!r} is not one of: auto, edge, local")
    made: Engine | None = None
    if (folder / _EDGE_FOLDER).is_dir():
        made = "edge"
    elif any(folder.glob("collection/*")):
        made = "local"
    if made is not None and wanted not in ("auto", made):
        raise SettingsError(
            f"engine={wanted!r}: the store at {folder} was made with {made!r}; leave the engine "
            "out, or name another folder"
        )
    if made is not None:
        return made
    return wanted if wanted != "auto" else _available_engine()


def has_store(folder: Path) -> bool:
    """Whether an embedded store lies in a folder."""
    return (folder / _EDGE_FOLDER).is_dir() or (folder / _META_FILE).is_file()


def _available_engine() -> Engine:
    from longembed_rag.points.edge.engine import require_engine

    try:
        require_engine()
    except MissingDependencyError:
        return "local"
    return "edge"


def open_embedded(
    folder: Path, *, engine: EngineChoice = "auto"
) -> tuple[QdrantClient, FolderLock, Engine]:
    """Open the store in a folder, which is made when it is not there.

    The points of local mode are Python pickles, as qdrant-client writes them: open only stores
    that you or people you trust have made.

    Args:
        folder: Its folder.
        engine: What is to keep it.

    Raises:
        SettingsError: The store was made by another engine.
        MissingDependencyError: The engine is not installed.
        StoreLockedError: Another process holds it.
        StoreError: The folder cannot be used, or its content is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{folder} is not a folder; name another one for the store") from error
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}") from error
    lock = FolderLock(folder)
    try:
        with _damage_named(folder):
            kind = choose_engine(folder, engine)
            return (_open_edge if kind == "edge" else _open_local)(folder), lock, kind
    except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
        lock.release()
        raise


def _open_edge(folder: Path) -> Any:
    from longembed_rag.points.edge.client import EdgeClient

    return EdgeClient(folder / _EDGE_FOLDER)


def _open_local(folder: Path) -> QdrantClient:
    from qdrant_client import QdrantClient

    _require_unlocked(folder)
    _clear_unfinished(folder)
    return QdrantClient(path=str(folder))


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Turn what the engines raise for damaged or foreign content into an error of ours."""
    try:
        yield
    except SettingsError:
        raise
    except (OSError, sqlite3.Error, ValueError, KeyError, EOFError, RuntimeError) as error:
        if "already accessed" in str(error):
            raise locked(folder) from error
        told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreError(
            f"the store at {folder} cannot be opened ({told}). Another version of its engine "
            "(qdrant-edge-py or qdrant-client) may have made it: update that package; if the "
            "store is damaged, delete the folder and ingest again"
        ) from error


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
