"""A library of tenants: files and texts that say whose they are, and who may see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from longembed_rag import Document
from longembed_rag.errors import CollectionMismatchError, SettingsError
from tests.library.conftest import Open
from tests.store.fakes import FakeEncoder


def test_files_say_whose_they_are(opened: Open, folder: Path, encoder: FakeEncoder) -> None:
    """In their front matter; those that do not are told by name, and not embedded."""
    (folder / "mine.md").write_text("---\ntenant: acme\n---\n\nThe lease was signed.\n")
    (folder / "other.md").write_text("---\ntenant: 7\n---\n\nThe lease was burnt.\n")
    with opened(tenant_field="tenant") as library:
        report = library.ingest(folder)
        assert report.added == 2
        assert sorted(Path(each.source).name for each in report.failed) == [
            "garden.txt",
            "lease.txt",
        ]
        assert all("has nothing as 'tenant'" in each.reason for each in report.failed)
        names = {Path(each).name for each in encoder.encoded}
        assert names == {"mine.md", "other.md"}
        (hit,) = library.search("the lease", filter="tenant=acme")
        assert hit.metadata["file_name"] == "mine.md"
        found = library.search(["the lease", "burnt"], filter={"tenant": 7}, mode="sparse")
        assert [[each.metadata["file_name"] for each in answer] for answer in found] == [
            ["other.md"],
            ["other.md"],
        ]
        (folder / "other.md").write_text("---\ntenant: acme\n---\n\nThe lease was burnt.\n")
        assert library.ingest(folder).updated == 1
        assert len(library.search("the lease", filter="tenant=acme")) == 2
        assert library.search("the lease", filter="tenant=7") == []
        assert library.verify().findings == ()


def test_what_needs_a_tenant_and_what_does_not(opened: Open, encoder: FakeEncoder) -> None:
    """A search is refused before a model is asked; who runs the collection sees all of it."""
    with opened(tenant_field="who") as library:
        library.add([Document(id=n, text=f"The {n}.", metadata={"who": n}) for n in ("a", "b")])
        read = len(encoder.encoded)
        for ask in (
            lambda: library.search("the"),
            lambda: library.search(["the"], filter="n=1"),
            lambda: library.facets(),
            lambda: library.require_tenant("who!=a"),
        ):
            with pytest.raises(SettingsError, match=r"who=NAME \(--filter, filter=\)"):
                ask()
        assert len(encoder.encoded) == read
        library.require_tenant("who=a")
        # It moves to another one without being embedded again.
        library.add(Document(id="b", text="The b.", metadata={"who": "a"}))
        assert library.facets(filter="who=a").documents == 2
        library.add(Document(id="b", text="The b.", metadata={"who": "b"}))
        assert len(encoder.encoded) == read
        assert library.facets(filter="who=a").documents == 1
        assert [each.source for each in library.all_documents(filter="who=b")] == ["b"]
        assert len(library.documents(filter="who=a|b").documents) == 2
        assert len(library.documents().documents) == 2
        told: Any = library.get(["a", "b"], filter="who=a")
        assert [each and each.source for each in told] == ["a", None]
        assert library.get("b") is not None
        assert library.info().options.tenant_field == "who"


def test_get_takes_any_filter(library: Any) -> None:
    """Of a collection without tenants, too."""
    library.add([Document(id=n, text="x", metadata={"n": n}) for n in ("a", "b")])
    assert [each and each.source for each in library.get(["b", "a"], filter="n=b")] == ["b", None]
    library.require_tenant(None)


def test_it_is_said_when_the_collection_is_made(opened: Open) -> None:
    """Not beside shards, and not of one that is there without."""
    with pytest.raises(SettingsError, match="tenant_field='who' beside shards=2"):
        opened(tenant_field="who", shards=2)
    with opened() as library:
        library.add(Document(id="a", text="x", metadata={"who": "a"}))
    with opened(tenant_field="who") as library:
        with pytest.raises(CollectionMismatchError, match="tenant_field is None in the collection"):
            library.add(Document(id="b", text="y", metadata={"who": "b"}))
        assert library.search("x")
