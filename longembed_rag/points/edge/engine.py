"""The engine: loading the package, one shard with its lock, and its errors turned into ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from longembed_rag.errors import MissingDependencyError, StoreError
from longembed_rag.points.edge.space import (
    TO_OPEN,
    TO_WRITE,
    identity_of,
    require_mappable,
    require_room,
    require_same,
)

if TYPE_CHECKING:
    from qdrant_edge import EdgeConfig, EdgeShard, UpdateOperation

Result = TypeVar("Result")

# Seconds of updates after which they are flushed. An update is in the write-ahead log when it
# returns and outlives the process; flushing each would cost 40 to 110 ms. But opening a shard
# applies what was not flushed once more, which takes about as long as it took the first time.
_UNFLUSHED = 2.0
# What a flush leaves for the next load to take up, and loads until none is left.
_JOURNAL, _MOST_LOADS = "tracker_journal.dat", 3
_INTERNAL = "Service runtime error"


def require_engine() -> None:
    """Require that qdrant-edge-py is installed.

    Raises:
        MissingDependencyError: It is not; says how to install it.
    """
    try:
        import qdrant_edge  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "the embedded engine needs the package qdrant-edge-py: pip install qdrant-edge-py"
        ) from error


@lru_cache(maxsize=1)
def engine_version() -> str:
    """The engine's name and version."""
    from importlib.metadata import version

    return f"qdrant-edge-py {version('qdrant-edge-py')}"


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn what the engine raises into ValueError (the request) and RuntimeError (the store).

    The engine raises bare ``Exception`` for most errors, ``TypeError`` and ``OverflowError`` for
    values it cannot convert, and ``PanicException``, which is no ``Exception`` at all, where its
    own code fails.

    Raises:
        ValueError: The request is wrong.
        RuntimeError: The shard cannot be read or written.
    """
    try:
        yield
    except (ValueError, RuntimeError, OSError, StoreError):
        raise
    except (TypeError, OverflowError) as error:
        raise ValueError(f"Wrong input: {first_line(error)}") from error
    except Exception as error:  # what the engine raises for most of its errors
        kind = RuntimeError if _INTERNAL in str(error) else ValueError
        raise kind(first_line(error)) from error
    except BaseException as error:  # its panic is no Exception; all others go on
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(f"the engine failed (qdrant-edge-py): {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return str(error).partition("\n")[0]


class Shard:
    """One EdgeShard, loaded when it is first used, called by one thread at a time.

    Args:
        folder: Its folder.
        before_writing: Is called before anything is written in it.
    """

    def __init__(self, folder: Path, *, before_writing: Callable[[], None]) -> None:
        #: How many updates there were; one counts once it is done.
        self.changes = 0
        self._folder = folder
        self._before_writing = before_writing
        self._lock = threading.RLock()
        self._shard: EdgeShard | None = None
        self._closed = False
        self._unflushed = 0.0
        self._is_written = False
        self._identity: tuple[int, int] | None = None

    def create(self, config: EdgeConfig) -> None:
        """Make it on disk.

        Raises:
            RuntimeError: It cannot be made.
            StoreError: The disk is nearly full.
        """
        from qdrant_edge import EdgeShard

        require_room(self._folder.parent, TO_WRITE)
        require_mappable(self._folder)
        with self._lock, engine_errors():
            self._before_writing()
            self._shard = EdgeShard.create(str(self._folder), config)
            self._is_written = True
            self._identity = identity_of(self._folder)

    def call(self, action: Callable[[EdgeShard], Result]) -> Result:
        """Read from it.

        Raises:
            ValueError: The request is wrong.
            RuntimeError: The shard cannot be read, or is closed.
        """
        with self._lock, engine_errors():
            return action(self._loaded())

    def update(self, operation: UpdateOperation) -> None:
        """Write to it; what is written outlives the process.

        Raises:
            ValueError: The request is wrong.
            RuntimeError: The shard cannot be written, or is closed.
            StoreError: The disk is nearly full, or the folder is gone.
        """
        with self._lock, engine_errors():
            shard = self._loaded()
            require_room(self._folder.parent, TO_WRITE)
            self._before_writing()
            self._is_written = True
            began = time.monotonic()
            try:
                shard.update(operation)
            finally:
                self.changes += 1
            self._unflushed += time.monotonic() - began
            if self._unflushed > _UNFLUSHED:
                shard.flush()
                self._unflushed = 0.0

    def flush(self) -> None:
        """Write out what is only in the log.

        Raises:
            RuntimeError: It cannot be written.
        """
        with self._lock, engine_errors():
            if self._shard is not None and self._is_written:
                self._shard.flush()
                self._unflushed = 0.0

    def close(self, *, flush: bool = True) -> None:
        """Close it; again is harmless.

        Args:
            flush: Whether to write out what is only in the log; not for what is to be deleted.
        """
        with self._lock, engine_errors():
            shard, self._shard, self._closed = self._shard, None, True
            if shard is not None and identity_of(self._folder) != self._identity:
                # It cannot be written out: who used it last has been told, or did not write.
                with suppress(RuntimeError, ValueError), engine_errors():
                    shard.close()
            elif shard is not None:
                # One that was only read is left as it is: flushing it writes to its files.
                is_to_flush = flush and self._is_written
                try:
                    if is_to_flush:
                        shard.flush()
                finally:
                    shard.close()

    def settle(self, *, always: bool) -> None:
        """Let the engine put away what it leaves until it loads a shard again; it is closed.

        So that who only reads it later changes none of its files: the engine takes up its journals
        when it loads a shard, and its log where that was not flushed.

        Args:
            always: Whether to do so where nothing was written, too.

        Raises:
            RuntimeError: It cannot be loaded.
            StoreError: The disk is nearly full.
        """
        from qdrant_edge import EdgeShard

        with self._lock, engine_errors():
            for _ in range(_MOST_LOADS if self._is_written or always else 0):
                require_room(self._folder.parent, TO_OPEN)
                shard = EdgeShard.load(str(self._folder))
                try:
                    shard.flush()
                finally:
                    shard.close()
                if not any(self._folder.rglob(_JOURNAL)):
                    return

    def _loaded(self) -> EdgeShard:
        if self._shard is not None:
            # The engine would go on with files that have no name any more.
            require_same(self._folder, self._identity)
        else:
            from qdrant_edge import EdgeShard

            if self._closed:
                raise RuntimeError("the collection is closed or deleted; open a new client")
            require_room(self._folder.parent, TO_OPEN)
            require_mappable(self._folder)
            self._shard = EdgeShard.load(str(self._folder))
            self._identity = identity_of(self._folder)
        return self._shard
