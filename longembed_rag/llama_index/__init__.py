"""The plugs for LlamaIndex: an embedding model, and a transformation that keeps documents whole."""

from __future__ import annotations

from longembed_rag.llama_index.documents import WholeDocument
from longembed_rag.llama_index.embedding import LongEmbedding

__all__ = ["LongEmbedding", "WholeDocument"]
