"""Bringing a collection in step with the folders that it was made from, where they have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import LongEmbedError
from longembed_rag.files.discover import Discovery, discover_each
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.remote import Location, Remote
from longembed_rag.ingest.deletions import holds_files, root_id
from longembed_rag.ingest.report import IngestReport
from longembed_rag.ingest.seen import Seen

if TYPE_CHECKING:
    from longembed_rag.store.store import DocumentStore


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a look at a collection's folders came to.

    Attributes:
        folders: The folders, files and URLs that the collection follows on this machine.
        missing: Those of them that are not there now, or out of reach; their documents stay.
        report: What was done; None where nothing had changed.
    """

    folders: tuple[str, ...]
    missing: tuple[str, ...]
    report: IngestReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        return {
            "folders": list(self.folders),
            "missing": list(self.missing),
            "report": None if self.report is None else self.report.to_dict(),
        }


@dataclass(frozen=True)
class Look:
    """A look at a collection's folders.

    Attributes:
        outcome: Which they are, before anything is done.
        changed: What was found in them; None where all is as it is remembered.
        reading: How their files were read.
    """

    outcome: Refreshed
    changed: Discovery | None
    reading: ReadOptions


def look(store: DocumentStore) -> Look:
    """See by times and sizes whether a collection's folders have changed; no file is read.

    Args:
        store: Where the collection is.

    Raises:
        SettingsError: A pattern in an ignore file cannot be read.
        StoreError: The store cannot be read.
    """
    seen, followed = Seen.of(store), store.roots()
    # A folder of an earlier collection of the same name is none of this one's.
    roots = {
        path: selection
        for path, selection in seen.roots.items()
        if not holds_files(path) or root_id(path) in followed
    }
    missing = tuple(str(path) for path in roots if not _is_there(path))
    there = {path: of for path, of in roots.items() if str(path) not in missing}
    outcome = Refreshed(folders=tuple(map(str, roots)), missing=missing)
    if not there:
        return Look(outcome, None, seen.reading)
    found = discover_each(there, exclude=[] if store.path is None else [store.path])
    return Look(outcome, None if seen.is_in_step(found) else found, seen.reading)


def _is_there(root: Location) -> bool:
    if not isinstance(root, Remote):
        return root.exists()
    from longembed_rag.files.buckets.objects import kind_of

    try:
        kind_of(root)
    except LongEmbedError:  # whatever it is: who searches gets what is there
        return False
    return True
