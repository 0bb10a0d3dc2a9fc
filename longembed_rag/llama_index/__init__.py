"""The plugs for LlamaIndex: an embedding model, whole documents, a retriever, a vector store."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from longembed_rag.llama_index.documents import WholeDocument
from longembed_rag.llama_index.embedding import LongEmbedding
from longembed_rag.llama_index.retriever import LongRetriever

if TYPE_CHECKING:
    from longembed_rag.llama_index.vector_store import LongVectorStore

__all__ = ["LongEmbedding", "LongRetriever", "LongVectorStore", "WholeDocument"]


def __getattr__(name: str) -> Any:
    """Import the vector store on first use: with it comes qdrant-client, which takes a second."""
    if name != "LongVectorStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("longembed_rag.llama_index.vector_store").LongVectorStore
