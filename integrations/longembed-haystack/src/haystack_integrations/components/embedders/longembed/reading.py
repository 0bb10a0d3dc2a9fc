"""What both embedders have: settings that are checked at once, a model that is loaded later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from longembed_rag import EncoderSettings

if TYPE_CHECKING:
    from longembed_rag import Encoding, LongEmbedding, LongEncoder


class Reader:
    """Reads texts with a model that everybody with these settings shares.

    Args:
        settings: The fields of :class:`~longembed_rag.EncoderSettings`, by name.

    Raises:
        SettingsError: A setting is unknown or out of range.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = EncoderSettings.from_dict(settings)
        self._embedding: LongEmbedding | None = None

    @property
    def settings(self) -> EncoderSettings:
        """How texts become vectors."""
        return self._settings

    @property
    def encoder(self) -> LongEncoder:
        """The encoder, loaded now if it was not.

        Raises:
            ModelLoadError: The model cannot be loaded.
            UnsupportedMethodError: The method does not fit the model.
        """
        if self._embedding is None:
            # Late, since LlamaIndex takes a second; its embedding knows who reads with the same.
            from longembed_rag import LongEmbedding

            self._embedding = LongEmbedding(**self._settings.to_dict())
        return self._embedding.encoder

    def warm_up(self) -> None:
        """Load the model, which else is loaded when it is first needed.

        Raises:
            ModelLoadError: The model cannot be loaded.
            UnsupportedMethodError: The method does not fit the model.
        """
        _ = self.encoder

    def close(self) -> None:
        """Let the model go, if nobody else reads with it; the next text loads it again."""
        self._embedding = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_embedding": None}

    def _encode(
        self, texts: Sequence[str], *, kind: Literal["document", "query"], names: Sequence[str]
    ) -> Encoding:
        return self.encoder.encode(texts, kind=kind, names=names)
