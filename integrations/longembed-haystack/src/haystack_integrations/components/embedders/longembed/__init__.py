"""Embedders of Haystack that read whole texts."""

from haystack_integrations.components.embedders.longembed.document_embedder import (
    LongDocumentEmbedder,
)
from haystack_integrations.components.embedders.longembed.text_embedder import LongTextEmbedder

__all__ = ["LongDocumentEmbedder", "LongTextEmbedder"]
