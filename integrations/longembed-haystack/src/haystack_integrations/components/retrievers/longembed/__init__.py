"""A retriever of Haystack over whole documents and their passages."""

from haystack_integrations.components.retrievers.longembed.retriever import LongRetriever

__all__ = ["LongRetriever"]
