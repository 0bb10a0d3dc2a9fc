"""Search by words and meaning: longembed-rag's retriever under the names of LlamaIndex's hub."""

from __future__ import annotations

from longembed_rag import LongRetriever

__all__ = ["LongRetriever"]
