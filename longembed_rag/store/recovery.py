"""Finishing or undoing what a process that was killed had begun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.values import StoredSource
from longembed_rag.store.writing import delete_documents, remove_other_versions

if TYPE_CHECKING:
    from longembed_rag.store.place import Place


def recover(
    entries: Mapping[str, ManifestEntry],
    stored: Mapping[str, StoredSource],
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
        entries: The manifest, by source.
        stored: The documents that are there, by source.
        fingerprint: Of the settings that made their vectors.
        place: Where they are.
        theirs: Documents that others have in hand, which are left to them.

    Returns:
        The documents that were put right, by source.
    """
    manifest = Manifest(place)
    entries = {source: entry for source, entry in entries.items() if source not in theirs}
    stored = {source: each for source, each in stored.items() if source not in theirs}
    unfinished = [entry for entry in entries.values() if entry.state != "stored"]
    deleting = [entry.source for entry in unfinished if entry.state == "deleting"]
    delete_documents(deleting, place=place)
    for entry in unfinished:
        there = stored.get(entry.source)
        if entry.state == "writing" and there is not None:
            remove_other_versions(entry.source, there.content_hash, place=place)
    lost = sorted(set(entries) - set(stored) - set(deleting))
    for source in lost:
        remove_other_versions(source, None, place=place)
    manifest.remove(lost)
    true = {
        source: ManifestEntry.of_stored(each, fingerprint=fingerprint)
        for source, each in stored.items()
        if source not in deleting
    }
    wrong = [entry for source, entry in true.items() if entries.get(source) != entry]
    manifest.put(wrong)
    return list(dict.fromkeys([*deleting, *lost, *(entry.source for entry in wrong)]))
