"""What a library answers: the documents that fit a query."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, overload

from typing_extensions import Unpack

from longembed_rag.errors import InputError, SettingsError
from longembed_rag.library.listing import Lists
from longembed_rag.search.options import DEFAULT_MODE, Mode, SearchOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.library.listing import FilterGiven
    from longembed_rag.search.results import SearchResult
    from longembed_rag.search.syntax import Query


class SearchKeywords(TypedDict, total=False):
    """The options of :meth:`Reads.search`."""

    mode: Mode
    limit: int | None
    adaptive: bool
    passages: int | None
    filter: FilterGiven
    snippets: bool
    vectors: bool
    operators: bool
    vector: NDArray[np.float32] | None
    tokens: NDArray[np.float32] | Sequence[NDArray[np.float32]] | None


class Reads(Lists):
    """The methods of a library that change nothing."""

    @overload
    def search(self, query: str, **options: Unpack[SearchKeywords]) -> list[SearchResult]: ...

    @overload
    def search(
        self, query: list[str] | tuple[str, ...], **options: Unpack[SearchKeywords]
    ) -> list[list[SearchResult]]: ...

    def search(
        self,
        query: str | Sequence[str],
        *,
        mode: Mode = DEFAULT_MODE,
        limit: int | None = None,
        adaptive: bool = False,
        passages: int | None = None,
        filter: FilterGiven = None,  # noqa: A002 - what it is called everywhere else
        snippets: bool = True,
        vectors: bool = False,
        operators: bool = True,
        vector: NDArray[np.float32] | None = None,
        tokens: NDArray[np.float32] | Sequence[NDArray[np.float32]] | None = None,
    ) -> Any:
        """Find the documents that answer a query, each with the passages that fit best.

        The model is the collection's own; ``"sparse"`` loads none. Any number of threads may
        search at the same time: they take turns only at the model.

        Args:
            query: What to look for; several queries are embedded in one go, and ask the store
                together.
            mode: ``"hybrid"`` weighs words and meaning of documents and passages; ``"dense"``
                compares vectors of documents, ``"sparse"`` their words, ``"passages"`` vectors of
                passages, ``"late"`` the tokens of passages.
            limit: Most documents; None takes 5, or with ``adaptive`` 50.
            adaptive: Whether to stop at the largest gap between scores.
            passages: Most passages of each document; None takes 3, or with ``adaptive`` 10.
            filter: Which documents are looked at: an expression such as ``"file_type=pdf"`` or
                several, a dictionary such as ``{"year": {"$gte": 2003}}``, LlamaIndex's
                ``MetadataFilters`` or Qdrant's ``Filter``; None for all. In a collection with
                tenants it has to name one, as ``"tenant=acme"`` for the tenant field ``tenant``.
            snippets: Whether to make a snippet of each document.
            vectors: Whether the vectors of what is found come, too.
            operators: Whether ``"a phrase"``, ``+must`` and ``-not`` in a short query say what a
                document has to hold word for word, see :func:`~longembed_rag.read_query`. False
                takes a query as plain text: right for questions of others, who mean no such thing.
            vector: The query's own vector, shape ``[dimension]``, in place of the model's; with
                one, ``"dense"`` and ``"passages"`` do without words.
            tokens: With such a vector, those of the query's tokens, shape ``[tokens, dimension]``,
                or of each of its parts (:func:`~longembed_rag.embed_queries`); None compares none.

        Returns:
            Documents, best first; of several queries a list for each.

        Raises:
            InputError: A query is empty, or says only what is not wanted.
            SettingsError: An option is out of range, or the collection does not keep what the
                mode needs; or too many documents would have to be read for a phrase or word; or
                it has tenants and the filter does not name one.
            CollectionNotFoundError: Nothing has been ingested yet.
            CollectionMismatchError: The collection was made with other settings; names them.
            StoreError: The store cannot be read.

        Example:
            >>> for hit in library.search("who signed the lease?", limit=1):
            ...     print(hit.metadata["file_name"], "-", hit.passage)
            lease.txt - The lease was signed by the tenant.
        """
        from longembed_rag.search.filters import as_filter

        options = SearchOptions(
            mode=mode,
            limit=limit,
            adaptive=adaptive,
            passages=passages,
            filter=as_filter(filter),
            snippets=snippets,
            vectors=vectors,
        )
        if isinstance(query, str):
            return self._search([_understood(query, operators)], options, vector, tokens)[0]
        if vector is not None or tokens is not None:
            raise SettingsError("vector: it is one query's; search for that query by itself")
        return self._search([_understood(each, operators) for each in query], options)

    def _search(
        self,
        queries: list[Query],
        options: SearchOptions,
        vector: NDArray[np.float32] | None = None,
        tokens: NDArray[np.float32] | Sequence[NDArray[np.float32]] | None = None,
    ) -> list[list[SearchResult]]:
        from longembed_rag.search.asking import AskedQuery, embed_queries
        from longembed_rag.search.search import search_many
        from longembed_rag.search.tenants import looked_at

        by_vector_alone = vector is not None and options.mode in ("dense", "passages")
        empty = [n for n, query in enumerate(queries, start=1) if not query.text.strip()]
        if empty and not by_vector_alone:
            which = "the query" if len(queries) == 1 else f"query {empty[0]} of {len(queries)}"
            if queries[empty[0] - 1].must_not:
                raise InputError(f"{which} says only what is not wanted; say what to look for, too")
            raise InputError(f"{which} is empty; say what to look for")
        store = self._holdings.store()
        record = store.existing_record()
        looked_at(store.place, record, options.filter)  # before a model is loaded for nothing
        read: Sequence[tuple[Any, Any]] = [(vector, tokens)] * len(queries)
        if options.needs_vector and vector is None and queries:
            one = len(queries) == 1
            names = ["the query"] if one else [f"query {n}" for n in range(1, len(queries) + 1)]
            compares = options.compares_tokens and record.tokens is not None
            encode = partial(self._holdings.encode_queries, with_tokens=compares)
            texts = [query.text for query in queries]
            if compares:
                read = embed_queries(texts, encode, names=names)
            else:
                read = [(each, None) for each in encode(texts, names=names).embeddings]
        asked = [AskedQuery(query, *each) for query, each in zip(queries, read, strict=True)]
        return search_many(store, asked, options=options)

    @overload
    async def asearch(
        self, query: str, **options: Unpack[SearchKeywords]
    ) -> list[SearchResult]: ...

    @overload
    async def asearch(
        self, query: list[str] | tuple[str, ...], **options: Unpack[SearchKeywords]
    ) -> list[list[SearchResult]]: ...

    async def asearch(self, query: Any, **options: Unpack[SearchKeywords]) -> Any:
        """:meth:`search` on another thread, so that the event loop runs on.

        Example:
            >>> import asyncio
            >>> (hit,) = asyncio.run(library.asearch("the lease", limit=1))
            >>> hit.passages[0].start
            0
        """
        import asyncio

        return await asyncio.to_thread(partial(self.search, query, **options))


def _understood(query: str, operators: bool) -> Query:
    from longembed_rag.search.syntax import read_query

    return read_query(query, operators=operators)
