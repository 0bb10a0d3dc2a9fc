"""LongTextEmbedder: queries to vectors."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from typing import Any

from haystack import component, default_from_dict, default_to_dict

from haystack_integrations.components.embedders.longembed.reading import Reader


@component
class LongTextEmbedder(Reader):
    """Embeds a text as a query, of whatever length.

    Making one is cheap: settings are checked, and the model is loaded by :meth:`warm_up` or the
    first text. Embedders and stores with equal settings share one loaded model. Any number of
    threads may use one.

    Args:
        model: Folder or hub name; None is the model that comes with longembed-rag.
        **settings: The other fields of :class:`~longembed_rag.EncoderSettings`.

    Raises:
        SettingsError: A setting is unknown or out of range.

    Example:
        >>> embedder = LongTextEmbedder()
        >>> len(embedder.run("who signed the lease?")["embedding"])
        384
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, **settings: Any) -> None:
        # Not super(): the decorator makes another class of this one.
        Reader.__init__(self, {"model": model, **settings})

    def to_dict(self) -> dict[str, Any]:
        """Every setting as a plain value, without the model itself."""
        return default_to_dict(self, **self.settings.to_dict())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongTextEmbedder:
        """An embedder with the settings that :meth:`to_dict` gave."""
        embedder: LongTextEmbedder = default_from_dict(cls, data)
        return embedder

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """Embed a text.

        Args:
            text: The text; the model's query prompt is put before it.

        Returns:
            ``embedding``, and under ``meta`` the model's name and how much of the text was read:
            ``tokens``, ``tokens_read``, ``windows``, ``method``, ``tokens_unknown``.

        Raises:
            TypeError: It is no text.
            InputError: The text cannot be embedded.
            ModelLoadError: The model cannot be loaded.
        """
        if not isinstance(text, str):
            raise TypeError(
                "LongTextEmbedder takes a text; documents are for the LongDocumentEmbedder"
            )
        encoding = self._encode([text], kind="query", names=["the text"])
        return {
            "embedding": encoding.embeddings[0].tolist(),
            "meta": {"model": self.encoder.model_name, **asdict(encoding.coverage[0])},
        }

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    async def run_async(self, text: str) -> dict[str, Any]:
        """:meth:`run` on another thread, so that the event loop runs on.

        Args:
            text: The text.
        """
        return await asyncio.to_thread(self.run, text)
