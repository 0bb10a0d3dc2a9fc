"""Writing a collection's points into a new shard: all that can be read and are wanted.

So a damaged collection keeps what is whole, and one from which something was removed keeps no trace
of it: the engine leaves what is removed in its files, and in its log what was ever written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longembed_rag.points.edge.convert import plain_id, point_id
from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.edge.folders import file_in, read_description, shard_in
from longembed_rag.points.edge.schema import noted_index, shard_config
from longembed_rag.points.edge.vectors import VectorLayout, make_point, plain_vectors
from longembed_rag.points.values import Stored, native_id
from longembed_rag.whole_files import sync_folder

if TYPE_CHECKING:
    import qdrant_edge as edge

#: What is wanted of a point; None where it is not kept.
Keep = Callable[[Stored], Stored | None]

_LOG = "wal"
_OLD = ".old"
_NEW = ".new"
_PAGE = 256


@dataclass(frozen=True)
class Progress:
    """How far a collection has been read.

    Attributes:
        at: The id of the first point that has not been written; None at the beginning.
        alone: Whether points are read one by one from there on.
        skip: Whether that one is passed over.
    """

    at: str | None = None
    alone: bool = False
    skip: bool = False


def begin(folder: Path) -> Path:
    """Make room for a collection's new shard beside its folder; what is there of one goes.

    Args:
        folder: The collection's folder, with the file that describes it.

    Returns:
        The folder of the new one.
    """
    import qdrant_edge as edge

    new = folder.with_name(folder.name + _NEW)
    if new.exists():
        shutil.rmtree(new)
    description = read_description(folder)
    new.mkdir()
    shard = _shard(new)
    shard.create(shard_config(description))
    for field, noted in description.indexes.items():
        shard.update(edge.UpdateOperation.create_field_index(field, noted_index(noted)))
    shard.close()
    return new


def copy_points(
    folder: Path, *, keep: Keep, progress: Progress, on_progress: Callable[[str], None]
) -> None:
    """Copy the points of a collection into its new shard.

    Args:
        folder: The collection's folder; :func:`begin` has been called.
        keep: What is wanted of each.
        progress: Where to go on.
        on_progress: Is told the id of each point before it, or its page, is read.

    Raises:
        ValueError: A point is refused by the engine.
        RuntimeError: The old shard cannot be loaded, or the new one not written.
    """
    old, new = _shard(folder), _shard(folder.with_name(folder.name + _NEW))
    layout = VectorLayout(read_description(folder))
    try:
        for page in _pages(old, progress, on_progress):
            kept = [point for each in page if (point := keep(each)) is not None]
            try:
                _write(new, kept, layout)
            except ValueError:  # one of them holds what the engine does not take
                for each in kept:
                    with suppress(ValueError):
                        _write(new, [each], layout)
        new.flush()
    finally:
        new.close()
        old.close(flush=False)
    new.settle(always=True)


def _shard(folder: Path) -> Shard:
    return Shard(shard_in(folder), before_writing=lambda: None)


def _pages(
    shard: Shard, progress: Progress, on_progress: Callable[[str], None]
) -> Iterator[list[Stored]]:
    at, skip = progress.at, progress.skip
    if at is None:
        first, _ = _scroll(shard, None, 1, whole=False)
        if not first:
            return
        at = first[0].id
    while at is not None:
        on_progress(at)
        limit = 1 if progress.alone else _PAGE
        # Where it goes on is told without what may be damaged.
        ids, following = _scroll(shard, at, limit, whole=False)
        if not skip:
            yield _readable(shard, at, ids)
        at, skip = following, False


def _readable(shard: Shard, at: str, ids: list[Stored]) -> list[Stored]:
    """Points whose ids are known: together, or where that fails those that can be read."""
    try:
        return _scroll(shard, at, len(ids), whole=True)[0]
    except (ValueError, RuntimeError):
        found = []
        for each in ids:
            with suppress(ValueError, RuntimeError):
                found += _scroll(shard, each.id, 1, whole=True)[0]
        return found


def _scroll(
    shard: Shard, at: str | None, limit: int, *, whole: bool
) -> tuple[list[Stored], str | None]:
    import qdrant_edge as edge

    def read(opened: edge.EdgeShard) -> Any:
        return opened.scroll(
            edge.ScrollRequest(
                offset=None if at is None else point_id(native_id(at)),
                limit=limit,
                with_payload=whole,
                with_vector=whole,
            )
        )

    found, following = shard.call(read)
    points = [
        Stored(
            str(plain_id(each.id)), each.payload or {}, plain_vectors(each.vector if whole else {})
        )
        for each in found
    ]
    return points, None if following is None else str(plain_id(following))


def _write(shard: Shard, points: list[Stored], layout: VectorLayout) -> None:
    import qdrant_edge as edge

    if points:
        made = [
            make_point(native_id(each.id), layout.convert_all(each.vectors), each.payload)
            for each in points
        ]
        shard.update(edge.UpdateOperation.upsert_points(made))


def without_log(folder: Path) -> bool:
    """Take the log of a collection's shard away, which cannot be read; False where it is gone."""
    log = shard_in(folder) / _LOG
    if not log.is_dir():
        return False
    shutil.rmtree(log)
    return True


def finish(folder: Path) -> None:
    """Let a collection's new shard take the place of the old one, which is removed.

    A process that is killed in between leaves what :func:`mend` puts right.
    """
    old, new = folder.with_name(folder.name + _OLD), folder.with_name(folder.name + _NEW)
    shutil.copyfile(file_in(folder), file_in(new))
    folder.rename(old)
    new.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old)


def mend(root: Path) -> None:
    """Put right what a process left that was killed while it rewrote collections.

    Args:
        root: The folder of the collections.
    """
    for new in root.glob(f"*{_NEW}"):
        shutil.rmtree(new)
    for old in root.glob(f"*{_OLD}"):
        if old.with_suffix("").exists():
            shutil.rmtree(old)
        else:
            old.rename(old.with_suffix(""))
