"""The plugs for LlamaIndex: an embedding model, documents kept whole, and a retriever."""

from __future__ import annotations

from longembed_rag.llama_index.documents import WholeDocument
from longembed_rag.llama_index.embedding import LongEmbedding
from longembed_rag.llama_index.retriever import LongRetriever

__all__ = ["LongEmbedding", "LongRetriever", "WholeDocument"]
