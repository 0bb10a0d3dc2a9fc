"""LongRetriever: a library's search as a retriever of LangChain."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from typing_extensions import Self, Unpack

from langchain_longembed._library import Mode, Returns, opened, require_returns, search
from langchain_longembed._translation import found_document, found_passages
from longembed_rag import Library, SearchOptions
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    import os


class RetrieverOptions(TypedDict, total=False):
    """The options of :class:`LongRetriever`, without its library."""

    mode: Mode
    k: int | None
    adaptive: bool
    filter: Any
    operators: bool
    returns: Returns
    passages_per_document: int
    tags: list[str] | None
    metadata: dict[str, Any] | None
    name: str | None


class LongRetriever(BaseRetriever):
    """Retrieves documents, or their best passages, from a library of whole documents.

    Passages come by document, best first, and within a document by their own score. A passage
    carries the document's metadata and ``source``, ``start_index`` (its first character in the
    document) and ``document_id``. What the search has found out, scores and a snippet, stands
    under ``metadata["longembed"]``.

    The model is the collection's own and loads with the first query that needs it; ``"sparse"``
    needs none. Any number of threads and coroutines may use a retriever.

    Raises:
        SettingsError: An option is unknown or out of range.

    Example:
        >>> with LongRetriever.open(".longembed", k=1) as retriever:
        ...     retriever.invoke("who signed the lease?")[0].page_content
        'The lease was signed by the tenant.'
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    library: Library = Field(exclude=True, repr=False)
    """The collection; it stays open when the retriever is closed."""
    mode: Mode = SearchOptions().mode
    """What is compared: ``"hybrid"``, ``"dense"``, ``"sparse"`` or ``"passages"``."""
    k: int | None = None
    """Most documents; None takes 5, or with ``adaptive`` 50."""
    adaptive: bool = False
    """Whether to stop at the largest gap between scores."""
    filter: Any = None
    """Which documents are looked at, as :meth:`longembed_rag.Library.search` takes it."""
    operators: bool = False
    """Whether quotes, ``+`` and ``-`` in a query say what a document has to hold; off for chats."""
    returns: Returns = "passages"
    """The best ``"passages"`` of each document, or whole ``"documents"``."""
    passages_per_document: int = 3
    """Most passages of each document."""

    _owns_library: bool = PrivateAttr(default=False)

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise SettingsError(_in_words(error)) from error
            require_returns(self.returns, self.passages_per_document)
            SearchOptions(mode=self.mode, limit=self.k)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        client: Any = None,
        collection: str | None = None,
        api_key: SecretStr | str | None = None,
        **options: Unpack[RetrieverOptions],
    ) -> Self:
        """Open a collection and retrieve from it; the retriever closes it.

        Args:
            path: Folder of an embedded store, ``.longembed`` where no place is given; it is this
                process's alone until :meth:`close`. Open only those that you trust.
            url: Address of a server.
            client: A client of Qdrant's to work with; it is not closed with the retriever.
            collection: Name of the collection; None takes ``documents``.
            api_key: Key of the server; None takes ``LONGEMBED_API_KEY`` or ``QDRANT_API_KEY`` from
                the environment.
            **options: Those of the class.

        Raises:
            SettingsError: More than one place is given, or an option is wrong.
            StoreLockedError: Another process holds the folder.
            StoreError: It cannot be opened.
        """
        with ExitStack() as failing:
            library = opened(path, api_key, url=url, client=client, collection=collection)
            failing.enter_context(library)
            retriever = cls(library=library, **options)
            failing.pop_all()
        retriever._owns_library = True
        return retriever

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the library, if :meth:`open` has opened it; again is harmless."""
        if self._owns_library:
            self.library.close()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: Any = None,  # noqa: A002 - what it is called everywhere else
    ) -> list[Document]:
        return self._retrieved(query, k, filter)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: Any = None,  # noqa: A002 - what it is called everywhere else
    ) -> list[Document]:
        return await asyncio.to_thread(partial(self._retrieved, query, k, filter))

    def _retrieved(self, query: str, k: int | None, matching: Any) -> list[Document]:
        results = search(
            self.library,
            query,
            returns=self.returns,
            passages=self.passages_per_document,
            mode=self.mode,
            limit=self.k if k is None else k,
            adaptive=self.adaptive,
            filter=self.filter if matching is None else matching,
            operators=self.operators,
        )
        if self.returns == "documents":
            return [found_document(each).document for each in results]
        return [each.document for each in found_passages(results)]


def _in_words(error: ValidationError) -> str:
    """Pydantic's findings as one line, each with its option."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
