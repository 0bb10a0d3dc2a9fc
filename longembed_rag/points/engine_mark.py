"""Which engine keeps a store: written first and whole, before the engine makes anything.

Without it a process that was killed in the first moments left a store that the next one took for
another engine's. What else killed processes left in the folder is put away here.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal, cast

from longembed_rag.points.refusing import is_refusal
from longembed_rag.whole_files import remove_halves, write_whole

#: An engine that keeps its points in a folder.
EmbeddedEngine = Literal["edge", "local"]

EDGE_FOLDER = "edge"
META_FILE = "meta.json"
_LOCAL_FOLDER = "collection"
_MARK = "longembed.engine"
_KEPT_META = "longembed.meta.json"
# What write_whole leaves, and the crate that Qdrant's engine writes its files with.
_LEFTOVER = re.compile(r"\.\d+-[0-9a-f]{8}\.half$|^\.atomicwrite")


def engine_in(folder: Path) -> EmbeddedEngine | None:
    """What keeps the embedded store in a folder; None where there is no store."""
    with suppress(OSError, UnicodeDecodeError):
        marked = (folder / _MARK).read_text(encoding="utf-8").strip()
        if marked in ("edge", "local"):
            return cast(EmbeddedEngine, marked)
    # Earlier versions made no mark.
    if (folder / EDGE_FOLDER).is_dir():
        return "edge"
    meta = folder / META_FILE
    # An empty one is what a process left that was killed while it wrote it; and ours only keeps
    # qdrant-client away.
    there = meta.is_file() and (meta.stat().st_size or (folder / _LOCAL_FOLDER).is_dir())
    return "local" if there and not is_refusal(meta) else None


def mark_engine(folder: Path, engine: EmbeddedEngine) -> None:
    """Write down which engine keeps a store; to be called with its folder locked.

    Args:
        folder: The store's folder.
        engine: What keeps it, from now on.

    Raises:
        OSError: The folder is a new store's and cannot be written to.
    """
    mark = folder / _MARK
    with suppress(OSError, UnicodeDecodeError):
        if mark.read_text(encoding="utf-8").strip() == engine:
            return
    try:
        write_whole(mark, f"{engine}\n")
    except OSError:
        if engine_in(folder) != engine:
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; the folder is locked.

    Only what lies under names of ours: the folder may hold somebody's files as well.

    Args:
        folder: The store's folder.
    """
    with suppress(OSError):  # a store that cannot be written to can still be read
        for name in (_MARK, META_FILE, _KEPT_META):
            remove_halves(folder / name)
        for way, folders, files in os.walk(folder / EDGE_FOLDER):
            for name in filter(_LEFTOVER.search, files):
                (Path(way) / name).unlink()
            for name in filter(_LEFTOVER.search, list(folders)):
                folders.remove(name)
                shutil.rmtree(Path(way) / name)


def keep_meta(folder: Path) -> None:
    """Keep a copy of what qdrant-client notes down, which it does not write whole."""
    with suppress(OSError):
        meta = (folder / META_FILE).read_bytes()
        kept = folder / _KEPT_META
        if meta and not (kept.exists() and kept.read_bytes() == meta):
            write_whole(kept, meta)


def mend_meta(folder: Path) -> None:
    """Put the copy in the place of a ``meta.json`` that a killed qdrant-client left empty.

    Where there is none, it had made no collection that was ever opened again; the points of one
    that it was making are found when that is made.

    Raises:
        OSError: It cannot be put there.
    """
    meta, kept = folder / META_FILE, folder / _KEPT_META
    if not meta.exists() or meta.stat().st_size:
        return
    if kept.exists():
        write_whole(meta, kept.read_bytes())
    else:
        meta.unlink()
