"""longembed-rag: embed whole documents, not chunks.

The public names are loaded when they are first used, so that importing this package costs
milliseconds and never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longembed_rag._version import __version__

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.loading import resolve_runtime
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.encoder.values import Coverage, Encoding, Passage, PassageEncoding
    from longembed_rag.errors import LongEmbedError
    from longembed_rag.extension.plan import ExtensionPlan
    from longembed_rag.files.discover import discover
    from longembed_rag.files.readers import read_file
    from longembed_rag.llama_index import LongEmbedding, LongRetriever, WholeDocument
    from longembed_rag.search.results import PassageHit, SearchResult
    from longembed_rag.search.search import SearchOptions, search_documents
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import IndexedDocument, IndexOptions
    from longembed_rag.words.analyzer import get_analyzer

__all__ = [
    "Coverage",
    "DocumentStore",
    "EncoderSettings",
    "Encoding",
    "ExtensionPlan",
    "IndexOptions",
    "IndexedDocument",
    "LongEmbedError",
    "LongEmbedding",
    "LongEncoder",
    "LongRetriever",
    "Passage",
    "PassageEncoding",
    "PassageHit",
    "Planner",
    "SearchOptions",
    "SearchResult",
    "WholeDocument",
    "__version__",
    "discover",
    "get_analyzer",
    "read_file",
    "resolve_runtime",
    "search_documents",
]

_HOMES = {
    "Coverage": "longembed_rag.encoder.values",
    "DocumentStore": "longembed_rag.store.store",
    "EncoderSettings": "longembed_rag.encoder.settings",
    "Encoding": "longembed_rag.encoder.values",
    "ExtensionPlan": "longembed_rag.extension.plan",
    "IndexOptions": "longembed_rag.store.values",
    "IndexedDocument": "longembed_rag.store.values",
    "LongEmbedError": "longembed_rag.errors",
    "LongEmbedding": "longembed_rag.llama_index",
    "LongEncoder": "longembed_rag.encoder.encoder",
    "LongRetriever": "longembed_rag.llama_index",
    "Passage": "longembed_rag.encoder.values",
    "PassageEncoding": "longembed_rag.encoder.values",
    "PassageHit": "longembed_rag.search.results",
    "Planner": "longembed_rag.encoder.planner",
    "SearchOptions": "longembed_rag.search.search",
    "SearchResult": "longembed_rag.search.results",
    "WholeDocument": "longembed_rag.llama_index",
    "discover": "longembed_rag.files.discover",
    "get_analyzer": "longembed_rag.words.analyzer",
    "read_file": "longembed_rag.files.readers",
    "resolve_runtime": "longembed_rag.encoder.loading",
    "search_documents": "longembed_rag.search.search",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
