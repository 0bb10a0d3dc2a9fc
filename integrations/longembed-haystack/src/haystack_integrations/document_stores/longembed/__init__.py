"""Whole documents in Qdrant, as a document store of Haystack."""

from haystack_integrations.document_stores.longembed.document_store import LongDocumentStore

__all__ = ["LongDocumentStore"]
