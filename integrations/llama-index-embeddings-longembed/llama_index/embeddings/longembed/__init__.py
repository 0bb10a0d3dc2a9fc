"""Long documents embedded whole: classes of longembed-rag under the names of LlamaIndex's hub."""

from __future__ import annotations

from longembed_rag import LongEmbedding, WholeDocument

__all__ = ["LongEmbedding", "WholeDocument"]
