"""Where a store's three collections are, and how they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longembed_rag.store.values import manifest_collection, passages_collection

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from longembed_rag.points.gateway import Gateway


@dataclass(frozen=True)
class Place:
    """The documents, their passages and the manifest of both.

    Attributes:
        client: A ``QdrantClient``, or what has its methods.
        gateway: How to call it.
        documents: Name of the collection of documents, from which the others' follow.
    """

    client: QdrantClient
    gateway: Gateway
    documents: str

    @property
    def passages(self) -> str:
        """Name of the collection of passages."""
        return passages_collection(self.documents)

    @property
    def manifest(self) -> str:
        """Name of the collection that is the manifest."""
        return manifest_collection(self.documents)
