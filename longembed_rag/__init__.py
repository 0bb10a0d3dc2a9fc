"""longembed-rag: embed whole documents, not chunks.

The public names are loaded when they are first used, so that importing this package costs
milliseconds and never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longembed_rag._version import __version__

if TYPE_CHECKING:
    from longembed_rag.encoder.devices import resolve_runtime
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors, keep_tokens
    from longembed_rag.encoder.values import (
        Coverage,
        Encoding,
        Passage,
        PassageEncoding,
        QueryEncoding,
    )
    from longembed_rag.errors import LongEmbedError
    from longembed_rag.extension.factor_search import evolve_rope_factors
    from longembed_rag.extension.plan import ExtensionPlan
    from longembed_rag.extension.rescaling import RopeFactors
    from longembed_rag.files.discover import discover
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.readers import read_file
    from longembed_rag.files.selection import Selection
    from longembed_rag.ingest.documents import Document
    from longembed_rag.ingest.plan import IngestPlan
    from longembed_rag.ingest.refresh import Refreshed
    from longembed_rag.ingest.report import (
        DocumentDeleted,
        DocumentDone,
        DocumentFailed,
        DocumentProgress,
        DocumentStarted,
        IngestReport,
        Spread,
        Started,
    )
    from longembed_rag.ingest.verify import Finding, VerifyReport
    from longembed_rag.layout import Heading, Layout, Place
    from longembed_rag.library.library import Library
    from longembed_rag.llama_index import (
        LongEmbedding,
        LongRetriever,
        LongVectorStore,
        WholeDocument,
    )
    from longembed_rag.points.client.retries import RetryPolicy
    from longembed_rag.ray_cluster import RayCluster, connect_ray
    from longembed_rag.search.asking import embed_queries
    from longembed_rag.search.results import PassageHit, SearchResult
    from longembed_rag.search.search import SearchOptions, search_documents
    from longembed_rag.search.syntax import Query, read_query
    from longembed_rag.store.copying import CopyReport
    from longembed_rag.store.document import StoredDocument
    from longembed_rag.store.info import CollectionInfo
    from longembed_rag.store.listing import DocumentPage
    from longembed_rag.store.options import IndexOptions
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.tokens import TokenRecord
    from longembed_rag.store.values import IndexedDocument, StoredSource
    from longembed_rag.whole_files import write_whole
    from longembed_rag.words.analyzer import get_analyzer

__all__ = [
    "CollectionInfo",
    "CopyReport",
    "Coverage",
    "Document",
    "DocumentDeleted",
    "DocumentDone",
    "DocumentFailed",
    "DocumentPage",
    "DocumentProgress",
    "DocumentStarted",
    "DocumentStore",
    "EncoderSettings",
    "Encoding",
    "ExtensionPlan",
    "Finding",
    "Heading",
    "IndexOptions",
    "IndexedDocument",
    "IngestPlan",
    "IngestReport",
    "Layout",
    "Library",
    "LongEmbedError",
    "LongEmbedding",
    "LongEncoder",
    "LongRetriever",
    "LongVectorStore",
    "Passage",
    "PassageEncoding",
    "PassageHit",
    "Place",
    "Planner",
    "Query",
    "QueryEncoding",
    "RayCluster",
    "ReadOptions",
    "Refreshed",
    "RetryPolicy",
    "RopeFactors",
    "SearchOptions",
    "SearchResult",
    "Selection",
    "Spread",
    "Started",
    "StoredDocument",
    "StoredSource",
    "TokenOptions",
    "TokenRecord",
    "TokenVectors",
    "VerifyReport",
    "WholeDocument",
    "__version__",
    "connect_ray",
    "discover",
    "embed_queries",
    "evolve_rope_factors",
    "get_analyzer",
    "keep_tokens",
    "read_file",
    "read_query",
    "resolve_runtime",
    "search_documents",
    "write_whole",
]

_HOMES = {
    "CollectionInfo": "longembed_rag.store.info",
    "CopyReport": "longembed_rag.store.copying",
    "Coverage": "longembed_rag.encoder.values",
    "Document": "longembed_rag.ingest.documents",
    "DocumentDeleted": "longembed_rag.ingest.report",
    "DocumentDone": "longembed_rag.ingest.report",
    "DocumentFailed": "longembed_rag.ingest.report",
    "DocumentPage": "longembed_rag.store.listing",
    "DocumentProgress": "longembed_rag.ingest.report",
    "DocumentStarted": "longembed_rag.ingest.report",
    "DocumentStore": "longembed_rag.store.store",
    "EncoderSettings": "longembed_rag.encoder.settings",
    "Encoding": "longembed_rag.encoder.values",
    "ExtensionPlan": "longembed_rag.extension.plan",
    "Finding": "longembed_rag.ingest.verify",
    "Heading": "longembed_rag.layout",
    "IndexOptions": "longembed_rag.store.options",
    "IndexedDocument": "longembed_rag.store.values",
    "IngestPlan": "longembed_rag.ingest.plan",
    "IngestReport": "longembed_rag.ingest.report",
    "Library": "longembed_rag.library.library",
    "Layout": "longembed_rag.layout",
    "LongEmbedError": "longembed_rag.errors",
    "LongEmbedding": "longembed_rag.llama_index",
    "LongEncoder": "longembed_rag.encoder.encoder",
    "LongRetriever": "longembed_rag.llama_index",
    "LongVectorStore": "longembed_rag.llama_index",
    "Passage": "longembed_rag.encoder.values",
    "PassageEncoding": "longembed_rag.encoder.values",
    "PassageHit": "longembed_rag.search.results",
    "Place": "longembed_rag.layout",
    "Planner": "longembed_rag.encoder.planner",
    "Query": "longembed_rag.search.syntax",
    "QueryEncoding": "longembed_rag.encoder.values",
    "RayCluster": "longembed_rag.ray_cluster",
    "ReadOptions": "longembed_rag.files.options",
    "Refreshed": "longembed_rag.ingest.refresh",
    "RetryPolicy": "longembed_rag.points.client.retries",
    "RopeFactors": "longembed_rag.extension.rescaling",
    "SearchOptions": "longembed_rag.search.search",
    "SearchResult": "longembed_rag.search.results",
    "Selection": "longembed_rag.files.selection",
    "Spread": "longembed_rag.ingest.report",
    "Started": "longembed_rag.ingest.report",
    "StoredDocument": "longembed_rag.store.document",
    "StoredSource": "longembed_rag.store.values",
    "TokenOptions": "longembed_rag.encoder.token_vectors",
    "TokenRecord": "longembed_rag.store.tokens",
    "TokenVectors": "longembed_rag.encoder.token_vectors",
    "VerifyReport": "longembed_rag.ingest.verify",
    "WholeDocument": "longembed_rag.llama_index",
    "connect_ray": "longembed_rag.ray_cluster",
    "discover": "longembed_rag.files.discover",
    "embed_queries": "longembed_rag.search.asking",
    "evolve_rope_factors": "longembed_rag.extension.factor_search",
    "get_analyzer": "longembed_rag.words.analyzer",
    "keep_tokens": "longembed_rag.encoder.token_vectors",
    "read_file": "longembed_rag.files.readers",
    "read_query": "longembed_rag.search.syntax",
    "resolve_runtime": "longembed_rag.encoder.devices",
    "search_documents": "longembed_rag.search.search",
    "write_whole": "longembed_rag.whole_files",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
