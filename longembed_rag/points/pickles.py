"""The pickles of local mode, read with care before qdrant-client reads them without.

``QdrantClient(path=...)`` keeps points as Python pickles, and a pickle may call anything when it
is read. So every row is read here first, by an unpickler that knows nothing but what qdrant-client
itself writes, numpy's arrays among it; a store with anything else is refused before the client
sees it.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from longembed_rag.errors import StoreDamagedError, StoreError
from longembed_rag.points.numbers import STAND_INS
from longembed_rag.whole_files import read_plain

_META_FILE = "meta.json"
_COLLECTIONS = "collection"
_ROWS_FILE = "storage.sqlite"
#: How qdrant-client makes its table.
ROWS_SCHEMA = "CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)"
_LEGACY = "storage.dbm"
_POINT = ("qdrant_client.http.models.models", "PointStruct")
_HARMLESS = frozenset(
    {
        _POINT,
        ("qdrant_client.http.models.models", "SparseVector"),
        ("uuid", "UUID"),
        ("datetime", "date"),
        ("datetime", "datetime"),
    }
)
# What a damaged pickle raises, beside what it wants to load; a length in it may be anything.
_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    LookupError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)


class _ForeignTypeError(Exception):
    """A pickle wants what no point holds."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in STAND_INS:
            return STAND_INS[module, name]
        if (module, name) not in _HARMLESS:
            raise _ForeignTypeError(f"{module}.{name}")
        return super().find_class(module, name)


def require_harmless(folder: Path) -> None:
    """Refuse a store of local mode whose points are anything but data.

    Args:
        folder: The store's folder; nothing is written in it.

    Raises:
        StoreDamagedError: A point in it cannot be read.
        StoreError: Reading it could run code; names the folder and what it wanted to load.
        ValueError: Its ``meta.json`` is damaged.
        OSError: A file cannot be read.
        sqlite3.Error: A file is no database.
    """
    _check_names(folder)
    # Not only the collections that are named: one that is made later takes the rows it finds.
    for way, folders, files in os.walk(folder / _COLLECTIONS):
        here = Path(way)
        if any((here / name).is_symlink() for name in (*folders, *files)):
            raise _refusal(folder, "points by way of a link")
        names = {name.lower() for name in files}
        if _ROWS_FILE in names:
            for name in files:
                if name.lower() == _ROWS_FILE:
                    _check_rows(folder, here / name)
        elif any(name.startswith(_LEGACY) for name in names):
            raise StoreError(
                f"the store at {folder} has points as qdrant-client kept them before 1.1.7, which "
                "are not checked here; delete the folder and ingest again"
            )


def are_sound(folder: Path) -> bool:
    """Whether the databases of a store are there for all of its collections, and whole as such.

    What SQLite does not see is in the rows.
    """
    try:
        names = json.loads(read_plain(folder / _META_FILE))["collections"]
        for name in names:
            rows = (folder / _COLLECTIONS / name / _ROWS_FILE).absolute()
            with closing(sqlite3.connect(f"{rows.as_uri()}?mode=ro", uri=True)) as storage:
                if storage.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return False
    except (OSError, ValueError, LookupError, TypeError, sqlite3.Error):
        return False
    return True


def _check_names(folder: Path) -> None:
    """Refuse names of collections that lead out of the folder; some qdrant-clients follow them."""
    try:
        meta = json.loads(read_plain(folder / _META_FILE))
    except FileNotFoundError:
        return
    names = meta.get("collections") if isinstance(meta, dict) else None
    if not isinstance(names, dict):
        raise ValueError(f"{_META_FILE} does not name collections")
    if any(Path(name).is_absolute() or ".." in re.split(r"[/\\]", name) for name in names):
        raise _refusal(folder, "points from another folder")


def _check_rows(folder: Path, rows: Path) -> None:
    # As qdrant-client opens it: what a killed process left in the journal is taken back first.
    with closing(sqlite3.connect(f"{rows.absolute().as_uri()}?mode=rw", uri=True)) as storage:
        schema = storage.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        # A view or a trigger could tell us one thing and qdrant-client another.
        if any(sql != ROWS_SCHEMA for (sql,) in schema):
            raise _refusal(folder, "a database of another shape")
        query = "SELECT rowid, point FROM points ORDER BY rowid DESC"
        for _, value in storage.execute(query) if schema else ():
            _check(folder, value)


def _check(folder: Path, value: Any) -> None:
    if not isinstance(value, bytes):
        raise _refusal(folder, f"a point from {type(value).__name__}")
    try:
        point = _Unpickler(io.BytesIO(value)).load()
    except _ForeignTypeError as error:
        raise _refusal(folder, str(error)) from error
    except _DAMAGE as error:
        told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreDamagedError(
            f"the store at {folder} is damaged: a point in it cannot be read ({told}); "
            "'longembed-rag verify --repair' keeps all that is whole, and the next ingest embeds "
            "the rest again"
        ) from error
    kind = type(point)
    if (kind.__module__, kind.__qualname__) != _POINT:
        raise _refusal(folder, f"{kind.__module__}.{kind.__qualname__} in a point's place")


def read_row(row: bytes) -> Any:
    """A point of a damaged store; None where the row cannot be read, or wants to load code."""
    try:
        point = _Unpickler(io.BytesIO(row)).load()
    except (_ForeignTypeError, *_DAMAGE):
        return None
    kind = type(point)
    return point if (kind.__module__, kind.__qualname__) == _POINT else None


def _refusal(folder: Path, wanted: str) -> StoreError:
    return StoreError(
        f"the store at {folder} is not opened: it wants to load {wanted}, which no store of "
        "qdrant-client holds and which could run code. If somebody else made it, do not trust it; "
        "delete the folder and ingest again"
    )
