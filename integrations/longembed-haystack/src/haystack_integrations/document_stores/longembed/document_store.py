"""LongDocumentStore: a collection of whole documents as a document store of Haystack."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Literal

from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import Secret

from haystack_integrations.document_stores.longembed.opened import OpenedLibrary, open_shared
from haystack_integrations.document_stores.longembed.writes import Writes
from longembed_rag import EncoderSettings, IndexOptions, Library
from longembed_rag.errors import SettingsError

_KEY_VARIABLES = ["LONGEMBED_API_KEY", "QDRANT_API_KEY"]


class LongDocumentStore(Writes):
    """Whole documents in Qdrant, embedded or on a server, read by the collection's own model.

    Documents go in whole, without a splitter and without an embedder: the store makes the vectors
    of a document and of its passages itself, by one model for the whole collection. Vectors that
    documents bring with them are not kept. A document's id is the one it was written with; of one
    that ``longembed-rag ingest`` took in, its file's absolute path.

    Making a store is cheap: settings are checked, nothing is opened and no model is loaded. The
    folder is opened when it is first needed, and is this process's alone until :meth:`close`.
    Stores with equal settings, as the components of a loaded pipeline have them, share one open
    library. Any number of threads may use a store.

    Args:
        path: Folder of an embedded store; ``.longembed`` where no place is given. Open only
            folders that you trust.
        url: Address of a server.
        collection: Name of the collection.
        api_key: Key of the server.
        timeout: Seconds to wait for an answer of the server, per try.
        wait: Seconds to wait for a folder that another process holds; 0 does not wait.
        passages: Whether a new collection keeps passages beside the documents.
        passage_tokens: Most tokens in a passage.
        language: What words are stemmed as: ``"auto"``, the default, each document's own language;
            ``"none"`` leaves words as they are.
        late_interaction: Whether the vectors of passages' tokens are kept: ``"on"``, ``"off"``, or
            ``"auto"``, where that is known to help.
        k1: How fast a repeated word stops counting in BM25 (mode ``"sparse"``, passages).
        b: How much length counts in BM25, 0 to 1; likewise.
        tenant_field: The field of documents' metadata that names their tenant, as searches do.
        quantization: How a server keeps vectors in memory: ``"none"``, ``"scalar"`` (a byte a
            number) or ``"binary"`` (a bit).
        on_disk: Whether a server keeps vectors and word lists on disk.
        shards: Parts that a server spreads documents and passages over.
        replicas: Nodes of a server that hold each shard.
        write_consistency: Replicas that have to confirm a write.
        exact_below: Points below which a server compares a query with every vector.
        hnsw_ef: Points that its search through the graph keeps in sight above that.
        **settings: The fields of :class:`~longembed_rag.EncoderSettings`: ``model``, ``method``,
            ``max_length``, ``device`` and so on. What is left out is as the collection has it, or
            for a new one the default.

    Raises:
        SettingsError: Both places are given, or a setting is unknown or out of range.

    Example:
        >>> store = LongDocumentStore("index")
        >>> store.write_documents([Document(content="The lease was signed by the tenant.")])
        1
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        collection: str = "documents",
        api_key: Secret | None = Secret.from_env_var(_KEY_VARIABLES, strict=False),  # noqa: B008
        timeout: float = 60.0,
        wait: float = 30.0,
        passages: bool | None = None,
        passage_tokens: int | None = None,
        language: str | None = None,
        late_interaction: Literal["auto", "on", "off"] | None = None,
        k1: float | None = None,
        b: float | None = None,
        tenant_field: str | None = None,
        quantization: Literal["none", "scalar", "binary"] | None = None,
        on_disk: bool | None = None,
        shards: int | None = None,
        replicas: int | None = None,
        write_consistency: int | None = None,
        exact_below: int | None = None,
        hnsw_ef: int | None = None,
        **settings: Any,
    ) -> None:
        if path is not None and url is not None:
            raise SettingsError("path and url are both given; a collection lies in one place")
        if api_key is not None and not isinstance(api_key, Secret):
            raise SettingsError(
                "api_key is not one of Haystack's secrets; give Secret.from_env_var(...)"
            )
        keeping: dict[str, Any] = {
            "passages": passages,
            "passage_tokens": passage_tokens,
            "language": language,
            "late_interaction": late_interaction,
            "k1": k1,
            "b": b,
            "tenant_field": tenant_field,
        }
        IndexOptions(**{name: value for name, value in keeping.items() if value is not None})
        given = {name: value for name, value in settings.items() if value is not None}
        checked = EncoderSettings.from_dict(given)
        self._api_key = api_key
        self._options: dict[str, Any] = {
            "path": None if path is None else os.fspath(path),
            "url": url,
            "collection": collection,
            "timeout": timeout,
            "wait": wait,
            **keeping,
            "quantization": quantization,
            "on_disk": on_disk,
            "shards": shards,
            "replicas": replicas,
            "write_consistency": write_consistency,
            "exact_below": exact_below,
            "hnsw_ef": hnsw_ef,
            **{name: getattr(checked, name) for name in given},
        }
        self._opened: OpenedLibrary | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values; of a key the variable that holds it.

        Raises:
            ValueError: The key is a token, which Haystack does not write down, or the address
                holds a password.
        """
        if "@" in (self._options["url"] or ""):
            raise SettingsError(
                "url= holds a user or password, which is not written down; give the address "
                "without them, or let the server ask for a key (api_key=)"
            )
        key = None if self._api_key is None else self._api_key.to_dict()
        return default_to_dict(self, api_key=key, **self._options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongDocumentStore:
        """A store with the settings that :meth:`to_dict` gave."""
        given = dict(data.get("init_parameters", {}))
        if isinstance(given.get("api_key"), dict):
            given["api_key"] = Secret.from_dict(given["api_key"])
        store: LongDocumentStore = default_from_dict(cls, {**data, "init_parameters": given})
        return store

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def library(self) -> Library:
        """The collection, opened now if it was not.

        Raises:
            SettingsError: A setting does not fit the place.
            StoreLockedError: Another process holds the folder, or another store of this one that
                has other settings.
            StoreError: The folder cannot be used.
        """
        opened = self._opened
        if opened is None:
            key = None if self._api_key is None else self._api_key.resolve_value()
            opened = self._opened = open_shared({**self._options, "api_key": key})
        return opened.library

    def close(self) -> None:
        """Let other processes in, once all stores with these settings are closed.

        A store that is used again opens again.
        """
        self._opened = None

    async def close_async(self) -> None:
        """:meth:`close` on another thread, since it waits for whoever writes."""
        await asyncio.to_thread(self.close)

    async def count_documents_async(self) -> int:
        """:meth:`count_documents` on another thread."""
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: dict[str, Any]) -> int:
        """:meth:`count_documents_by_filter` on another thread."""
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """:meth:`filter_documents` on another thread."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """:meth:`write_documents` on another thread."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """:meth:`delete_documents` on another thread."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_all_documents_async(self) -> None:
        """:meth:`delete_all_documents` on another thread."""
        await asyncio.to_thread(self.delete_all_documents)

    async def delete_by_filter_async(self, filters: dict[str, Any]) -> int:
        """:meth:`delete_by_filter` on another thread."""
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """:meth:`update_by_filter` on another thread."""
        return await asyncio.to_thread(self.update_by_filter, filters, meta)

    async def count_unique_metadata_by_filter_async(
        self, filters: dict[str, Any], metadata_fields: list[str]
    ) -> dict[str, int]:
        """:meth:`count_unique_metadata_by_filter` on another thread."""
        return await asyncio.to_thread(
            self.count_unique_metadata_by_filter, filters, metadata_fields
        )

    async def get_metadata_fields_info_async(self) -> dict[str, dict[str, str]]:
        """:meth:`get_metadata_fields_info` on another thread."""
        return await asyncio.to_thread(self.get_metadata_fields_info)

    async def get_metadata_field_min_max_async(self, metadata_field: str) -> dict[str, Any]:
        """:meth:`get_metadata_field_min_max` on another thread."""
        return await asyncio.to_thread(self.get_metadata_field_min_max, metadata_field)

    async def get_metadata_field_unique_values_async(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: dict[str, Any] | None = None,
    ) -> tuple[list[Any], int]:
        """:meth:`get_metadata_field_unique_values` on another thread."""
        return await asyncio.to_thread(
            self.get_metadata_field_unique_values,
            metadata_field,
            search_term=search_term,
            from_=from_,
            size=size,
            filters=filters,
        )
