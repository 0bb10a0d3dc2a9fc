"""Where a store's three collections are, and how they are laid out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from longembed_rag.points.narrowed import NarrowedPoints
from longembed_rag.points.values import TENANT_INDEX, Layout, StorageOptions
from longembed_rag.store.kept import Kept, Latest
from longembed_rag.store.payload import (
    BUCKET_KEY,
    DELETE_KEY,
    FOLDERS_KEY,
    OWN_KEY,
    PASSAGE_DOCUMENT_KEY,
    PASSAGE_VERSION_KEY,
)
from longembed_rag.store.tenants import TENANT
from longembed_rag.store.values import (
    DENSE_VECTOR,
    PAIRS_VECTOR,
    TERMS_VECTOR,
    manifest_collection,
    passages_collection,
    words_collection,
)

if TYPE_CHECKING:
    from longembed_rag.points.port import Points

#: Metadata that readers of files give and people filter by.
_FILTERED = {
    "source": ("keyword",),
    FOLDERS_KEY: ("keyword",),
    "file_name": ("keyword",),
    "file_type": ("keyword",),
    "last_modified": ("datetime",),
}
#: Whose a document or passage is, where there are tenants.
TENANT_KEY = f"{OWN_KEY}.{TENANT}"
TENANT_INDEXES = {TENANT_KEY: (TENANT_INDEX,)}
#: Payload indexes of each collection: field and kinds.
DOCUMENT_INDEXES = {DELETE_KEY: ("keyword",), BUCKET_KEY: ("integer",), **_FILTERED}
PASSAGE_INDEXES = {
    PASSAGE_DOCUMENT_KEY: ("keyword",),
    PASSAGE_VERSION_KEY: ("keyword",),
    BUCKET_KEY: ("integer",),
    **_FILTERED,
}


@dataclass(frozen=True)
class Place:
    """The documents, their passages and the manifest of both.

    Attributes:
        points: What keeps their points.
        documents: Name of the collection of documents, from which the others' follow.
        kept: What searches know of it, and need not ask for again.
        views: What there is of single tenants.
    """

    points: Points
    documents: str
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)
    views: Latest[Place] = field(default_factory=Latest, compare=False, repr=False)

    @property
    def passages(self) -> str:
        """Name of the collection of passages."""
        return passages_collection(self.documents)

    @property
    def manifest(self) -> str:
        """Name of the collection that is the manifest."""
        return manifest_collection(self.documents)

    @property
    def words(self) -> str:
        """Name of the collection that keeps how often words occur, where the store cannot tell."""
        return words_collection(self.documents)

    @property
    def location(self) -> str:
        """Folder or address, for messages."""
        return self.points.location

    def of_tenant(self, tenant: str) -> Place:
        """What is a tenant's of it, to be read, with what searches know of that alone.

        Args:
            tenant: The tenant's name, as documents carry it.
        """

        def make() -> Place:
            names = frozenset({self.documents, self.passages})
            view = NarrowedPoints(self.points, names, TENANT_KEY, tenant)
            return Place(view, self.documents)

        return self.views.get((self.documents, tenant), make)

    def remarks(self) -> tuple[str, ...]:
        """What is to be known of answers from here: which replicas are missing on a server.

        A server is asked at most once in ten seconds, and only where there are replicas.
        """
        served = self.points.served
        missing = None if served is None else served.missing([self.documents, self.passages])
        return () if missing is None else (missing.told,)


def documents_layout(dimension: int, storage: StorageOptions, *, keeps_words: bool) -> Layout:
    """The vector of a whole document, its terms and its word pairs.

    Args:
        dimension: Length of the vector.
        storage: How a server is to keep them.
        keeps_words: Whether how rare words are is counted beside them, and the store is not to.
    """
    return Layout(
        dense={DENSE_VECTOR: dimension},
        sparse=(TERMS_VECTOR, PAIRS_VECTOR),
        weighs_rarity=not keeps_words,
        storage=storage,
    )


def passages_layout(dimension: int, storage: StorageOptions, *, keeps_words: bool) -> Layout:
    """The vector of a passage and its terms; arguments as of :func:`documents_layout`."""
    return Layout(
        dense={DENSE_VECTOR: dimension},
        sparse=(TERMS_VECTOR,),
        weighs_rarity=not keeps_words,
        storage=storage,
    )


def manifest_layout(storage: StorageOptions) -> Layout:
    """No vectors; one shard, with as many replicas as the others."""
    return Layout(storage=replace(storage, shards=None))
