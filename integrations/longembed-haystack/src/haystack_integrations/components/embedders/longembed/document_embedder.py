"""LongDocumentEmbedder: whole documents to vectors."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from haystack_integrations.components.embedders.longembed.reading import Reader
from longembed_rag.errors import EmptyTextError


@component
class LongDocumentEmbedder(Reader):
    """Embeds whole documents, without a splitter before it.

    For stores other than :class:`LongDocumentStore`, which makes its vectors itself. Making one is
    cheap: settings are checked, and the model is loaded by :meth:`warm_up` or the first document.
    Embedders and stores with equal settings share one loaded model. Any number of threads may use
    one.

    Args:
        model: Folder or hub name; None is the model that comes with longembed-rag.
        meta_fields_to_embed: Metadata that is put before a document's text.
        embedding_separator: What stands between them.
        **settings: The other fields of :class:`~longembed_rag.EncoderSettings`.

    Raises:
        SettingsError: A setting is unknown or out of range.

    Example:
        >>> embedder = LongDocumentEmbedder(max_length=8192)
        >>> (document,) = embedder.run([Document(content="a whole book")])["documents"]
        >>> len(document.embedding)
        384
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
        **settings: Any,
    ) -> None:
        # Not super(): the decorator makes another class of this one.
        Reader.__init__(self, {"model": model, **settings})
        self.meta_fields_to_embed = list(meta_fields_to_embed or [])
        self.embedding_separator = embedding_separator

    def to_dict(self) -> dict[str, Any]:
        """Every setting as a plain value, without the model itself."""
        return default_to_dict(
            self,
            meta_fields_to_embed=self.meta_fields_to_embed,
            embedding_separator=self.embedding_separator,
            **self.settings.to_dict(),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongDocumentEmbedder:
        """An embedder with the settings that :meth:`to_dict` gave."""
        embedder: LongDocumentEmbedder = default_from_dict(cls, data)
        return embedder

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """Embed documents, each by itself and to its end.

        Args:
            documents: The documents; they stay as they are.

        Returns:
            ``documents``, new ones with embeddings, and under ``meta`` the model's name, the
            ``tokens`` and ``tokens_read`` of all, and the ``coverage`` of each.

        Raises:
            TypeError: It is no list of documents.
            EmptyTextError: Documents hold no text; names them.
            InputError: A document cannot be embedded; names it.
            ModelLoadError: The model cannot be loaded.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise TypeError(
                "LongDocumentEmbedder takes a list of documents; a text is for the LongTextEmbedder"
            )
        texts, names = [self._text(each) for each in documents], [each.id for each in documents]
        empty = [name for name, text in zip(names, texts, strict=True) if not text.strip()]
        if empty:
            raise EmptyTextError(f"{', '.join(empty)}: there is no text in them to embed")
        encoding = self._encode(texts, kind="document", names=names)
        pairs = zip(documents, encoding.embeddings.tolist(), strict=True)
        return {
            "documents": [replace(document, embedding=vector) for document, vector in pairs],
            "meta": {
                "model": self.encoder.model_name,
                "tokens": sum(each.tokens for each in encoding.coverage),
                "tokens_read": sum(each.tokens_read for each in encoding.coverage),
                "coverage": [asdict(each) for each in encoding.coverage],
            },
        }

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """:meth:`run` on another thread, so that the event loop runs on.

        Args:
            documents: The documents.
        """
        return await asyncio.to_thread(self.run, documents)

    def _text(self, document: Document) -> str:
        """What is read of a document; fields that it lacks are left out."""
        found = [document.meta.get(field) for field in self.meta_fields_to_embed]
        fields = [str(each) for each in found if each is not None]
        return self.embedding_separator.join([*fields, document.content or ""])
