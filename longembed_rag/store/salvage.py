"""Writing an embedded store's files anew: what is whole of damaged ones, or what was not removed.

Of a collection with damaged files every point is read and written into a new shard, if its payload
and text are as they were. A point whose vector or words are not is kept with its text, for
``verify`` to name and for an ingest to embed again. The engine may end its process over a damaged
file, so that it reads them in another one, which goes on after the point that it fell over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.points.edge.engine import engine_version
from longembed_rag.points.edge.folders import collection_folders
from longembed_rag.points.edge.space import TO_WRITE, require_room
from longembed_rag.points.engine_mark import EDGE_FOLDER, META_FILE, engine_in
from longembed_rag.points.locking import FolderLock
from longembed_rag.points.seal import LOCAL_PARTS, Damage, Seal
from longembed_rag.points.values import is_sparse
from longembed_rag.store.manifest import POINT_ID
from longembed_rag.store.sums import is_as_written
from longembed_rag.whole_files import write_whole

if TYPE_CHECKING:
    from longembed_rag.points.edge.rewriting import Progress
    from longembed_rag.points.values import Stored

_START = (
    "import sys; sys.path[:] = sys.argv[3:]; from longembed_rag.store.salvage import child; child()"
)
_MOST_STARTS = 64  # processes that may end over one collection


def find_damages(folder: Path) -> list[Damage]:
    """The files of a closed store that are not as they were written; reads all of them.

    Args:
        folder: The store's folder.

    Raises:
        StoreLockedError: Somebody holds it.
        StoreError: It cannot be locked.
    """
    lock = FolderLock(folder)
    try:
        return _seal(folder).damages(thorough=True)
    finally:
        lock.release()


def salvage(folder: Path) -> list[Damage]:
    """Make a store whole again from what can be read of it; another process must not hold it.

    Args:
        folder: The store's folder.

    Returns:
        The files that were damaged.

    Raises:
        StoreLockedError: Somebody holds it.
        StoreError: A collection cannot be made anew.
    """
    lock = FolderLock(folder)
    try:
        seal = _seal(folder)
        found = seal.damages(thorough=True)
        root = folder / EDGE_FOLDER if engine_in(folder) == "edge" else folder
        wrong = {each.path.relative_to(root).as_posix() for each in found}
        for name, content in seal.contents().items():
            if name in wrong and _is_description(name):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(root / name, content)
                wrong.remove(name)
        if engine_in(folder) == "edge":
            _salvage_shards(root, wrong)
        else:
            _salvage_rows(root, wrong)
        seal.set()
        return found
    finally:
        lock.release()


def purge(folder: Path) -> None:
    """Write every collection of a store into new files, which hold nothing that was removed.

    The engine leaves what is removed in its files until it needs the room, and all that was
    written lately in its log.

    Args:
        folder: The store's folder; another process must not hold it.

    Raises:
        StoreLockedError: Somebody holds it.
        StoreDamagedError: A file is not as it was written.
        StoreError: The disk has no room for the largest collection once more, or a collection
            cannot be written.
    """
    lock = FolderLock(folder)
    try:
        seal = _seal(folder)
        seal.require_whole(folder)
        if engine_in(folder) == "edge":
            _purge_shards(folder / EDGE_FOLDER, seal)
        else:
            from longembed_rag.points.local_rows import vacuum

            for rows in sorted(folder.rglob("*.sqlite")):
                vacuum(rows)
        seal.set()
    finally:
        lock.release()


def _purge_shards(root: Path, seal: Seal) -> None:
    from longembed_rag.points.edge.rewriting import Progress, begin, copy_points, finish, mend

    mend(root)
    seal.break_up()
    for folder in collection_folders(root):
        held = sum(each.stat().st_blocks * 512 for each in folder.rglob("*"))
        require_room(root, held + TO_WRITE)
        begin(folder)
        copy_points(folder, keep=_all, progress=Progress(), on_progress=lambda reached: None)
        finish(folder)


def _all(point: Stored) -> Stored:
    return point


def _seal(folder: Path) -> Seal:
    if engine_in(folder) == "edge":
        return Seal(folder / EDGE_FOLDER, by=engine_version())
    return Seal(folder, parts=LOCAL_PARTS)


def _is_description(name: str) -> bool:
    return name == META_FILE or (name.endswith("/collection.json") and name.count("/") == 1)


def _salvage_rows(root: Path, wrong: Iterable[str]) -> None:
    from longembed_rag.points.local_rows import rewrite_rows

    for name in wrong:
        if name.endswith(".sqlite"):
            rewrite_rows(root / name, keep=keep_whole)


def _salvage_shards(root: Path, wrong: Iterable[str]) -> None:
    from longembed_rag.points.edge.rewriting import begin, finish

    for name in sorted({name.partition("/")[0] for name in wrong if "/" in name}):
        folder = root / name
        if folder.is_dir():
            begin(folder)
            _copy_in_child(folder)
            finish(folder)


def _copy_in_child(folder: Path) -> None:
    """Copy what can be read of a collection's points, in processes that may end over them."""
    from longembed_rag.points.edge.rewriting import Progress, without_log

    progress: Progress | None = Progress()
    for _ in range(_MOST_STARTS):
        if progress is None:
            return
        reached, ended = _run_child(folder, progress)
        if ended == 0:
            return
        if reached is None or (progress.skip and reached == progress.at):
            # It cannot be loaded, or not be gone through: once more without its log.
            progress = Progress() if without_log(folder) else None
        else:
            progress = Progress(at=reached, alone=True, skip=progress.alone)


def _run_child(folder: Path, progress: Progress) -> tuple[str | None, int]:
    """Where it was, and how it ended."""
    given = [str(folder), json.dumps(asdict(progress))]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _START, *given, *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    lines = [line for line in done.stdout.decode().split("\n")[:-1] if line]
    return (json.loads(lines[-1]) if lines else None), done.returncode


def child() -> None:
    """What the other process does; its arguments are the folder and where to go on."""
    from longembed_rag.points.edge.rewriting import Progress, copy_points

    def tell(reached: str) -> None:
        sys.stdout.write(json.dumps(reached) + "\n")
        sys.stdout.flush()

    folder, progress = sys.argv[1:3]
    copy_points(
        Path(folder),
        keep=keep_whole,
        progress=Progress(**json.loads(progress)),
        on_progress=tell,
    )


def keep_whole(point: Stored) -> Stored | None:
    """A point whose payload and text are as they were written, with numbers that can be stored."""
    import numpy as np

    named = point.payload.get(POINT_ID)  # of an entry of the manifest
    if not is_as_written(point, with_vector=False) or named not in (None, point.id):
        return None
    vectors = {
        name: vector
        if is_sparse(vector)
        else np.clip(np.nan_to_num(np.asarray(vector, dtype=np.float32)), -1, 1)
        for name, vector in point.vectors.items()
    }
    return replace(point, vectors=vectors)
