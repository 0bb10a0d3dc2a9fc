"""LongEmbedding: the encoder as an embedding model of LlamaIndex."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from longembed_rag.encoder.folder import DEFAULT_MODEL
from longembed_rag.encoder.rope_factors import factors_as_text
from longembed_rag.encoder.settings import (
    AttentionScaling,
    EncoderSettings,
    MethodChoice,
    Overflow,
    Pooling,
    Scaling,
    plain_name,
)
from longembed_rag.encoder.sharing import SharedEncoder
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    import os

    from longembed_rag.encoder.encoder import LongEncoder

_DEFAULTS = EncoderSettings()
_OPTIONS = tuple(field.name for field in fields(EncoderSettings) if field.name != "model")
# Enough texts per call that the encoder's own batches, by token count, are full; few enough that
# a progress bar and the callbacks move while long documents are read.
_TEXTS_PER_CALL = 256


def _setting(name: str, description: str) -> Any:
    """A field that cannot change under a loaded model, with the encoder's own default."""
    return Field(default=getattr(_DEFAULTS, name), frozen=True, description=description)


class LongEmbedding(BaseEmbedding):
    """Embeds whole texts, up to ``max_length`` tokens in one piece and longer ones in windows.

    ``Settings.embed_model = LongEmbedding()`` is all that an application needs; every setting of
    :class:`~longembed_rag.EncoderSettings` is a field of the same name, except that the model is
    LlamaIndex's ``model_name`` (``model`` is understood too).

    Making one is cheap: bad settings fail at once, the model is loaded on first use. Embeddings
    with equal settings share one loaded model for as long as one of them lives, and copies and
    pickles carry settings only. Settings are frozen, so that a loaded model always fits them.
    Any number of threads and coroutines may use it at the same time: they take turns.

    What is read is never cut in silence: under truncation a
    :class:`~longembed_rag.errors.TruncationWarning` quotes the text's first words, the tokens
    read and the tokens there. To know before embedding, ask ``embedding.encoder.coverage(text)``,
    which does not run the model.

    Example:
        >>> from llama_index.core import Settings
        >>> from longembed_rag import LongEmbedding
        >>> Settings.embed_model = LongEmbedding(method="self_extend", max_length=16384)
    """

    model_config = ConfigDict(extra="forbid")

    model_name: str = Field(
        default="",
        frozen=True,
        description='Folder or hub name; "" is the model that comes with the package.',
    )
    method: MethodChoice = _setting(
        "method", 'How the model reads past its window; "auto" picks by its family.'
    )
    max_length: int = _setting("max_length", "Longest text, in tokens, that is read in one piece.")
    overflow: Overflow = _setting(
        "overflow", "Beyond max_length: average windows, truncate with a warning, or refuse."
    )
    scaling: Scaling = _setting(
        "scaling", "Scale from each text's own length, or always from max_length."
    )
    attention_scaling: AttentionScaling = _setting(
        "attention_scaling", '"log_n" or "yarn" sharpens attention over long texts.'
    )
    group_size: int | None = _setting(
        "group_size", "Overrides the group size of GP, SelfExtend and DPE."
    )
    neighbor_window: int | None = _setting(
        "neighbor_window", "Overrides the exact window of SelfExtend, DPE, STRING and DCA."
    )
    chunk_size: int | None = _setting("chunk_size", "Overrides DCA's chunk size.")
    ntk_lambda: float | None = _setting("ntk_lambda", "Overrides NTK's factor on the rotary base.")
    original_length: int | None = _setting(
        "original_length", "Overrides the model's own context length, in tokens."
    )
    device: str | None = _setting(
        "device", "Torch device; None picks CUDA or MPS where there is one."
    )
    dtype: str = _setting("dtype", '"auto", "float32", "bfloat16" or "float16".')
    batch_tokens: int | None = _setting(
        "batch_tokens", "Tokens per forward pass; None picks by device."
    )
    query_prompt: str | None = _setting(
        "query_prompt", 'Put before queries; None takes the model\'s own, "" none.'
    )
    document_prompt: str | None = _setting(
        "document_prompt", 'Put before documents; None takes the model\'s own, "" none.'
    )
    pooling: Pooling | None = _setting(
        "pooling", '"mean", "cls", "last_token" or "sif"; None takes the model\'s own.'
    )
    normalize: bool = _setting("normalize", "Whether vectors have unit length.")
    truncate_dim: int | None = _setting(
        "truncate_dim", "Keep this many leading dimensions (Matryoshka models)."
    )
    revision: str | None = _setting("revision", "Branch, tag or commit of a hub model.")
    trust_remote_code: bool = _setting("trust_remote_code", "Let a model folder run its own code.")
    rope_theta: float | None = _setting("rope_theta", "The rotary base of ABF.")
    rope_factors: str | None = _setting("rope_factors", "LongRoPE's factors: a file, or its JSON.")
    resonance: bool = _setting("resonance", "Round wavelengths to whole tokens past the window.")
    attention_temperature: float | None = _setting(
        "attention_temperature", "Divide logits by it past the window."
    )
    embed_batch_size: int = Field(
        default=_TEXTS_PER_CALL,
        gt=0,
        le=2048,
        description="Texts per call; the encoder makes its own batches of these, by token count.",
    )
    embeddings_cache: Any | None = Field(
        default=None,
        frozen=True,
        description="Only with query_prompt and document_prompt given and equal.",
    )

    _shared: SharedEncoder | None = PrivateAttr(default=None)

    def __init__(self, model: str | os.PathLike[str] | None = None, **settings: Any) -> None:
        """Check the settings; the model itself is loaded on first use.

        Args:
            model: Folder or hub name, the same as ``model_name``; nothing for the default model.
            **settings: The fields of this class.

        Raises:
            SettingsError: A setting is unknown, out of range or contradicts another, or an
                ``embeddings_cache`` would mix queries and documents.
        """
        settings.pop("class_name", None)
        _refuse_unknown(settings, known=set(type(self).model_fields))
        settings["model_name"] = _one_name(model, settings.get("model_name"))
        for name in ("device", "dtype"):
            # torch's own objects are understood as well as their names.
            if settings.get(name) is not None:
                settings[name] = plain_name(settings[name])
        if settings.get("rope_factors") is not None:
            # A file is read once; what stood in it then holds for good.
            settings["rope_factors"] = factors_as_text(settings["rope_factors"])
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise SettingsError(_in_words(error)) from error

    @classmethod
    def from_encoder(cls, encoder: LongEncoder, **settings: Any) -> LongEmbedding:
        """Wrap an encoder that is loaded already.

        A copy shares the encoder; an unpickled one loads its own from the same settings.

        Args:
            encoder: The encoder; its settings become this embedding's fields.
            **settings: LlamaIndex's own fields, ``embed_batch_size`` or ``callback_manager``.

        Returns:
            An embedding around that very encoder.

        Raises:
            SettingsError: A setting of the encoder is given once more.
        """
        values = encoder.settings.to_dict()
        repeated = sorted({"model_name", *values}.intersection(settings))
        if repeated:
            raise SettingsError(
                f"{', '.join(repeated)} belongs to the encoder that is handed in: "
                "set it in LongEncoder.from_pretrained"
            )
        embedding = cls(values.pop("model"), **values, **settings)
        embedding._shared = SharedEncoder(embedding.settings, encoder)
        return embedding

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "LongEmbedding"

    @model_validator(mode="after")
    def _check(self) -> Self:
        _ = self.settings
        if self.embeddings_cache is not None and (
            self.query_prompt is None or self.query_prompt != self.document_prompt
        ):
            raise SettingsError(
                "embeddings_cache finds vectors by the bare text, so a query that equals a "
                "document would get the document's vector. Cache documents with IngestionPipeline "
                "instead (it has a cache of its own), or give the same query_prompt and "
                "document_prompt if the model makes no difference between the two"
            )
        return self

    @property
    def model(self) -> str | None:
        """Folder or hub name, as the encoder's settings call it; None for the default model."""
        return self.model_name or None

    @property
    def settings(self) -> EncoderSettings:
        """These fields as the encoder's settings."""
        options = {name: getattr(self, name) for name in _OPTIONS}
        return EncoderSettings(model=self.model_name or None, **options)

    @property
    def encoder(self) -> LongEncoder:
        """The encoder behind this embedding, loaded now if it was not yet.

        Raises:
            ModelLoadError: The model cannot be loaded.
            UnsupportedMethodError: The method does not fit the model.
        """
        return self._share().encoder

    def to_payload(self) -> dict[str, Any]:
        """What callbacks and events are told about this model: every setting."""
        name = {"model_name": self.model_name or DEFAULT_MODEL}
        return {**super().to_payload(), **name, **{key: getattr(self, key) for key in _OPTIONS}}

    def _share(self) -> SharedEncoder:
        settings = self.settings
        # model_copy(update=...) changes fields and keeps private attributes.
        if self._shared is None or self._shared.settings != settings:
            self._shared = SharedEncoder.of_settings(settings)
        return self._shared

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._share().encode([query], "query")[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return await asyncio.to_thread(self._get_text_embedding, text)

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._share().encode(texts, "document")

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def _refuse_unknown(settings: dict[str, Any], *, known: set[str]) -> None:
    """Refuse names that pydantic would call extra, listing the ones that exist."""
    unknown = sorted(set(settings) - known)
    if unknown:
        raise SettingsError(
            f"unknown setting {', '.join(unknown)}; known are: {', '.join(sorted(known))}"
        )


def _one_name(model: str | os.PathLike[str] | None, model_name: Any) -> str:
    """The model under either of its two names."""
    given = {str(name) for name in (model, model_name) if name}
    if len(given) > 1:
        raise SettingsError(f"model={model!r} and model_name={model_name!r} differ: give one")
    return given.pop() if given else ""


def _in_words(error: ValidationError) -> str:
    """Pydantic's findings as one line, each with its setting and the value that was given."""
    lines = []
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        name = ".".join(str(part) for part in detail["loc"])
        lines.append(str(cause) if cause else f"{name}={detail['input']!r}: {detail['msg']}")
    return "; ".join(lines)
