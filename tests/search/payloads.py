"""Payloads to filter, in a collection, and which of them a filter lets through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from longembed_rag.points.filters import AnyFilter, to_models

NAME = "documents"
PAYLOADS: list[dict[str, Any]] = [
    {
        "file_type": "pdf",
        "file_name": "lease.pdf",
        "title": "The Lease of a house",
        "page_count": 10,
        "last_modified": "2026-01-01T12:30:15+00:00",
        "draft": True,
        "tags": ["law", "house"],
    },
    {
        "file_type": "docx",
        "file_name": "draft.md",
        "title": "Released|a|b",
        "page_count": "10",
        "last_modified": "2025-12-31T23:59:59+00:00",
        "draft": "true",
        "tags": ["house"],
        "inner": {"a b": 1},
    },
    {
        "file_type": "text/plain",
        "page_count": 20,
        "last_modified": "2026-01-02T00:00:00+00:00",
        "draft": False,
        "inner": {"code": "007"},
        "rating": 1.5,
    },
    {"title": "", "page_count": 10.0, "tags": [], "path": "x", "rating": 1, "big": 2**60 + 1},
]


@pytest.fixture(scope="module")
def client() -> Iterator[QdrantClient]:
    """The payloads above as points 0 to 3."""
    client = QdrantClient(":memory:")
    fill(client, PAYLOADS)
    yield client
    client.close()


def fill(client: QdrantClient, payloads: list[dict[str, Any]]) -> None:
    """Make the collection with a point for each payload."""
    client.create_collection(NAME, vectors_config={})
    client.upsert(
        NAME,
        [
            models.PointStruct(id=number, vector={}, payload=payload)
            for number, payload in enumerate(payloads)
        ],
    )


def found(client: QdrantClient, given: AnyFilter | None) -> set[int]:
    """Ids of the points that a filter lets through."""
    return {int(point.id) for point in client.scroll(NAME, to_models(given), limit=100)[0]}
