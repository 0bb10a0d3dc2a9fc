"""Copying a collection to another place, point by point, without embedding anything again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import PointRefusedError, SettingsError
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Point
from longembed_rag.store.collection import Collection
from longembed_rag.store.listing import without_all_passages
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.payload import LISTING_KEYS, read_own, read_stored_source
from longembed_rag.store.writing import (
    not_written,
    of_documents,
    remove_other_versions,
    take_back,
)

if TYPE_CHECKING:
    from longembed_rag.points.values import StorageOptions
    from longembed_rag.store.place import Place
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import StoredSource

# Documents that are copied together, and points of a page: with their texts and vectors.
_GROUP = 16
_PAGE = 256


@dataclass(frozen=True, kw_only=True)
class CopyReport:
    """What a copy did.

    Attributes:
        copied: Documents that were written.
        unchanged: Documents that were there already, with the same text.
        others: Points that other programs have put into the collection, copied as they are.
        failed: Documents that could not be copied, each with the reason.
        passages: Passages that were written.
        seconds: Time it took.
    """

    copied: int
    unchanged: int
    others: int
    failed: dict[str, str]
    passages: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, ready for JSON."""
        failed = [{"source": source, "reason": reason} for source, reason in self.failed.items()]
        return {**asdict(self), "failed": failed, "seconds": round(self.seconds, 3)}


def copy_collection(
    source: DocumentStore,
    target: DocumentStore,
    *,
    storage: StorageOptions | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> CopyReport:
    """Copy what a collection holds into another place: points as they are, vectors and all.

    A document goes in as an ingest would write it: noted in the manifest, passages first, then
    its own point. So a copy that was killed leaves nothing half-written once the same call is made
    again, which goes on with what is missing. Documents that only the target holds stay there.

    Args:
        source: What is copied.
        target: Where to; the collection is made like the source's where it is not there.
        storage: How a server is to keep the vectors of a new collection.
        on_progress: Is told how many of how many documents are done.

    Returns:
        What was done.

    Raises:
        SettingsError: Both are the same collection.
        CollectionNotFoundError: There is nothing to copy.
        CollectionMismatchError: The target was made with other settings or options.
        StoreError: One of them cannot be read or written to; what was copied is there.
    """
    began = monotonic()
    record = source.existing_record()
    if (source.location, source.collection) == (target.location, target.collection):
        raise SettingsError(
            f"collection {source.collection!r} at {source.location} cannot be copied onto itself; "
            "name another place, or another collection"
        )
    Collection(target.place).ensure_like(Collection(source.place), storage=storage)
    target.recover()
    stored = source.sources()
    damaged = {each.source for each in without_all_passages(stored.values(), place=source.place)}
    there = target.complete_sources()
    known = target.entries()
    run = _Run(source.place, target.place, fingerprint=record.fingerprint, known=known)
    missing = []
    for name, each in stored.items():
        if name in damaged:
            run.failed[name] = "it has lost passages; ingest it again, then copy"
        elif name not in there or there[name].content_hash != each.content_hash:
            missing.append(each)
    unchanged = len(stored) - len(missing) - len(run.failed)
    total, done = len(stored), len(stored) - len(missing)
    remaining = iter(missing)
    while group := list(islice(remaining, _GROUP)):
        run.copy(group)
        done += len(group)
        if on_progress is not None:
            on_progress(done, total)
    run.copy_others()
    return CopyReport(
        copied=run.copied,
        unchanged=unchanged,
        others=run.others,
        failed=run.failed,
        passages=run.passages,
        seconds=monotonic() - began,
    )


@dataclass
class _Run:
    """One copy, while it runs."""

    source: Place
    target: Place
    fingerprint: str
    known: dict[str, ManifestEntry]
    copied: int = 0
    others: int = 0
    passages: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def copy(self, group: Sequence[StoredSource]) -> None:
        """Copy some documents together; alone, where the target refuses one of them."""
        try:
            self._copy(group)
        except PointRefusedError as error:
            if len(group) == 1:
                self.failed[group[0].source] = str(error)
                take_back(group[0].source, self.fingerprint, place=self.target)
                return
            for each in group:
                self.copy([each])

    def _copy(self, group: Sequence[StoredSource]) -> None:
        by_id = {each.document_id: each for each in group}
        found = self.source.points.fetch(
            self.source.documents, list(by_id), what="reading documents", vectors=True
        )
        points = [Point(each.id, each.vectors, each.payload) for each in found]
        group = [by_id[point.id] for point in points]  # some may be gone since they were listed
        for point, each in zip(points, group, strict=True):
            self.target.points.require_room(point, source=each.source)
        entries = [ManifestEntry.of_stored(e, fingerprint=self.fingerprint) for e in group]
        manifest = Manifest(self.target)
        manifest.put(replace(entry, state="writing") for entry in entries)
        name = group[0].source if len(group) == 1 else f"{len(group)} documents"
        self._write(self.target.passages, self._passages(group), name)
        self._write(self.target.documents, points, name)
        for each in group:
            if each.source in self.known:
                remove_other_versions(each.source, each.content_hash, place=self.target)
        manifest.put(entries)
        self.copied += len(group)
        self.passages += sum(each.passages for each in group)

    def _passages(self, group: Sequence[StoredSource]) -> Iterator[Point]:
        """The passages of documents, of the versions that are there."""
        versions = {each.document_id: each.content_hash for each in group}
        found = scroll(
            self.source.points,
            self.source.passages,
            what="reading passages",
            matching=of_documents(list(versions)),
            vectors=True,
            limit=_PAGE,
        )
        for each in found:
            own = read_own(each.payload)
            if versions.get(str(own.get("document"))) == own.get("version"):
                yield Point(each.id, each.vectors, each.payload)

    def copy_others(self) -> None:
        """Copy the points that other programs have put beside the documents."""
        listed = scroll(
            self.source.points, self.source.documents, what="listing", keys=LISTING_KEYS
        )
        foreign = (each.id for each in listed if read_stored_source(each.payload) is None)
        while page := list(islice(foreign, _PAGE)):
            found = self.source.points.fetch(
                self.source.documents, page, what="reading points", vectors=True
            )
            points = [Point(each.id, each.vectors, each.payload) for each in found]
            self._write(self.target.documents, points, "points of other programs")
            self.others += len(found)

    def _write(self, name: str, points: Iterable[Point], told: str) -> None:
        failure = not_written(told, self.target)
        self.target.points.write(name, points, what=f"copying {told}", failure=failure)
