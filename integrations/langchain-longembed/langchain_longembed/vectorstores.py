"""LongVectorStore: a library as a vector store of LangChain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from typing_extensions import Self, Unpack

from langchain_longembed._library import Mode, Place, Returns, opened, refuse_unknown
from langchain_longembed._searching import DEFAULT_MODE, SearchingStore
from langchain_longembed._translation import as_library_documents, excerpt, passages_among
from langchain_longembed.embeddings import LongEmbeddings
from longembed_rag.errors import (
    CollectionNotFoundError,
    DeletionsRefusedError,
    InputError,
    SettingsError,
)

if TYPE_CHECKING:
    import os

    from pydantic import SecretStr


class LongVectorStore(SearchingStore):
    """Keeps whole documents in a library; whole documents go in, passages come out.

    A passage carries the document's metadata and ``source``, ``start_index`` (its first character
    in the document) and ``document_id``; its id is ``"<document id>#<start>-<end>"``. With
    ``returns="documents"`` documents come as they were added. Documents without an id get one
    that the same text from the same place gets again, so that adding it twice changes nothing.

    Any number of threads and coroutines may use a store: readers side by side, writers one after
    the other. A store in a folder is one process's alone until it is closed.

    Args:
        library: The library; it stays open when the store is closed.
        mode: What is compared: ``"hybrid"`` weighs words and meaning of documents and passages,
            ``"dense"`` compares vectors of documents, ``"sparse"`` their words, ``"passages"``
            and ``"late"`` vectors and tokens of passages.
        returns: The best ``"passages"`` of each document, or whole ``"documents"``.
        passages_per_document: Most passages of each document.

    Raises:
        SettingsError: An option is unknown or out of range.

    Example:
        >>> with LongVectorStore.open("index") as store:
        ...     ids = store.add_texts(["The lease was signed by the tenant."], ids=["lease"])
        ...     store.similarity_search("who signed?", k=1)[0].id
        'lease#0-35'
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        api_key: SecretStr | str | None = None,
        embedding: LongEmbeddings | None = None,
        mode: Mode = DEFAULT_MODE,
        returns: Returns = "passages",
        passages_per_document: int = 3,
        **place: Unpack[Place],
    ) -> Self:
        """Open a collection, whether it is there already or not; the store closes it.

        Args:
            path: Folder of an embedded store, ``.longembed`` where no place is given. Open only
                those that you trust.
            api_key: Key of a server; None takes ``LONGEMBED_API_KEY`` or ``QDRANT_API_KEY`` from
                the environment.
            embedding: What a new collection is embedded with; one that is there has its own, and
                others are refused. None takes the collection's, or the default model.
            mode: As in the class.
            returns: As in the class.
            passages_per_document: As in the class.
            **place: ``url``, ``client``, ``collection``, and how a new collection is kept; see
                :meth:`longembed_rag.Library.open`.

        Raises:
            SettingsError: An option is unknown, out of range or contradicts another.
            StoreLockedError: Another process holds the folder.
            StoreError: It cannot be opened.
        """
        options = {} if embedding is None else _require_ours(embedding).library_options()
        with ExitStack() as failing:
            library = failing.enter_context(opened(path, api_key, **place, **options))
            store = cls(
                library,
                mode=mode,
                returns=returns,
                passages_per_document=passages_per_document,
            )
            failing.pop_all()
        store._owns_library = True
        return store

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Open a collection and add texts.

        Args:
            texts: Whole texts.
            embedding: A :class:`LongEmbeddings`; only with one can documents be read whole.
            metadatas: What is known of each.
            ids: Their ids; see :meth:`add_documents`.
            **kwargs: Those of :meth:`open`.

        Raises:
            SettingsError: The embedding is another's, or an option is wrong.
            InputError: A text could not be taken in.
            StoreError: The collection cannot be opened or written to.
        """
        with ExitStack() as failing:
            store: Self = cls.open(embedding=_require_ours(embedding), **kwargs)
            failing.callback(store.close)
            store.add_texts(texts, metadatas, ids=ids)
            failing.pop_all()
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the library, if the store has opened it, and let other processes in."""
        if self._owns_library:
            self._library.close()

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add whole texts; see :meth:`add_documents`.

        Args:
            texts: The texts.
            metadatas: What is known of each.
            ids: Their ids.
            **kwargs: Those of :meth:`add_documents`.
        """
        given = list(texts)
        known = metadatas or [{}] * len(given)
        if len(known) != len(given):
            raise SettingsError(f"{len(known)} metadatas are given for {len(given)} texts")
        documents = [
            Document(page_content=text, metadata=metadata)
            for text, metadata in zip(given, known, strict=True)
        ]
        return self.add_documents(documents, ids=ids, **kwargs)

    def add_documents(
        self,
        documents: list[Document],
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add whole documents, each embedded and then written with its passages.

        What has the id of a document that is there takes its place. A text that is there already
        is not embedded again; where only its metadata is another, that is written.

        Args:
            documents: The documents; metadata is what fits into JSON.
            ids: Their ids. Where one is None, or all are left out, it is the document's own, else
                one made from the text and its place (``source`` or ``file_path``, ``page`` and
                ``start_index``), or without a place from the text and all metadata.
            batch_size: Taken because LangChain's ``index`` gives it; the encoder makes its own
                batches, by token count.
            **kwargs: No others are known.

        Returns:
            The ids, in the order of the documents.

        Raises:
            SettingsError: There are not as many ids as documents, or an option is unknown.
            InputError: Two documents have the same id, or some cannot be taken in; names them and
                says why. Without the right metadata or ids nothing is added; of documents that
                cannot be read all others are.
            StoreError: The store cannot be read or written to.
        """
        refuse_unknown(kwargs, known=("ids", "batch_size"))
        names, made = as_library_documents(documents, ids)
        report = self._library.add(made)
        if report.failed:
            words = {each.id: excerpt(each.text) for each in made}
            reasons = "; ".join(
                f"{each.source} ({words[each.source]}): {each.reason}" for each in report.failed
            )
            raise InputError(
                f"{len(report.failed)} of {len(made)} documents could not be taken in, the others "
                f"are there: {reasons}"
            )
        return names

    def delete(
        self, ids: Sequence[str] | None = None, *, delete_all: bool = False, **kwargs: Any
    ) -> bool:
        """Delete documents with their passages.

        Args:
            ids: Ids of documents; unknown ones are passed over.
            delete_all: Whether all are meant, in place of ids. None alone deletes nothing: it may
                as well be a mistake.
            **kwargs: No others are known.

        Returns:
            True.

        Raises:
            SettingsError: An id is a passage's, or ids and ``delete_all`` are both given; nothing
                was deleted.
            DeletionsRefusedError: Nothing says what to delete.
            StoreError: The store cannot be read or written to.
        """
        refuse_unknown(kwargs, known=("ids", "delete_all"))
        if ids is None and not delete_all:
            raise DeletionsRefusedError("ids=None: to delete all documents, say delete_all=True")
        if ids is not None and delete_all:
            raise SettingsError("ids and delete_all are both given; give either")
        with suppress(CollectionNotFoundError):  # where there is nothing, there is nothing to do
            if ids is None:
                doomed = [each.source for each in self._library.all_documents()]
            else:
                doomed = [ids] if isinstance(ids, str) else list(ids)
            passages = passages_among(self._library, doomed)
            if passages:
                identity, document = next(iter(passages.items()))
                raise SettingsError(
                    f"{identity!r} is a passage of {document!r}, and passages are not deleted by "
                    "themselves; give the id of the document. Nothing was deleted"
                )
            self._library.remove(doomed)
        return True


def _require_ours(embedding: Embeddings | None) -> LongEmbeddings:
    if not isinstance(embedding, LongEmbeddings):
        raise SettingsError(
            f"embedding={type(embedding).__name__} is not a LongEmbeddings, and only with one are "
            "documents read whole, with vectors of their passages"
        )
    return embedding
