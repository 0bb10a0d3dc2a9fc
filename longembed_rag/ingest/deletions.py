"""Documents that their folders do not give any more: which they are, and whether that can be meant.

An ingest follows its folders, so it would empty a collection where a share is not mounted or a
path is wrong. Before it changes anything it asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from longembed_rag.errors import DeletionsRefusedError
from longembed_rag.files.discover import Discovery, discover
from longembed_rag.files.sources import path_of, source_of
from longembed_rag.store.values import document_id

if TYPE_CHECKING:
    from longembed_rag.store.store import DocumentStore

#: From so many documents on, more than half of those under a root are not deleted unasked.
MANY = 10


def gone_sources(stored: Iterable[str], found: Discovery) -> list[str]:
    """Documents that the paths that were looked through certainly do not give any more.

    Their files are gone, or the selection passes over them.

    Args:
        stored: The documents that are there, by source.
        found: What was found under the paths.
    """
    roots = [PurePath(source_of(root)) for root in found.roots]
    unknown = [PurePath(failure.source) for failure in found.unreadable]
    return [
        source
        for source in sorted(set(stored) - found.stamps.keys())
        if _is_below(source, roots)
        and not _is_below(source, unknown)
        and (found.is_excluded(source) or is_gone(source))
    ]


def _is_below(source: str, folders: Sequence[PurePath]) -> bool:
    return any(PurePath(source).is_relative_to(folder) for folder in folders)


def is_gone(source: str) -> bool:
    """Whether there is certainly no such file any more; one that is out of reach may be there.

    Sources are resolved paths, so one that has become a link is known by another name now.
    """
    path = path_of(source)
    try:
        return path.resolve(strict=True) != path or path.is_dir()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, RuntimeError):
        return False


def require_meant(
    store: DocumentStore, found: Discovery, stored: Iterable[str], *, allowed: bool
) -> None:
    """Refuse an ingest that would delete more than can be meant; else remember its folders.

    Args:
        store: Where the documents are; nothing of them has been changed yet.
        found: What was found under the paths.
        stored: The documents that are there, by source.
        allowed: Whether everything may be deleted.

    Raises:
        DeletionsRefusedError: A folder that had documents gives none, or would lose more than
            half of at least ten.
        StoreError: The store cannot be read or written to.
    """
    if not allowed:
        refused = refusal(found, stored, devices=store.roots(), exclude=store.path)
        if refused is not None:
            raise DeletionsRefusedError(f"{refused}; nothing was changed")
    folders = [root for root in found.roots if root.is_dir()]
    store.note_roots({root_id(root): root.stat().st_dev for root in folders})


def root_id(root: Path) -> str:
    """What a folder is called in a collection's record, which tells nothing of paths."""
    return document_id(source_of(root))


def refusal(
    found: Discovery,
    stored: Iterable[str],
    *,
    devices: Mapping[str, int],
    exclude: Path | None,
) -> str | None:
    """Why an ingest of what was found would be refused, and the way on; None where it is not.

    Args:
        found: What was found under the paths.
        stored: The documents that are there, by source.
        devices: The file system that each root lay on when it was last ingested, by the root's id.
        exclude: The store's own folder.
    """
    there = list(stored)
    gone = gone_sources(there, found)
    if not gone:
        return None
    told = []
    for root in filter(Path.is_dir, found.roots):
        folder = [PurePath(source_of(root))]
        had = [source for source in there if _is_below(source, folder)]
        lost = [source for source in gone if _is_below(source, folder)]
        is_most = len(had) >= MANY and 2 * len(lost) > len(had)
        is_empty = bool(lost) and _gives_none(root, found, exclude)
        if not (is_most or is_empty):
            continue
        why = "the folder gives no document now" if is_empty else "their files are gone"
        if any(found.is_excluded(source) for source in lost):
            why += ", or patterns pass over them"
        place = ""
        if devices.get(root_id(root), root.stat().st_dev) != root.stat().st_dev:
            place = ", and it lies on another file system than when it was last ingested"
        told.append(
            f"{source_of(root)}: {len(lost):,} of the {len(had):,} documents from it would be "
            f"deleted ({why}{place})"
        )
    if not told:
        return None
    return (
        f"{'; '.join(told)}. See whether the path is right and every share is mounted; if they "
        "are to go, ingest with --allow-deletions (in Python allow_deletions=True)"
    )


def _gives_none(root: Path, found: Discovery, exclude: Path | None) -> bool:
    """Whether nothing comes from a root any more, not even through links that lead out of it."""
    unknown = (PurePath(failure.source) for failure in found.unreadable)
    if any(path.is_relative_to(root) for path in (*found.files, *unknown)):
        return False
    own = discover(
        [root],
        exclude=[] if exclude is None else [exclude],
        selection=found.selections.get(root),
    )
    return not own.files
