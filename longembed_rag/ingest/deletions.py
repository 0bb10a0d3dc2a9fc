"""Documents that their folders do not give any more: which they are, and whether that can be meant.

An ingest follows its folders, so it would empty a collection where a share is not mounted or a
path is wrong. Before it changes anything it asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from longembed_rag.errors import DeletionsRefusedError, SettingsError
from longembed_rag.files.discover import Discovery, discover
from longembed_rag.files.remote import Location, Remote
from longembed_rag.files.sources import is_below, path_of, source_of
from longembed_rag.store.values import document_id
from longembed_rag.urls import is_url

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
    roots = [source_of(root) for root in found.roots]
    unknown = [failure.source for failure in found.unreadable]
    skipped = {each.source for each in found.skipped}

    def is_not_there(source: str) -> bool:
        # A listing that came to its end names every object; asking for each would take minutes.
        return source not in skipped if is_url(source) else is_gone(source)

    return [
        source
        for source in sorted(set(stored) - found.stamps.keys())
        if _is_below(source, roots)
        and not _is_below(source, unknown)
        and (found.is_excluded(source) or is_not_there(source))
    ]


def _is_below(source: str, folders: Sequence[str]) -> bool:
    return any(is_below(source, folder) for folder in folders)


def is_gone(source: str) -> bool:
    """Whether there is certainly no such file any more; one that is out of reach may be there.

    Sources are resolved paths, so one that has become a link is known by another name now.

    Args:
        source: The file, or the object in a bucket, which is asked for.
    """
    path = path_of(source)
    if isinstance(path, Remote):
        from longembed_rag.files.buckets.objects import is_missing

        return is_missing(path)
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
        SettingsError: There is nothing below a URL, and nothing of it is stored.
        StoreError: The store cannot be read or written to.
    """
    require_there(found, stored)
    if not allowed:
        refused = refusal(found, stored, devices=store.roots(), exclude=store.path)
        if refused is not None:
            raise DeletionsRefusedError(f"{refused}; nothing was changed")
    store.note_roots({root_id(root): _device(root) for root in found.roots if holds_files(root)})


def require_there(found: Discovery, stored: Iterable[str]) -> None:
    """Refuse a URL below which there is nothing and never was: it is mistyped.

    Args:
        found: What was found.
        stored: The documents that are there, by source.

    Raises:
        SettingsError: There is such a URL.
    """
    unknown = [failure.source for failure in found.unreadable]
    named = [
        *found.stamps,
        *stored,
        *unknown,
        *(e.source for e in (*found.skipped, *found.excluded)),
    ]
    for root in found.roots:
        if isinstance(root, Remote) and not any(is_below(each, root.url) for each in named):
            raise SettingsError(f"{root}: there is nothing of that name, nor below it")


def holds_files(root: Location) -> bool:
    """Whether a root is a folder; a URL, which may become one at any time, is taken for one.

    Args:
        root: What was given.
    """
    return isinstance(root, Remote) or root.is_dir()


def _device(root: Location) -> int:
    """The file system that a root lies on; of URLs one number, since they say where they are."""
    return 0 if isinstance(root, Remote) else root.stat().st_dev


def root_id(root: Location) -> str:
    """What a folder is called in a collection's record, which tells nothing of paths.

    Args:
        root: The folder, or the URL.
    """
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
    for root in filter(holds_files, found.roots):
        folder = [source_of(root)]
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
        if devices.get(root_id(root), _device(root)) != _device(root):
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


def _gives_none(root: Location, found: Discovery, exclude: Path | None) -> bool:
    """Whether nothing comes from a root any more, not even through links that lead out of it."""
    folder, unknown = source_of(root), (failure.source for failure in found.unreadable)
    if any(is_below(source, folder) for source in (*found.stamps, *unknown)):
        return False
    if isinstance(root, Remote):
        return True
    own = discover(
        [root],
        exclude=[] if exclude is None else [exclude],
        selection=found.selections.get(root),
    )
    return not own.files
