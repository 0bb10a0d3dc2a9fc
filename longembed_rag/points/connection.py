"""Opening the port: over a folder, a server, or somebody's client."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from longembed_rag.errors import (
    MissingDependencyError,
    SettingsError,
    StoreError,
)
from longembed_rag.points.addresses import Address, Secrets
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.points.engine_mark import (
    EDGE_FOLDER,
    META_FILE,
    EmbeddedEngine,
    engine_in,
    keep_meta,
    mark_engine,
    mend_meta,
    remove_leftovers,
)
from longembed_rag.points.locking import (
    DEFAULT_WAIT,
    FolderLock,
    is_writable,
    locked_by_others,
    once_free,
    require_unlocked,
    require_wait,
)
from longembed_rag.points.refusing import refuse_local_mode
from longembed_rag.points.seal import LOCAL_PARTS, Seal

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from longembed_rag.points.nearness import Nearness
    from longembed_rag.points.port import Points

#: What keeps points: Qdrant's own engine in this process (qdrant-edge-py); qdrant-client's local
#: mode, which reads everything into memory and compares in numpy; or a server.
Engine = Literal["edge", "local", "server"]

#: Where the points lie that somebody's client leads to.
GIVEN_CLIENT = "the given client"
# What the engines raise for content that is damaged, foreign, or JSON of another shape.
_DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    EOFError,
    RuntimeError,
)


class PlaceOptions(TypedDict, total=False):
    """Where points lie that are in no folder, and how long to wait; see :func:`open_points`."""

    url: str | None
    client: QdrantClient | None
    api_key: str | None
    timeout: float
    retries: RetryPolicy | None
    wait: float
    on_wait: Callable[[str], None] | None
    nearness: Nearness | None


def open_points(
    *,
    path: Path | None = None,
    url: str | None = None,
    client: QdrantClient | None = None,
    api_key: str | None = None,
    timeout: float = 60.0,
    retries: RetryPolicy | None = None,
    wait: float = DEFAULT_WAIT,
    on_wait: Callable[[str], None] | None = None,
    nearness: Nearness | None = None,
) -> Points:
    """Open the one place that is given: a folder, a server, or what a client leads to.

    Args:
        path: Folder of an embedded store, made when it is not there.
        url: Address of a server. Nothing is sent yet; the first call waits for a server that is
            only starting.
        client: A client to work with; it is not closed with the points.
        api_key: Key of the server, if it wants one.
        timeout: Seconds to wait for an answer of the server, per try.
        retries: How often and how long to try while a server is busy or away.
        wait: Seconds to wait for a folder that another process holds; 0 does not wait.
        on_wait: Is told, in a sentence, what is waited for, or that a folder which cannot be
            written to is copied.
        nearness: When a server is to compare a query with every vector; None takes the defaults.

    Raises:
        SettingsError: Not exactly one place is given, or one of the values is wrong.
        StoreLockedError: Another process holds the folder.
        StoreError: The folder cannot be used, or its content is damaged.
    """
    if sum(place is not None for place in (path, url, client)) != 1:
        raise SettingsError("give one of path (embedded), url (server) and client")
    if path is not None:
        folder = path.expanduser().absolute()
        seconds = require_wait(wait)
        opener: Callable[[], Points] = partial(_open_embedded, folder)
        if not is_writable(folder) and engine_in(folder) == "edge":
            from longembed_rag.points.edge.reading_copy import open_copy

            opener = partial(open_copy, folder, on_wait=on_wait)
        return once_free(opener, wait=seconds, on_wait=on_wait)
    if client is not None:
        return _points_of(client, retries or RetryPolicy(), nearness)
    return _open_server(
        str(url), api_key=api_key, timeout=timeout, retries=retries, nearness=nearness
    )


def _open_server(
    url: str,
    *,
    api_key: str | None,
    timeout: float,
    retries: RetryPolicy | None,
    nearness: Nearness | None,
) -> Points:
    from longembed_rag.points.client.server import open_server

    address = Address.read(url)
    client = open_server(address, api_key=api_key, timeout=timeout)
    return _over_client(
        client,
        address.shown,
        "server",
        policy=retries or RetryPolicy(longest_start=min(timeout, RetryPolicy.longest_start)),
        on_close=client.close,
        secrets=Secrets(key=api_key, login=address.login),
        patience=2 * timeout,  # a second try, or an answer that is slow to end
        nearness=nearness,
    )


def client_of(points: Points) -> Any:
    """A ``QdrantClient`` of the same collections, or what has the methods of one.

    For instance for LlamaIndex's ``QdrantVectorStore``.
    """
    from longembed_rag.points.edge.points import EdgePoints

    if isinstance(points, EdgePoints):
        from longembed_rag.points.edge_client.client import EdgeClient

        return EdgeClient(points.collections)
    return getattr(points, "client", None)


def _points_of(client: Any, policy: RetryPolicy, nearness: Nearness | None) -> Points:
    """The points that somebody's client leads to."""
    if (collections := getattr(client, "collections", None)) is not None:
        from longembed_rag.points.edge.points import EdgePoints

        return EdgePoints(collections, location=GIVEN_CLIENT)
    options = client.init_options
    embedded = options.get("path") is not None or options.get("location") == ":memory:"
    engine: Engine = "local" if embedded else "server"
    return _over_client(client, GIVEN_CLIENT, engine, policy=policy, nearness=nearness)


def _over_client(
    client: QdrantClient,
    location: str,
    engine: Engine,
    *,
    policy: RetryPolicy,
    on_close: Callable[[], None] = lambda: None,
    secrets: Secrets | None = None,
    patience: float | None = None,
    believing: Callable[[], None] | None = None,
    nearness: Nearness | None = None,
) -> Points:
    from longembed_rag.points.client.gateway import Gateway
    from longembed_rag.points.client.points import ClientPoints
    from longembed_rag.points.client.readiness import Readiness

    server = engine == "server"
    gateway = Gateway(
        location=location,
        embedded=not server,
        policy=policy,
        readiness=Readiness(client, policy=policy) if server else None,
        cluster=client.http.distributed_api.cluster_status if server else None,
        secrets=secrets,
        patience=patience,
    )
    return ClientPoints(
        client,
        gateway,
        engine=engine,
        on_close=on_close,
        believing=believing,
        nearness=nearness,
    )


def has_store(folder: Path) -> bool:
    """Whether an embedded store lies in a folder."""
    return engine_in(folder) is not None


def _available_engine() -> EmbeddedEngine:
    from longembed_rag.points.edge.engine import require_engine

    try:
        require_engine()
    except MissingDependencyError:
        return "local"
    return "edge"


def _open_embedded(folder: Path) -> Points:
    """Open the store in a folder: with the engine that made it, a new one with Qdrant's own.

    The points of local mode are Python pickles, as qdrant-client writes them: they are read with
    care first, so that a store that somebody else made runs no code.
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
            # Where the engine has no wheel, qdrant-client's local mode takes its place.
            engine = engine_in(folder) or _available_engine()
            mark_engine(folder, engine)
            remove_leftovers(folder)
            return (_open_local if engine == "local" else _open_edge)(folder, lock)
    except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
        lock.release()
        raise


def _open_edge(folder: Path, lock: FolderLock) -> Points:
    from longembed_rag.points.edge.points import EdgePoints

    points = EdgePoints.open(folder / EDGE_FOLDER, location=str(folder), on_close=lock.release)
    refuse_local_mode(folder / META_FILE)
    return points


def _open_local(folder: Path, lock: FolderLock) -> Points:
    import sqlite3

    from qdrant_client import QdrantClient

    from longembed_rag.points.pickles import are_sound, require_harmless

    require_unlocked(folder)
    mend_meta(folder)
    seal = Seal(folder, parts=LOCAL_PARTS)
    # Thorough, since every row is read anyway; by other programs, too, which know of no seal.
    touched = seal.damages(thorough=True)
    try:
        require_harmless(folder)
    except sqlite3.Error:
        seal.require_whole(folder, thorough=True)
        raise
    if touched and not are_sound(folder):
        seal.require_whole(folder, thorough=True)

    def believe() -> None:
        with suppress(OSError):  # it may be writable for nobody
            seal.break_up()  # qdrant-client does not say when it begins to write

    if not touched:
        believe()
    client = QdrantClient(path=str(folder))
    keep_meta(folder)

    def close() -> None:
        client.close()
        keep_meta(folder)
        seal.close()
        lock.release()

    return _over_client(
        client,
        str(folder),
        "local",
        policy=RetryPolicy(),
        on_close=close,
        believing=believe if touched else None,
    )


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Turn what the engines raise for damaged or foreign content into an error of ours."""
    try:
        yield
    except SettingsError:
        raise
    except (*_DAMAGE, *_of_databases()) as error:
        if "already accessed" in str(error):
            raise locked_by_others(folder) from error
        told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreError(
            f"the store at {folder} cannot be opened ({told}). Another version of its engine "
            "(qdrant-edge-py or qdrant-client) may have made it: update that package; if the "
            "store is damaged, delete the folder and ingest again"
        ) from error


def _of_databases() -> tuple[type[Exception], ...]:
    """What sqlite raises, where local mode has loaded it."""
    loaded = sys.modules.get("sqlite3")
    return () if loaded is None else (loaded.Error,)
