"""Facets: what documents could be narrowed down to, each with how many there are."""

from __future__ import annotations

from typing import Any

import pytest

from longembed_rag.search.filters import as_filter
from longembed_rag.store.facets import count_facets
from longembed_rag.store.store import DocumentStore
from tests.store.fakes import make_document

DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("/reports/a.pdf", {"file_type": "pdf", "last_modified": "2024-05-01T00:00:00+00:00"}),
    ("/reports/b.pdf", {"file_type": "pdf", "last_modified": "2025-01-31T00:00:00+00:00"}),
    ("/notes/c.md", {"file_type": "md", "last_modified": "2025-12-31T00:00:00+00:00"}),
    ("minutes-7", {}),
    ("odd", {"file_type": 7, "last_modified": ["2023"]}),
]


@pytest.fixture
def filled(store: DocumentStore) -> DocumentStore:
    for source, metadata in DOCUMENTS:
        store.upsert(make_document(source, f"text of {source}", metadata=metadata))
    return store


def test_values_are_counted(filled: DocumentStore) -> None:
    """Types, folders and years come with how many have them, in an order that can be shown."""
    found = count_facets(filled.place)
    assert found.documents == 5
    assert list(found.types.items()) == [("pdf", 2), ("md", 1)]
    assert list(found.folders.items()) == [("/reports", 2), ("/notes", 1)]
    assert list(found.years.items()) == [("2025", 2), ("2024", 1)]
    assert found.to_dict()["types"] == found.types


def test_a_filter_narrows_what_is_counted(filled: DocumentStore) -> None:
    """Only documents that fulfil it count."""
    matching = as_filter("file_type=pdf")
    filled.make_filterable(matching)
    found = count_facets(filled.place, matching=matching)
    assert (found.documents, found.types) == (2, {"pdf": 2})
    assert found.folders == {"/reports": 2}
