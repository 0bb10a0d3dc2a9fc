"""Copying a collection to another place, point by point, without embedding anything again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from longembed_rag.errors import PointRefusedError, SettingsError
from longembed_rag.points.connection import GIVEN_CLIENT
from longembed_rag.points.port import scroll
from longembed_rag.points.values import Point
from longembed_rag.store.collection import Collection
from longembed_rag.store.frequencies.beginning import settle_words
from longembed_rag.store.listing import without_all_passages
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.payload import LISTING_KEYS, read_own, read_stored_source
from longembed_rag.store.writing import (
    count_version,
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
    if source.collection == target.collection and _is_one(source, target):
        raise SettingsError(
            f"collection {source.collection!r} at {source.location} cannot be copied onto itself; "
            "name another place, or another collection"
        )
    Collection(target.place).ensure_like(Collection(source.place), storage=storage)
    target.record()  # as it is now
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
        elif name not in there or not _is_same(there[name], each):
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
    settle_words(Collection(target.place), target.existing_record())
    target.place.points.flush()
    return CopyReport(
        copied=run.copied,
        unchanged=unchanged,
        others=run.others,
        failed=run.failed,
        passages=run.passages,
        seconds=monotonic() - began,
    )


def _is_same(one: StoredSource, other: StoredSource) -> bool:
    """Whether a document is the same in both places: its text, and what is known of it."""
    return _state(one) == _state(other)


def _state(of: StoredSource) -> tuple[str, str, str]:
    return of.content_hash, of.metadata_hash, of.reading_hash


def _is_one(source: DocumentStore, target: DocumentStore) -> bool:
    """Whether both lie in one place: over the same client, in one folder, on one server."""
    ours, theirs = (
        getattr(each, "collections", None) or getattr(each, "client", None)
        for each in (source.place.points, target.place.points)
    )
    is_given = source.location == GIVEN_CLIENT
    return ours is theirs or (source.location == target.location and not is_given)


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
                self._fail(group[0].source, str(error))
                return
            for each in group:
                self.copy([each])

    def _copy(self, group: Sequence[StoredSource]) -> None:
        found = self.source.points.fetch(
            self.source.documents,
            [each.document_id for each in group],
            what="reading documents",
            vectors=True,
        )
        # As they are now: some may be gone, or of another version than they were listed with.
        now = [stored for each in found if (stored := read_stored_source(each.payload))]
        points = {each.id: Point(each.id, each.vectors, each.payload) for each in found}
        for each in now:
            self.target.points.require_room(points[each.document_id], source=each.source)
        if not now:
            return
        manifest = Manifest(self.target)
        entries = {e.source: ManifestEntry.of_stored(e, fingerprint=self.fingerprint) for e in now}
        manifest.put(replace(entry, state="writing") for entry in entries.values())
        name = now[0].source if len(now) == 1 else f"{len(now)} documents"
        copied = self._copy_passages(now, name)
        whole = [each for each in now if copied[each.document_id] == each.passages]
        self._write(self.target.documents, [points[each.document_id] for each in whole], name)
        if not self.target.points.embedded and any(map(self._lacks, whole)):
            # Somebody else took the half-written documents for what a killed process had left.
            self._copy_passages(whole, name)
        for each in whole:
            if each.source in self.known:
                remove_other_versions(each.source, each.content_hash, place=self.target)
        manifest.put(entries[each.source] for each in whole)
        for each in now:
            if each not in whole:
                self._fail(each.source, "it was changed while it was copied; run the copy again")
        self.copied += len(whole)
        self.passages += sum(each.passages for each in whole)

    def _copy_passages(self, group: Sequence[StoredSource], name: str) -> Counter[str]:
        """Copy the passages of the versions that are there; gives how many, by document."""
        copied: Counter[str] = Counter()
        self._write(self.target.passages, self._passages(group, copied), name)
        return copied

    def _passages(self, group: Sequence[StoredSource], copied: Counter[str]) -> Iterator[Point]:
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
            document = str(own.get("document"))
            if versions.get(document) == own.get("version"):
                copied[document] += 1
                yield Point(each.id, each.vectors, each.payload)

    def _lacks(self, stored: StoredSource) -> bool:
        """Whether passages of a document that were written are not there."""
        entry = ManifestEntry.of_stored(stored, fingerprint=self.fingerprint)
        return count_version(stored.source, entry, self.target) < stored.passages

    def _fail(self, source: str, reason: str) -> None:
        self.failed[source] = reason
        take_back(source, self.fingerprint, place=self.target)

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
