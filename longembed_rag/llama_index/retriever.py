"""LongRetriever: this package's own search as a retriever of LlamaIndex."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import MetadataFilters
from typing_extensions import Self, Unpack

from longembed_rag.errors import InputError, SettingsError
from longembed_rag.library.library import Library
from longembed_rag.llama_index.embedding import LongEmbedding
from longembed_rag.llama_index.nodes import document_node, passage_nodes
from longembed_rag.search.filters import as_filter
from longembed_rag.search.search import DEFAULT_MODE, Mode, SearchOptions
from longembed_rag.search.syntax import Query, read_query
from longembed_rag.store.values import DEFAULT_COLLECTION, CollectionRecord
from longembed_rag.words.sentences import query_parts
from longembed_rag.words.snippet import make_snippet

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray
    from qdrant_client import QdrantClient

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.store.store import DocumentStore

Returns = Literal["passages", "documents"]


class RetrieverOptions(TypedDict, total=False):
    """The keyword options of :class:`LongRetriever`."""

    embedding: LongEmbedding | None
    mode: Mode
    similarity_top_k: int | None
    adaptive: bool
    returns: Returns
    passages_per_document: int
    filters: MetadataFilters | AnyFilter | None
    operators: bool
    callback_manager: CallbackManager | None
    verbose: bool


class LongRetriever(BaseRetriever):
    """Retrieves documents, or their best passages, from a collection of whole documents.

    Unlike a retriever over LlamaIndex's ``QdrantVectorStore``, which compares vectors of whole
    documents, it searches as ``longembed-rag search`` does: by words and meaning, of documents
    and of passages. Its async methods work with embedded stores, too.

    A node's score is its document's, for every passage of it, so scores never increase. Passages
    are ordered by document, then by their own score, which stands with the parts of the
    document's score and the snippet in ``node.metadata["longembed"]``, out of what embedding and
    language models see. Scores are a cosine in the mode ``"dense"``, the tokens' mean best match
    (MaxSim) in ``"passages"`` and ``"late"``, BM25 in ``"sparse"``, and in ``"hybrid"`` a sum of
    standard deviations, which may be negative and can be compared within one query only.

    The embedding loads on the first query that needs it and has to be that of the collection;
    ``"sparse"`` needs none. Any number of threads and coroutines may use a retriever.

    Args:
        library: The collection; it stays open when the retriever is closed.
        embedding: Embeds queries; None takes the library's own encoder.
        mode: What is compared, see :class:`~longembed_rag.SearchOptions`.
        similarity_top_k: Most documents; None takes 5, or with ``adaptive`` 50.
        adaptive: Whether to stop at the largest gap between scores.
        returns: ``"passages"`` gives the best passages of each document, ``"documents"`` the
            whole texts.
        passages_per_document: Most passages of each document.
        filters: Which documents are looked at, LlamaIndex's or Qdrant's own; None for all.
        operators: Whether ``"a phrase"``, ``+must`` and ``-not`` say what a document has to hold,
            see :func:`~longembed_rag.read_query`; in a question to a chat they say no such thing.
        callback_manager: Is told of each retrieval; None takes that of LlamaIndex's ``Settings``.
        verbose: LlamaIndex's own.

    Raises:
        SettingsError: An option is unknown or out of range.

    Example:
        >>> with LongRetriever.open(path=".longembed", similarity_top_k=3) as retriever:
        ...     engine = RetrieverQueryEngine.from_args(retriever)
        ...     print(engine.query("Who signed the lease?"))
    """

    def __init__(
        self,
        library: Library,
        *,
        embedding: LongEmbedding | None = None,
        mode: Mode = DEFAULT_MODE,
        similarity_top_k: int | None = None,
        adaptive: bool = False,
        returns: Returns = "passages",
        passages_per_document: int = 3,
        filters: MetadataFilters | AnyFilter | None = None,
        operators: bool = False,
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        if returns not in get_args(Returns):
            raise SettingsError(
                f"returns={returns!r} is not one of: {', '.join(get_args(Returns))}"
            )
        if returns == "passages" and passages_per_document < 1:
            raise SettingsError(
                f"passages_per_document={passages_per_document} must be at least 1 with "
                "returns='passages'"
            )
        if not isinstance(embedding, LongEmbedding | None):
            raise SettingsError(
                f"embedding={type(embedding).__name__} is not a LongEmbedding, and only with one "
                "can the collection tell whether its vectors were made in the same way"
            )
        self._options = SearchOptions(
            mode=mode,
            limit=similarity_top_k,
            adaptive=adaptive,
            passages=passages_per_document,
            filter=as_filter(filters, name="filters"),
        )
        self._library = library
        self._owns_library = False
        self._returns = returns
        self._operators = operators
        self._embedding = embedding
        self._is_checked = False
        self._lock = Lock()
        super().__init__(
            callback_manager=callback_manager or Settings.callback_manager, verbose=verbose
        )

    @classmethod
    def open(
        cls,
        *,
        path: str | os.PathLike[str] | None = None,
        url: str | None = None,
        client: QdrantClient | None = None,
        collection: str = DEFAULT_COLLECTION,
        api_key: str | None = None,
        **options: Unpack[RetrieverOptions],
    ) -> Self:
        """Open a collection and retrieve from it; give one of ``path``, ``url`` and ``client``.

        Args:
            path: Folder of an embedded store, ``.longembed`` where no place is given; open only
                those that you trust.
            url: Address of a server.
            client: A client to work with; it is not closed with the retriever.
            collection: Name of the collection.
            api_key: Key of the server; None takes the one in the environment.
            **options: Those of the class.

        Raises:
            SettingsError: More than one place is given, or an option is wrong.
            CollectionNotFoundError: There is no store in the folder, or no such collection.
            CollectionMismatchError: The collection was not made by this package.
            StoreError: It cannot be opened or read.
        """
        library = Library.open(
            path,
            url=url,
            client=client,
            collection=collection,
            api_key=api_key,
        )
        try:
            retriever = cls(library, **options)
            retriever._searchable_record()
        except BaseException:  # whatever it was, it goes on; only the folder must not stay locked
            library.close()
            raise
        retriever._owns_library = True
        return retriever

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the library, if :meth:`open` has opened it; again is harmless."""
        if self._owns_library:
            self._library.close()

    @property
    def library(self) -> Library:
        """The collection."""
        return self._library

    @property
    def store(self) -> DocumentStore:
        """The store underneath."""
        return self._library.store

    @property
    def embedding(self) -> LongEmbedding:
        """What queries are embedded with: what was given, else the library's encoder, loaded now.

        Raises:
            CollectionNotFoundError: There is no collection.
            ModelLoadError: The model cannot be loaded.
            StoreError: The collection cannot be read.
        """
        with self._lock:
            return self._embedding_now()

    @property
    def similarity_top_k(self) -> int:
        """Most documents that a query finds."""
        return self._options.most

    @similarity_top_k.setter
    def similarity_top_k(self, similarity_top_k: int | None) -> None:
        self._options = replace(self._options, limit=similarity_top_k)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        options, typed = self._options, query_bundle.query_str
        query = read_query(typed, operators=self._operators)
        by_words = query_bundle.embedding is None or options.mode not in ("dense", "passages")
        if not query.text.strip() and by_words:
            missing = "says only what is not wanted" if query.must_not else "is empty"
            raise InputError(f"the query {missing}; say what to look for")
        record = self._searchable_record()
        found = self._library.search(
            typed,
            mode=options.mode,
            limit=options.limit,
            adaptive=options.adaptive,
            passages=options.passages,
            filter=options.filter,
            operators=self._operators,
            vector=self._vector(query_bundle, query, record) if options.needs_vector else None,
            tokens=self._tokens(query_bundle, query, record),
        )
        if self._returns == "documents":
            return [document_node(result) for result in found]
        stems, wanted = record.query_words(query.text).stems, query.wanted

        def snippet_of(passage: str, language: str | None) -> str:
            analyzer = record.get_analyzer(language)
            return make_snippet(passage, stems, analyzer=analyzer, phrases=wanted).marked()

        return [
            node
            for result in found
            for node in passage_nodes(result, partial(snippet_of, language=result.language))
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)

    def _searchable_record(self) -> CollectionRecord:
        """The collection's record, once it is known to hold what is asked for."""
        record = self._library.store.existing_record()
        asked = {self._returns, self._options.mode}
        if not record.options.passages and asked & {"passages", "late"}:
            raise SettingsError(
                f"collection {self._library.collection!r} keeps no passages: give "
                "returns='documents' and another mode than 'passages', or ingest into another "
                "collection with passages"
            )
        return record

    def _vector(
        self, given: QueryBundle, query: Query, record: CollectionRecord
    ) -> NDArray[np.float32]:
        """The query's vector: the one that came with it, else of the texts that stand for it."""
        import numpy as np

        if given.embedding is not None:
            vector = np.asarray(given.embedding, dtype=np.float32)
            if vector.shape != (record.dimension,) or not np.isfinite(vector).all():
                raise InputError(
                    f"the query's own embedding, of shape {vector.shape}, is not one of "
                    f"{record.dimension} finite numbers, as collection "
                    f"{self._library.collection!r} holds them; leave it out, or take it from the "
                    "collection's embedding"
                )
            return vector
        texts = given.custom_embedding_strs or [query.text]
        embedded = self._checked_embedding().get_agg_embedding_from_queries(texts)
        return np.asarray(embedded, dtype=np.float32)

    def _tokens(
        self, given: QueryBundle, query: Query, record: CollectionRecord
    ) -> tuple[NDArray[np.float32], ...] | None:
        """Those of the tokens of its parts, where tokens are compared; None for a given vector."""
        import numpy as np

        compares = record.tokens is not None and self._options.compares_tokens
        if not compares or given.embedding is not None:
            return None
        same = given.custom_embedding_strs  # texts that all stand for the query
        encoder = self._checked_embedding().encoder
        tokens = encoder.encode_query_tokens(same or query_parts(query.text))
        return (np.concatenate(tokens),) if same else tokens

    def _checked_embedding(self) -> LongEmbedding:
        """The embedding, once it is known to be the one that the collection was made with."""
        with self._lock:
            embedding = self._embedding_now()
            if not self._is_checked:
                encoder = embedding.encoder
                self.store.check(fingerprint=encoder.fingerprint, description=encoder.describe())
                self._is_checked = True
            return embedding

    def _embedding_now(self) -> LongEmbedding:
        if self._embedding is None:
            self.store.existing_record()
            self._embedding = LongEmbedding.from_encoder(
                self._library.encoder, callback_manager=self.callback_manager
            )
            self._is_checked = True  # a library's encoder is that of its collection
        return self._embedding
