"""The manifest: what is there, and what is under way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.store.manifest import Manifest, ManifestEntry
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.store.fakes import make_document
from tests.stores import ENCODER

ENTRIES = st.builds(
    ManifestEntry,
    source=st.text(),
    content_hash=st.text(),
    fingerprint=st.text(),
    passages=st.integers(0),
    state=st.sampled_from(["writing", "stored", "deleting"]),
)


def entry(source: str, **changes: object) -> ManifestEntry:
    """An entry of a document."""
    made = ManifestEntry(
        source=source, content_hash="h", fingerprint="f", passages=1, state="stored"
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: ManifestEntry) -> None:
    """Payloads hold everything, and the id of the document's point beside it."""
    payload = entry.to_payload()
    assert ManifestEntry.from_payload(payload) == entry
    assert payload["point_id"] == entry.document_id == document_id(entry.source)


def test_entries_are_written_replaced_and_removed(store: DocumentStore) -> None:
    """One entry per source; removing what is not there does nothing."""
    manifest = Manifest(store.place)
    assert manifest.entries() == {}
    manifest.put([entry("/a"), entry("/b", state="deleting")])
    manifest.put([entry("/a", state="writing", content_hash="new")])
    assert manifest.entries() == {
        "/a": entry("/a", state="writing", content_hash="new"),
        "/b": entry("/b", state="deleting"),
    }
    manifest.remove(["/a", "/never-there"])
    assert list(manifest.entries()) == ["/b"]
    manifest.put([])
    manifest.remove([])
    assert list(manifest.entries()) == ["/b"]


def test_pages_hold_everything_together(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More entries than fit into a request are written, read and removed."""
    monkeypatch.setattr("longembed_rag.points.port._PAGE", 2)
    manifest = Manifest(store.place)
    entries = {f"/{number}": entry(f"/{number}") for number in range(5)}
    manifest.put(entries.values())
    assert manifest.entries() == entries
    manifest.remove([f"/{number}" for number in range(3)])
    assert sorted(manifest.entries()) == ["/3", "/4"]


def test_a_written_document_is_in_the_manifest(store: DocumentStore) -> None:
    """Its entry tells its version, what made its vectors, and that it is there whole."""
    first, second = (make_document("/a.txt", text) for text in ("one two", "1 2 3 4 5 6 7 8 9"))
    for document, passages in ((first, 1), (second, 3)):
        store.upsert(document)
        assert store.entries() == {
            "/a.txt": ManifestEntry(
                source="/a.txt",
                content_hash=document.content_hash,
                fingerprint=ENCODER.fingerprint,
                passages=passages,
                state="stored",
            )
        }
    store.delete(["/a.txt"])
    assert store.entries() == {}


def test_the_manifest_is_written_before_anything_else(
    store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is under way before a point is touched, and afterwards that it is done."""
    written: list[str] = []
    for name in ("write", "delete"):
        method = getattr(store.place.points, name)

        def told(collection: str, given: Any, *, method: Any = method, **named: Any) -> None:
            given = given if hasattr(given, "must") else list(given)
            noted = collection.endswith("manifest") and not isinstance(given[0], str)
            states = [point.payload["state"] for point in given] if noted else []
            written.append(" ".join([collection.removeprefix("documents"), *states]).strip())
            method(collection, given, **named)

        monkeypatch.setattr(store.place.points, name, told)
    store.upsert(make_document("/a.txt", "one two"))
    assert written == [".manifest writing", ".passages", "", ".manifest stored"]
    written.clear()
    store.upsert(make_document("/a.txt", "three"))
    assert written == [".manifest writing", ".passages", "", ".passages", ".manifest stored"]
    written.clear()
    store.delete(["/a.txt"])
    assert written == [".manifest deleting", "", ".passages", ".manifest"]
