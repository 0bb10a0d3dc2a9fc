"""LongVectorStore: LlamaIndex's own Qdrant store, over a library's collection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.qdrant import QdrantVectorStore

from longembed_rag.errors import CollectionNotFoundError
from longembed_rag.library.library import Library
from longembed_rag.points.filters import (
    FieldCondition,
    Filter,
    Range,
    combine,
    matches,
    to_models,
)
from longembed_rag.search.filters import as_filter
from longembed_rag.search.rarity import rarities_of
from longembed_rag.search.requests import only
from longembed_rag.search.steps import run_together
from longembed_rag.search.tenants import require_no_tenants
from longembed_rag.store.listing import read_page
from longembed_rag.store.making import DocumentTerms, analyse
from longembed_rag.store.payload import BUCKET_KEY, DELETE_KEY
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.store.writer import Writer
from longembed_rag.words.terms import (
    QueryVector,
    TermVector,
    document_vector,
    query_vector,
    words_and_pairs_vector,
)

if TYPE_CHECKING:
    from llama_index.vector_stores.qdrant.utils import HybridFusionCallable
    from qdrant_client import models

    from longembed_rag.points.filters import AnyFilter

Result = TypeVar("Result")
_SparseVectors = tuple[list[list[int]], list[list[float]]]
# What the documents of the library have, and nodes have not.
_OWN = Filter(must=[FieldCondition(BUCKET_KEY, range=Range(gte=0))])
# A client takes a filter without conditions for none, and a server removes nothing without one.
_ALL = Filter(must_not=[only([])])


class LongVectorStore(QdrantVectorStore):  # type: ignore[misc, unused-ignore]
    """LlamaIndex's ``QdrantVectorStore`` over a library's collection, for meaning and words.

    It finds the library's documents, and the library finds the nodes that are added here, by
    vector and by words. Beyond what ``QdrantVectorStore`` does:

    - ``"hybrid"`` and ``"sparse"`` compare the words that the library compares.
    - Filters take every operator of LlamaIndex, and mean what they mean in ``Library.search``:
      ``NE`` and ``NIN`` let through what lacks the field.
    - The async methods work with any engine, each on a thread.
    - What is deleted is deleted whole, a document of the library with its passages; ``clear``
      takes everything out and leaves the collection.

    Nodes need embeddings of the library's own model (``LongEmbedding.from_encoder(
    library.encoder)``), and UUIDs as ids. They have no passages, are not listed by
    ``Library.documents``, and no ingest touches them.

    Args:
        library: The collection, which is made now if there is none; it stays open.
        batch_size: Nodes per request; a server takes at most 32 MiB.
        hybrid_fusion_fn: Fuses what vectors and words have found; None takes LlamaIndex's own.

    Raises:
        CollectionMismatchError: The collection was not made by this package.
        SettingsError: It keeps tenants apart.
        StoreError: It cannot be made or read.

    Example:
        >>> with Library.open(".longembed") as library:
        ...     embedding = LongEmbedding.from_encoder(library.encoder)
        ...     store = LongVectorStore(library)
        ...     index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
        ...     found = index.as_retriever(vector_store_query_mode="hybrid").retrieve("the lease")
    """

    _library: Library = PrivateAttr()
    _turns: AbstractContextManager[Any] = PrivateAttr()

    def __init__(
        self,
        library: Library,
        *,
        batch_size: int = 8,
        hybrid_fusion_fn: HybridFusionCallable | None = None,
    ) -> None:
        try:
            library.store.existing_record()
        except CollectionNotFoundError:
            library.add([])
        require_no_tenants(library.store.existing_record(), library.collection)
        super().__init__(
            library.store.collection,
            client=library.store.client,
            batch_size=batch_size,
            enable_hybrid=True,
            sparse_doc_fn=partial(_weighed, library),
            sparse_query_fn=partial(_counted, library),
            hybrid_fusion_fn=hybrid_fusion_fn,
            dense_vector_name=DENSE_VECTOR,
            sparse_vector_name=TERMS_VECTOR,
        )
        self._library = library
        # Qdrant's local mode is not made for several threads.
        self._turns = Lock() if library.engine == "local" else nullcontext()

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "LongVectorStore"

    @property
    def library(self) -> Library:
        """The collection."""
        return self._library

    def add(
        self, nodes: Sequence[BaseNode], shard_identifier: Any = None, **options: Any
    ) -> list[str]:
        """Add nodes with their embeddings, in place of what has their ids.

        Args:
            nodes: The nodes.
            shard_identifier: Ignored, here as below: a collection has one shard.
            **options: Ignored, likewise.

        Returns:
            Their ids.

        Raises:
            ValueError: A node has no embedding, or one of another length, or an id that is no UUID.
            StoreError: The collection cannot be read.
        """
        replaced = self._own(only([node.node_id for node in nodes])) if nodes else []
        added: list[str] = super().add(list(nodes))
        if replaced:
            self._library.remove(replaced)  # their points are gone: their passages
        return added

    def delete(self, ref_doc_id: str, shard_identifier: Any = None, **options: Any) -> None:
        """Remove the nodes of a document, and the library's document that has this source.

        Args:
            ref_doc_id: The id of the document.
            shard_identifier: Ignored.
            **options: Ignored.

        Raises:
            StoreError: They could not be removed.
        """
        self._remove(Filter(must=[matches(DELETE_KEY, ref_doc_id)]))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        shard_identifier: Any = None,
        **options: Any,
    ) -> None:
        """Remove nodes, and documents of the library; all of them unless told which.

        Args:
            node_ids: Their ids; None for all.
            filters: What they have to fit, too; None lets all through.
            shard_identifier: Ignored.
            **options: Ignored.

        Raises:
            SettingsError: A filter cannot be understood.
            StoreError: They could not be removed.
        """
        chosen = None if node_ids is None else only(node_ids)
        self._remove(combine(chosen, self._filterable(filters)))

    def clear(self) -> None:
        """Remove every node and document; the collection, with its settings, stays."""
        self.delete_nodes()

    async def async_add(
        self, nodes: Sequence[BaseNode], shard_identifier: Any = None, **options: Any
    ) -> list[str]:
        """:meth:`add` on another thread."""
        return await self._on_a_thread(self.add, nodes)

    async def adelete(self, ref_doc_id: str, shard_identifier: Any = None, **options: Any) -> None:
        """:meth:`delete` on another thread."""
        await self._on_a_thread(self.delete, ref_doc_id)

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        shard_identifier: Any = None,
        **options: Any,
    ) -> None:
        """:meth:`delete_nodes` on another thread."""
        await self._on_a_thread(self.delete_nodes, node_ids, filters)

    async def aclear(self) -> None:
        """:meth:`clear` on another thread."""
        await self._on_a_thread(self.clear)

    async def aget_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        limit: int | None = None,
        shard_identifier: Any = None,
    ) -> list[BaseNode]:
        """``get_nodes`` on another thread."""
        get: Callable[..., list[BaseNode]] = self.get_nodes
        return await self._on_a_thread(get, node_ids, filters, limit)

    async def aquery(self, query: VectorStoreQuery, **options: Any) -> VectorStoreQueryResult:
        """``query`` on another thread."""
        return await self._on_a_thread(self.query, query, **options)

    async def _on_a_thread(
        self, method: Callable[..., Result], *arguments: Any, **options: Any
    ) -> Result:
        def run() -> Result:
            with self._turns:
                return method(*arguments, **options)

        return await asyncio.to_thread(run)

    def _build_points(
        self, nodes: list[BaseNode], sparse_vector_name: str
    ) -> tuple[list[Any], list[str]]:
        """The points that LlamaIndex's store writes, with what the library's hybrid compares."""
        from qdrant_client import models

        points, ids = super()._build_points(nodes, sparse_vector_name)
        texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
        terms, average = _terms(self._library, texts)
        for point, each in zip(points, terms, strict=True):
            vector = words_and_pairs_vector(
                each.stems, length=len(each.stems), average=average, counts=each.counts
            )
            if len(vector):
                (indices,), (values,) = _listed([vector])
                point.vector[PAIRS_VECTOR] = models.SparseVector(indices=indices, values=values)
        return points, ids

    def _build_subfilter(self, filters: MetadataFilters) -> models.Filter:
        """The filter that LlamaIndex's store asks with, here for every operator.

        It stands as one condition, so that ids which are asked for beside it have to fit, too.
        """
        made = self._filterable(filters)
        whole: models.Filter = to_models(Filter(must=None if made is None else [made]))
        return whole

    def _filterable(self, filters: MetadataFilters | None) -> AnyFilter | None:
        made = as_filter(filters, name="filters")
        self._library.store.make_filterable(made)
        return made

    def _remove(self, chosen: AnyFilter | None) -> None:
        own = self._own(chosen)
        if own:
            self._library.remove(own)
        place = self._library.store.place
        place.points.delete(place.documents, chosen or _ALL, what="removing nodes")

    def _own(self, chosen: AnyFilter | None) -> list[str]:
        """The sources of the library's documents among what a filter lets through."""
        return [each.source for each in self._library.all_documents(filter=chosen)]


def _weighed(library: Library, texts: Sequence[str]) -> _SparseVectors:
    """The words of nodes, with BM25's weights."""
    options = library.store.existing_record().options
    terms, average = _terms(library, texts)
    by = {"average": average, "k1": options.k1, "b": options.b}
    return _listed([document_vector(e.counts, length=len(e.stems), **by) for e in terms])


def _terms(library: Library, texts: Sequence[str]) -> tuple[list[DocumentTerms], float]:
    """The words of nodes, and the average length to compare theirs with.

    It is the one that a document of the library was weighed by, which an ingest keeps close to the
    true one. Nodes do not count in that average, as they do not for the library; while there are
    none but nodes, length is left out.
    """
    store = library.store
    record = store.existing_record()
    page = read_page(store.place, limit=1, matching=_OWN)
    average = page.documents[0].counts.average if page.documents else 0.0
    writer = Writer(store.place, record)
    found = [analyse(text, (), analyzer=writer.analyzer_of(text, {})) for text in texts]
    if writer.record != record:
        store.record()  # has one language more now
    return found, average


def _counted(library: Library, texts: Sequence[str]) -> _SparseVectors:
    """The words of queries, each as often as it is said, or as rare as the store cannot tell."""
    record, place = library.store.existing_record(), library.store.place
    words = [record.query_words(text) for text in texts]
    vectors = [query_vector(each.weights) for each in words]
    if record.frequencies:
        rarities = run_together([rarities_of(each, place) for each in words], place)
        vectors = [r.documents.weighed(v) for r, v in zip(rarities, vectors, strict=True)]
    return _listed(vectors)


def _listed(vectors: Sequence[TermVector | QueryVector]) -> _SparseVectors:
    return [[*map(int, v.indices)] for v in vectors], [[*map(float, v.values)] for v in vectors]
