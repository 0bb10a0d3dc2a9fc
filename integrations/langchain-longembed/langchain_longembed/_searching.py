"""What a vector store finds in a library: the reading half of LongVectorStore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_longembed._library import Mode, Returns, refuse_unknown, require_returns, search
from langchain_longembed._translation import (
    Found,
    documents_by_id,
    found_passages,
    plain_document,
)
from langchain_longembed.embeddings import LongEmbeddings
from longembed_rag import Library, SearchOptions
from longembed_rag.errors import CollectionNotFoundError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_MODE: Mode = SearchOptions().mode


class SearchingStore(VectorStore):
    """The methods of a vector store that change nothing.

    The async ones are LangChain's own, which call these on another thread.
    """

    def __init__(
        self,
        library: Library,
        *,
        mode: Mode = DEFAULT_MODE,
        returns: Returns = "passages",
        passages_per_document: int = 3,
    ) -> None:
        SearchOptions(mode=mode)
        require_returns(returns, passages_per_document)
        self._library = library
        self._mode: Mode = mode
        self._returns: Returns = returns
        self._passages_per_document = passages_per_document
        self._owns_library = False

    @property
    def library(self) -> Library:
        """The library underneath, for what this object does not do."""
        return self._library

    @property
    def embeddings(self) -> LongEmbeddings:
        """The library's own encoder; loads nothing yet."""
        return LongEmbeddings.from_library(self._library)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Find what fits a query best, by the store's mode.

        Args:
            query: What to look for.
            k: Most passages, or with ``returns="documents"`` most documents.
            **kwargs: ``filter``: which documents are looked at, as
                :meth:`longembed_rag.Library.search` takes it.

        Raises:
            InputError: The query is empty.
            SettingsError: An option is unknown or out of range.
            StoreError: The store cannot be read.
        """
        return [each.document for each in self._found(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Find what fits a query best, each with the score of its document: higher is better.

        Scores are a cosine in the mode ``"dense"``, the mean best match of the query's tokens in
        ``"passages"`` and ``"late"``, BM25 in ``"sparse"``, and in ``"hybrid"`` a sum of standard
        deviations, to compare within one query only.

        Args:
            query: What to look for.
            k: Most passages or documents.
            **kwargs: As in :meth:`similarity_search`.
        """
        return [(each.document, each.score) for each in self._found(query, k, **kwargs)]

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """Find the passages, or documents, whose vectors are nearest.

        Args:
            embedding: The vector of a query, as :attr:`embeddings` makes it.
            k: Most passages or documents.
            **kwargs: As in :meth:`similarity_search`.
        """
        found = self._found("", k, vector=_array(embedding), mode=self._mode_of_vectors, **kwargs)
        return [each.document for each in found]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """Choose, of what fits a query, what is unlike each other.

        Candidates are found by the store's mode; among them, cosines of their vectors decide.

        Args:
            query: What to look for.
            k: Most passages or documents.
            fetch_k: How many are looked at.
            lambda_mult: 1 looks at the query alone, 0 at the difference alone.
            **kwargs: As in :meth:`similarity_search`.
        """
        vector = self._vector(query)
        found = self._found(query, max(k, fetch_k), vector=vector, vectors=True, **kwargs)
        return _diverse(vector, found, k=k, lambda_mult=lambda_mult)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """Choose, of what is near a vector, what is unlike each other.

        Args:
            embedding: The vector of a query.
            k: Most passages or documents.
            fetch_k: How many are looked at.
            lambda_mult: 1 looks at the query alone, 0 at the difference alone.
            **kwargs: As in :meth:`similarity_search`.
        """
        vector = _array(embedding)
        mode = self._mode_of_vectors
        found = self._found("", max(k, fetch_k), vector=vector, mode=mode, vectors=True, **kwargs)
        return _diverse(vector, found, k=k, lambda_mult=lambda_mult)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents and passages by their ids, in order.

        Args:
            ids: A document's gives the whole document as it was added, a passage's that passage.
                Unknown ones are left out.

        Raises:
            StoreError: The store cannot be read.
        """
        try:
            return documents_by_id(self._library, [ids] if isinstance(ids, str) else ids)
        except CollectionNotFoundError:
            return []

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """From the scores of :meth:`similarity_search_with_score` to 0 (unlike) to 1 (alike).

        Raises:
            SettingsError: The mode's scores have no fixed scale.
        """
        if self._mode in ("dense", "passages", "late"):
            return _relevance
        raise SettingsError(
            f"scores of mode={self._mode!r} have no fixed scale, and can be compared within one "
            "query only; similarity_search_with_relevance_scores takes cosines in their place, "
            "in all modes but 'sparse'"
        )

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Found by the mode; how relevant each is says the cosine of its own vector."""
        if self._mode == "sparse":
            raise SettingsError(
                "mode='sparse' compares words, and how relevant something is on a scale from 0 to "
                "1 words do not say: use another mode"
            )
        vector = self._vector(query)
        found = self._found(query, k, vectors=True, **kwargs)
        if self._mode in ("passages", "late") and self._returns == "documents":
            # By their best passages; the vectors of whole documents are not looked at.
            return [(each.document, _relevance(each.score)) for each in found]
        relevant = _cosines(vector, _vectors(vector, found))
        return [
            (each.document, _relevance(float(cosine)))
            for each, cosine in zip(found, relevant, strict=True)
        ]

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        method = partial(self._similarity_search_with_relevance_scores, query, k, **kwargs)
        return await asyncio.to_thread(method)

    @property
    def _mode_of_vectors(self) -> Mode:
        """How a vector without words is compared."""
        if self._mode in ("dense", "passages"):
            return self._mode
        return "passages" if self._returns == "passages" else "dense"

    def _vector(self, query: str) -> NDArray[np.float32]:
        encoding = self._library.encoder.encode([query], kind="query", names=["the query"])
        vector: NDArray[np.float32] = encoding.embeddings[0]
        return vector

    def _found(
        self,
        query: str,
        k: int,
        *,
        mode: Mode | None = None,
        filter: Any = None,  # noqa: A002 - what it is called everywhere else
        vector: NDArray[np.float32] | None = None,
        vectors: bool = False,
        **kwargs: Any,
    ) -> list[Found]:
        refuse_unknown(kwargs, known=("k", "filter"))
        if k < 1:
            raise SettingsError(f"k={k} must be at least 1")
        try:
            results = search(
                self._library,
                query,
                returns=self._returns,
                passages=self._passages_per_document,
                mode=mode or self._mode,
                limit=k,
                filter=filter,
                operators=False,  # a question that a program passes on means no signs
                snippets=False,
                vector=vector,
                vectors=vectors,
            )
        except CollectionNotFoundError:
            return []  # an empty store is no error in LangChain
        if self._returns == "documents":
            return [plain_document(each) for each in results]
        return found_passages(results)[:k]


def _array(embedding: Sequence[float]) -> NDArray[np.float32]:
    return np.asarray(embedding, dtype=np.float32)


def _vectors(query: NDArray[np.float32], found: Sequence[Found]) -> NDArray[np.float32]:
    """Vectors of what was found; without length for what is stored without one."""
    nothing = np.zeros_like(query)
    rows = [nothing if each.vector is None else each.vector for each in found]
    return np.stack(rows) if rows else nothing[np.newaxis][:0]


def _cosines(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of a vector and several, 0 where a vector has no length."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    products = vectors.astype(np.float64) @ query.astype(np.float64)
    found = np.zeros_like(products)
    np.divide(products, lengths, out=found, where=lengths > 0)
    return found


def _relevance(cosine: float) -> float:
    return min(1.0, max(0.0, (1.0 + cosine) / 2.0))


def _diverse(
    query: NDArray[np.float32], found: Sequence[Found], *, k: int, lambda_mult: float
) -> list[Document]:
    vectors = _vectors(query, found).tolist()
    chosen = maximal_marginal_relevance(query, vectors, lambda_mult=lambda_mult, k=k)
    return [found[index].document for index in chosen]
