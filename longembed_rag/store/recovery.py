"""Finishing or undoing what a process that was killed had begun."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.values import StoredSource
from longembed_rag.store.writing import delete_documents, remove_other_versions

if TYPE_CHECKING:
    from longembed_rag.store.place import Place


def recover(
    entries: dict[str, ManifestEntry],
    stored: Iterable[StoredSource],
    *,
    fingerprint: str,
    place: Place,
    theirs: frozenset[str] = frozenset(),
) -> list[str]:
    """Bring manifest, documents and passages back in step with each other.

    A document that was being written when its process was killed is either there, because its
    own point was written, or not; passages of the other version go. One that was being removed
    is removed. What the manifest has not noted is noted, and of a document that somebody else
    has removed the rest is removed.

    Args:
        entries: The manifest, by source, read before the documents are listed; what is found among
            the documents is taken out of it.
        stored: The documents that are there.
        fingerprint: Of the settings that made their vectors.
        place: Where they are.
        theirs: Documents that others have in hand, which are left to them.

    Returns:
        The documents that were put right, by source.
    """
    manifest = Manifest(place)
    for source in theirs:
        entries.pop(source, None)
    deleting = [each.source for each in entries.values() if each.state == "deleting"]
    delete_documents(deleting, place=place)
    for source in deleting:
        del entries[source]
    done, wrong = frozenset(deleting) | theirs, list[ManifestEntry]()
    for each in stored:
        if each.source in done:
            continue
        entry = entries.pop(each.source, None)
        if entry is not None and entry.state == "writing":
            remove_other_versions(each.source, each.content_hash, place=place)
        true = ManifestEntry.of_stored(each, fingerprint=fingerprint)
        if entry != true:
            wrong.append(true)
    lost = sorted(entries)
    for source in lost:
        remove_other_versions(source, None, place=place)
    manifest.remove(lost)
    manifest.put(wrong)
    return [*deleting, *lost, *(entry.source for entry in wrong)]
