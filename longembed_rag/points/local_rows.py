"""The rows of qdrant-client's local mode: those that can be read, in a new file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from longembed_rag.points.pickles import ROWS_SCHEMA, read_row
from longembed_rag.points.values import Stored
from longembed_rag.whole_files import half_written


def rewrite_rows(path: Path, *, keep: Callable[[Stored], Stored | None]) -> None:
    """Write the rows of a collection that can be read and are wanted into a new file.

    Args:
        path: The file; a new one takes its place, without rows where it is missing.
        keep: What is wanted of each point; it is shown without its vectors, which stay.

    Raises:
        OSError: The new file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with half_written(path) as half, closing(sqlite3.connect(half)) as new:
        new.execute(ROWS_SCHEMA)
        if path.exists():
            for key, row in _rows(path):
                point = read_row(row)
                if point is None:
                    continue
                if keep(Stored(str(point.id), point.payload or {})) is not None:
                    new.execute("INSERT OR REPLACE INTO points VALUES (?, ?)", (key, row))
        new.commit()


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """The rows that can be read, from either end: a damaged page ends the way over it."""
    with closing(sqlite3.connect(path)) as old:
        seen: set[str] = set()
        for order in ("ASC", "DESC"):
            with suppress(sqlite3.Error):
                for key, row in old.execute(f"SELECT id, point FROM points ORDER BY rowid {order}"):
                    if isinstance(key, str) and isinstance(row, bytes) and key not in seen:
                        seen.add(key)
                        yield key, row


def vacuum(path: Path) -> None:
    """Write a collection's file anew, without what was removed from it.

    Raises:
        sqlite3.Error: It cannot be written.
    """
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("VACUUM")
