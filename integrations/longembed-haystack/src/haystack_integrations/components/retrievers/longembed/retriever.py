"""LongRetriever: this package's own search as a retriever of Haystack."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, get_args

from haystack import Document, component, default_from_dict, default_to_dict, logging
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from haystack_integrations.components.retrievers.longembed.found import passages, whole_document
from haystack_integrations.document_stores.longembed import LongDocumentStore
from haystack_integrations.document_stores.longembed.filters import to_library_filter
from longembed_rag import SearchOptions
from longembed_rag.errors import CollectionNotFoundError, SettingsError

logger = logging.getLogger(__name__)

Mode = Literal["hybrid", "dense", "sparse", "passages", "late"]
Returns = Literal["passages", "documents"]


@component
class LongRetriever:
    """Retrieves documents, or their best passages, from a :class:`LongDocumentStore`.

    It takes the query itself, without an embedder before it, and searches as ``longembed-rag
    search`` does: by words and meaning, of documents and of passages. A score is the document's,
    for every passage of it, so scores never increase: a cosine in the modes ``"dense"`` and
    ``"passages"``, BM25 in ``"sparse"``, and in ``"hybrid"`` a sum of standard deviations, which
    may be negative and can be compared within one query only.

    A passage's id is ``"<document's id>#<start>-<end>"``. Beside the document's own metadata it
    carries ``document_id`` and ``start_index``, which Haystack's splitters call ``source_id`` and
    ``split_idx_start``, ``source``, and ``page`` and ``page_number`` where the text has form feeds
    between pages. What the search found out stands under ``meta["longembed"]``.

    Args:
        document_store: The collection.
        mode: What is compared: ``"hybrid"`` words and meaning, of documents and passages;
            ``"dense"`` vectors of documents; ``"sparse"`` words of documents, without a model;
            ``"passages"`` and ``"late"`` vectors and tokens of passages.
        top_k: Most **documents**; None takes 5, or with ``adaptive`` 50.
        adaptive: Whether to stop at the largest gap between scores.
        returns: ``"passages"`` gives the best passages of each document, ``"documents"`` the
            whole texts.
        passages_per_document: Most passages of each document.
        filters: Which documents are looked at, as in ``filter_documents``.
        operators: Whether ``"a phrase"``, ``+must`` and ``-not`` in a query say what a document
            has to hold word for word; off unless told: questions of a chat mean no such thing.
        filter_policy: Whether filters of a query take the place of these (``REPLACE``) or are
            merged with them (``MERGE``), as in Haystack's own retrievers.
        return_embedding: Whether documents come with their vectors.

    Raises:
        SettingsError: An option is out of range, or the store is another one.
        FilterError: The filters cannot be understood.

    Example:
        >>> retriever = LongRetriever(LongDocumentStore("index"), top_k=1)
        >>> retriever.run("who signed the lease?")["documents"][0].content
        'The lease was signed by the tenant.'
    """

    def __init__(
        self,
        document_store: LongDocumentStore,
        *,
        mode: Mode = "hybrid",
        top_k: int | None = None,
        adaptive: bool = False,
        returns: Returns = "passages",
        passages_per_document: int = 3,
        filters: dict[str, Any] | None = None,
        filter_policy: str | FilterPolicy = FilterPolicy.REPLACE,
        return_embedding: bool = False,
        operators: bool = False,
    ) -> None:
        if not isinstance(document_store, LongDocumentStore):
            raise SettingsError(
                f"document_store={type(document_store).__name__} is not a LongDocumentStore"
            )
        if returns not in get_args(Returns):
            raise SettingsError(
                f"returns={returns!r} is not one of: {', '.join(get_args(Returns))}"
            )
        if returns == "passages" and passages_per_document < 1:
            raise SettingsError(
                f"passages_per_document={passages_per_document} must be at least 1 with "
                "returns='passages'"
            )
        SearchOptions(mode=mode, limit=top_k, adaptive=adaptive, passages=passages_per_document)
        to_library_filter(filters)
        self.document_store = document_store
        self.mode = mode
        self.top_k = top_k
        self.adaptive = adaptive
        self.returns = returns
        self.passages_per_document = passages_per_document
        self.filters = filters
        self.filter_policy = (
            FilterPolicy.from_str(filter_policy)
            if isinstance(filter_policy, str)
            else filter_policy
        )
        self.return_embedding = return_embedding
        self.operators = operators

    def to_dict(self) -> dict[str, Any]:
        """The options and the store's settings as plain values."""
        return default_to_dict(
            self,
            document_store=self.document_store.to_dict(),
            mode=self.mode,
            top_k=self.top_k,
            adaptive=self.adaptive,
            returns=self.returns,
            passages_per_document=self.passages_per_document,
            filters=self.filters,
            filter_policy=self.filter_policy.value,
            return_embedding=self.return_embedding,
            operators=self.operators,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongRetriever:
        """A retriever with the options that :meth:`to_dict` gave."""
        given = dict(data.get("init_parameters", {}))
        if isinstance(given.get("document_store"), dict):
            given["document_store"] = LongDocumentStore.from_dict(given["document_store"])
        retriever: LongRetriever = default_from_dict(cls, {**data, "init_parameters": given})
        return retriever

    def warm_up(self) -> None:
        """Open the store and load the model that reads queries, which ``"sparse"`` does without.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The store cannot be read.
        """
        if self.mode != "sparse":
            _ = self.document_store.library.encoder

    def close(self) -> None:
        """Close the store; used again, it opens again."""
        self.document_store.close()

    async def close_async(self) -> None:
        """:meth:`close` on another thread."""
        await self.document_store.close_async()

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        mode: Mode | None = None,
    ) -> dict[str, list[Document]]:
        """Find what answers a query.

        Args:
            query: What to look for.
            filters: Which documents are looked at; see ``filter_policy``.
            top_k: Most documents; None takes the retriever's own.
            mode: What is compared; None takes the retriever's own.

        Returns:
            ``documents``: passages or documents, best first. None where nothing has been written
            to the store yet, which is logged.

        Raises:
            InputError: The query is empty.
            FilterError: The filters cannot be understood.
            SettingsError: An option is out of range, or the collection keeps no passages.
            CollectionMismatchError: The collection was made with other settings; names them.
            StoreError: The store cannot be read.
        """
        merged = apply_filter_policy(self.filter_policy, self.filters, filters)
        matching = to_library_filter(merged)
        library = self.document_store.library
        try:
            self._require_passages()
            found = library.search(
                query,
                mode=mode or self.mode,
                limit=self.top_k if top_k is None else top_k,
                adaptive=self.adaptive,
                passages=self.passages_per_document,
                filter=matching,
                vectors=self.return_embedding,
                operators=self.operators,
            )
        except CollectionNotFoundError as error:
            logger.warning("LongRetriever finds nothing: {reason}", reason=str(error))
            return {"documents": []}
        if self.returns == "documents":
            return {"documents": [whole_document(result) for result in found]}
        return {"documents": [each for result in found for each in passages(result)]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        mode: Mode | None = None,
    ) -> dict[str, list[Document]]:
        """:meth:`run` on another thread, so that the event loop runs on.

        Args:
            query: What to look for.
            filters: Which documents are looked at.
            top_k: Most documents.
            mode: What is compared.
        """
        return await asyncio.to_thread(self.run, query, filters, top_k, mode)

    def _require_passages(self) -> None:
        record = self.document_store.library.store.existing_record()
        if self.returns == "passages" and not record.options.passages:
            raise SettingsError(
                f"collection {self.document_store.library.collection!r} keeps no passages: give "
                "returns='documents', or write into another collection with passages"
            )
