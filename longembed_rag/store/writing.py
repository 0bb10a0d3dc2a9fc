"""Writing documents and removing them, so that a kill at any moment loses and repeats nothing.

A document's passages are written first, under ids that no other version of it has; then its own
point, which is the moment in which the new version takes the place of the old one; then the old
version's passages are removed. The manifest says beforehand what is under way, and
:mod:`longembed_rag.store.recovery` finishes or undoes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from longembed_rag.errors import (
    CollectionNotFoundError,
    PointRefusedError,
    StoreError,
    WriteError,
)
from longembed_rag.points.filters import Filter, matches
from longembed_rag.points.port import NOT_FOUND, Failure
from longembed_rag.store.frequencies.postings import postings_point
from longembed_rag.store.listing import find_stored
from longembed_rag.store.making import (
    DocumentTerms,
    document_point,
    passage_points,
    require_writable,
)
from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.payload import (
    PASSAGE_DOCUMENT_KEY,
    PASSAGE_VERSION_KEY,
    read_stored_source,
)
from longembed_rag.store.values import document_id
from longembed_rag.words.lengths import TermCounts

if TYPE_CHECKING:
    from longembed_rag.points.values import Point
    from longembed_rag.store.place import Place
    from longembed_rag.store.values import CollectionRecord, IndexedDocument

_PAGE = 1000  # ids per request
# A server's answers that are about this one point: bad request, too large, not understood.
_ABOUT_THE_POINT = (400, 413, 422)


@dataclass(frozen=True)
class Prepared:
    """A document that can be written.

    Attributes:
        passages: Its passages as points.
        own: Its own point.
        entry: What the manifest has of it while it is written.
    """

    passages: Sequence[Point]
    own: Point
    entry: ManifestEntry

    @classmethod
    def of(
        cls,
        document: IndexedDocument,
        terms: DocumentTerms,
        counts: TermCounts,
        *,
        record: CollectionRecord,
        place: Place,
    ) -> Prepared:
        """A document as points; nothing is sent.

        Args:
            document: The document.
            terms: Its terms.
            counts: How many, and the averages to weigh them by.
            record: What the collection says of itself.
            place: Where it goes.

        Raises:
            PointRefusedError: It cannot be written as it is.
        """
        require_writable(document)
        points = list(passage_points(document, terms, counts, record.options))
        own = document_point(document, terms, counts, record.options, passages=points)
        # Before anything is sent, so that a point over the limit is refused with nothing written.
        place.points.require_room(own, source=document.source)
        entry = ManifestEntry(
            source=document.source,
            content_hash=document.content_hash,
            fingerprint=record.fingerprint,
            passages=len(document.passages),
            state="writing",
        )
        return cls(points, own, entry)

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self.entry.source

    def postings(self) -> Point:
        """Its terms, as they are kept where words are counted."""
        stored = read_stored_source(self.own.payload)
        assert stored is not None
        return postings_point(stored, self.own.vectors, (each.vectors for each in self.passages))


def write_document(
    document: Prepared, *, record: CollectionRecord, place: Place, earlier: ManifestEntry | None
) -> ManifestEntry:
    """Write a document with its passages; see :meth:`DocumentStore.upsert`.

    Args:
        document: The document.
        record: What the collection says of itself.
        place: Where it goes.
        earlier: What the manifest has of it.

    Returns:
        What the manifest has of it now.
    """
    source, entry, points = document.source, document.entry, document.passages
    manifest, failure = Manifest(place), not_written(source, place)
    manifest.put([entry], failure=failure)
    try:
        if record.frequencies:
            _upsert(place.words, [document.postings()], source, place)
        _upsert(place.passages, points, source, place)
        _upsert(place.documents, [document.own], source, place)
        if not place.points.embedded and count_version(source, entry, place) < entry.passages:
            # Somebody else took the half-written document for what a killed process had left.
            _upsert(place.passages, points, source, place)
    except PointRefusedError:
        take_back(source, record.fingerprint, place=place)
        raise
    if earlier is not None:
        remove_other_versions(source, entry.content_hash, place=place)
    stored = replace(entry, state="stored")
    manifest.put([stored], failure=failure)
    return stored


def write_together(
    documents: Sequence[Prepared],
    *,
    record: CollectionRecord,
    place: Place,
    earlier: Collection[str],
) -> None:
    """Write documents that nobody else has in hand, in as few requests as they fit in.

    Args:
        documents: The documents.
        record: What the collection says of itself.
        place: Where they go.
        earlier: Sources of those that the manifest has something of.

    Raises:
        PointRefusedError: One of them is refused; some may be written, and all can be once more.
        WriteError: They could not be written.
    """
    name = documents[0].source if len(documents) == 1 else f"{len(documents)} documents"
    manifest, failure = Manifest(place), not_written(name, place)
    manifest.put((each.entry for each in documents), failure=failure)
    if record.frequencies:
        _upsert(place.words, (each.postings() for each in documents), name, place)
    _upsert(place.passages, (point for each in documents for point in each.passages), name, place)
    _upsert(place.documents, (each.own for each in documents), name, place)
    for each in documents:
        if each.source in earlier:
            remove_other_versions(each.source, each.entry.content_hash, place=place)
    manifest.put((replace(each.entry, state="stored") for each in documents), failure=failure)


def count_version(source: str, entry: ManifestEntry, place: Place) -> int:
    """How many passages of a document there are of the version that an entry tells."""
    selected = of_documents([document_id(source)], version=entry.content_hash)
    return place.points.count(
        place.passages, matching=selected, what=f"counting the passages of {source}"
    )


def take_back(source: str, fingerprint: str, *, place: Place) -> None:
    """Leave what is there, or nothing, where a new version was refused on the way.

    Args:
        source: The document.
        fingerprint: Of the settings that made its vectors.
        place: Where it is.
    """
    there = find_stored(source, place=place)
    remove_other_versions(source, None if there is None else there.content_hash, place=place)
    if there is None:
        Manifest(place).remove([source])
    else:
        Manifest(place).put([ManifestEntry.of_stored(there, fingerprint=fingerprint)])


def not_written(source: str, place: Place) -> Failure:
    """What is raised where something of a document could not be written."""

    def failure(told: str, status: int | None) -> StoreError:
        if status in _ABOUT_THE_POINT:
            return PointRefusedError(f"{source} was not written: {told}")
        if status == NOT_FOUND:
            return CollectionNotFoundError(
                f"{source} was not written: a collection of {place.documents!r} is not at "
                f"{place.location} ({told})"
            )
        return WriteError(
            f"{source} was not confirmed as written: {told}. Every document that was "
            "reported before it is written; run the same again to go on"
        )

    return failure


def _upsert(name: str, points: Iterable[Point], source: str, place: Place) -> None:
    what = f"writing {source}"
    place.points.write(name, points, what=what, failure=not_written(source, place))


def remove_other_versions(source: str, version: str | None, *, place: Place) -> None:
    """Remove the passages of a document but those of one version; all of them for None."""
    remove_passages_of(document_id(source), but=version, place=place)


def remove_passages_of(document: str, *, but: str | None, place: Place) -> None:
    """Remove passages of a document.

    Args:
        document: Id of its point.
        but: The version to keep; None keeps none.
        place: Where they are.

    Raises:
        WriteError: They could not be removed.
    """
    kept = None if but is None else [matches(PASSAGE_VERSION_KEY, but)]
    chosen = Filter(must=of_documents([document]).must, must_not=kept)
    _delete(place.passages, chosen, place, "removing passages of an earlier version")


def delete_documents(sources: Iterable[str], *, place: Place) -> None:
    """Remove documents and their passages; see :meth:`DocumentStore.delete`."""
    remaining = iter(sources)
    manifest = Manifest(place)
    entries = manifest.entries()
    done = 0
    while page := list(islice(remaining, _PAGE)):
        known = [entries[source] for source in page if source in entries]
        ids = [document_id(source) for source in page]
        what = f"removing documents, after {done},"
        failure = _not_removed(what)
        manifest.put((replace(entry, state="deleting") for entry in known), failure=failure)
        _delete(place.documents, ids, place, what)
        _delete(place.passages, of_documents(ids), place, what)
        manifest.remove(page, failure=failure)
        done += len(page)


def of_documents(ids: Sequence[str], *, version: str | None = None) -> Filter:
    """The passages of documents, by the ids of their points; of one version, or of all."""
    conditions = [matches(PASSAGE_DOCUMENT_KEY, *ids)]
    if version is not None:
        conditions.append(matches(PASSAGE_VERSION_KEY, version))
    return Filter(must=conditions)


def _not_removed(what: str) -> Failure:
    """What is raised where something could not be removed."""

    def failure(told: str, status: int | None) -> StoreError:
        return WriteError(f"{what} failed: {told}; run the same again to go on")

    return failure


def _delete(name: str, which: Sequence[str] | Filter, place: Place, what: str) -> None:
    place.points.delete(name, which, what=what, failure=_not_removed(what))
