"""LongEmbeddings: the encoder as embeddings of LangChain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.embeddings import Embeddings
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from typing_extensions import Self

from langchain_longembed._translation import excerpt
from longembed_rag import EncoderSettings

if TYPE_CHECKING:
    from longembed_rag import Library, LongEmbedding, LongEncoder

_DEFAULTS = EncoderSettings()
_NAMES = tuple(_DEFAULTS.to_dict())


def _setting(name: str, description: str) -> Any:
    """A field with the encoder's own default."""
    return Field(default=getattr(_DEFAULTS, name), description=description)


class LongEmbeddings(BaseModel, Embeddings):
    """Embeds whole texts, up to ``max_length`` tokens in one piece and longer ones in windows.

    Its fields are the settings of :class:`longembed_rag.EncoderSettings`. Making one is cheap: bad
    settings fail at once, the model is loaded on first use. Embeddings and libraries with equal
    settings share one loaded model for as long as one of them lives; copies share it, too, and
    pickles carry settings only. Any number of threads and coroutines may use it at the same time.

    What is read is never cut in silence: under truncation a
    :class:`longembed_rag.errors.TruncationWarning` quotes the text's first words, the tokens read
    and the tokens there.

    Raises:
        SettingsError: A setting is unknown, out of range or contradicts another.

    Example:
        >>> embeddings = LongEmbeddings(method="self_extend", max_length=16384)
        >>> len(embeddings.embed_query("who signed the lease?"))
        384
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = _setting("model", "Folder or hub name; None is the model of the package.")
    method: str = _setting("method", 'How to read past the window; "auto" picks by the family.')
    max_length: int = _setting("max_length", "Longest text, in tokens, read in one piece.")
    overflow: str = _setting("overflow", 'Beyond max_length: "windows", "truncate" or "error".')
    scaling: str = _setting("scaling", '"dynamic" by each text\'s length, or "static".')
    attention_scaling: str = _setting("attention_scaling", '"log_n", "yarn" or "none".')
    group_size: int | None = _setting("group_size", "Overrides that of GP, SelfExtend and DPE.")
    neighbor_window: int | None = _setting(
        "neighbor_window", "Overrides that of SelfExtend and others."
    )
    ntk_lambda: float | None = _setting("ntk_lambda", "Overrides NTK's factor on the base.")
    original_length: int | None = _setting("original_length", "Overrides the model's own window.")
    device: str | None = _setting("device", "Torch device; None picks CUDA or MPS, else the CPU.")
    dtype: str = _setting("dtype", '"auto", "float32", "bfloat16" or "float16".')
    batch_tokens: int | None = _setting("batch_tokens", "Tokens per forward pass.")
    query_prompt: str | None = _setting("query_prompt", "Put before queries; None: the model's.")
    document_prompt: str | None = _setting("document_prompt", "Put before documents, likewise.")
    pooling: str | None = _setting("pooling", '"mean", "cls", "last_token", "sif"; None: its own.')
    normalize: bool = _setting("normalize", "Whether vectors have unit length.")
    truncate_dim: int | None = _setting("truncate_dim", "Keep this many leading dimensions.")
    revision: str | None = _setting("revision", "Branch, tag or commit of a hub model.")
    trust_remote_code: bool = _setting("trust_remote_code", "Let a model run its own code.")
    rope_theta: float | None = _setting("rope_theta", "The rotary base of ABF.")
    rope_factors: str | None = _setting("rope_factors", "LongRoPE's factors: a file, or its JSON.")
    resonance: bool = _setting("resonance", "Whole wavelengths past the window.")
    attention_temperature: float | None = _setting("attention_temperature", "Divides logits.")
    window_overlap: int = _setting("window_overlap", "Tokens that neighbouring windows share.")
    window_sinks: int = _setting("window_sinks", "First tokens that every window of PCW sees.")
    window_ends: str = _setting("window_ends", 'Windows of PCW end by "tokens" or "sentences".')
    window_weights: str = _setting("window_weights", '"even", "tokens" or "sif" weigh them.')
    chunk_size: int | None = _setting("chunk_size", "Overrides the size of DCA's chunks.")
    task: str | None = _setting("task", "Read by the model's adapter for a task: retrieval, ...")

    # Whose encoder this is, where it is somebody's: an encoder's or a library's.
    _source: Callable[[], LongEncoder] | None = PrivateAttr(default=None)
    # What shares a model with everybody who has the same settings, and keeps it loaded.
    _shared: LongEmbedding | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **settings: Any) -> None:
            super().__init__(**EncoderSettings.from_dict(settings).to_dict())

    @classmethod
    def from_encoder(cls, encoder: LongEncoder) -> Self:
        """Wrap an encoder that is loaded already.

        Args:
            encoder: The encoder; its settings become the fields. A copy shares it; an unpickled
                one loads its own from the same settings.
        """
        return cls._of(encoder.settings, lambda: encoder)

    @classmethod
    def from_library(cls, library: Library) -> Self:
        """What a library's documents and queries are embedded with; loads nothing yet.

        Args:
            library: The library; its encoder is loaded, and checked against the collection, when
                it is first needed.
        """
        return cls._of(library.settings, lambda: library.encoder)

    @classmethod
    def _of(cls, settings: EncoderSettings, source: Callable[[], LongEncoder]) -> Self:
        made = cls(**settings.to_dict())
        made._source = source
        return made

    @property
    def settings(self) -> EncoderSettings:
        """These fields as the encoder's settings."""
        return EncoderSettings.from_dict({name: getattr(self, name) for name in _NAMES})

    @property
    def encoder(self) -> LongEncoder:
        """The encoder, loaded now if it was not.

        Raises:
            ModelLoadError: The model cannot be loaded.
            UnsupportedMethodError: The method does not fit the model.
        """
        if self._source is not None:
            return self._source()
        if self._shared is None:
            from longembed_rag import LongEmbedding

            self._shared = LongEmbedding(**self.settings.to_dict())
        return self._shared.encoder

    def library_options(self) -> dict[str, Any]:
        """What :meth:`longembed_rag.Library.open` takes for a library to embed with these.

        Returns:
            The settings, or the encoder where it is loaded already, or somebody else's.
        """
        is_own = self._source is None and self._shared is None
        return self.settings.to_dict() if is_own else {"encoder": self.encoder}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of documents, in the order given.

        Args:
            texts: Whole texts of any length.

        Raises:
            InputError: A text cannot be embedded; quotes its first words.
            ModelLoadError: The model cannot be loaded.
        """
        return self._embed(texts, "document")

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query.

        Args:
            text: The query.

        Raises:
            InputError: It cannot be embedded.
            ModelLoadError: The model cannot be loaded.
        """
        return self._embed([text], "query")[0]

    def _embed(self, texts: list[str], kind: Literal["document", "query"]) -> list[list[float]]:
        if not texts:
            return []
        names = [excerpt(text) for text in texts]
        encoding = self.encoder.encode(texts, kind=kind, names=names)
        vectors: list[list[float]] = encoding.embeddings.tolist()
        return vectors

    def __getstate__(self) -> dict[Any, Any]:
        # Neither weights nor an open store go into a pickle.
        nothing = {"_source": None, "_shared": None}
        return {**super().__getstate__(), "__pydantic_private__": nothing}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.__copy__()  # the fields are plain values, and the encoder is shared

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        """A copy, with other settings where ``update`` says so, which are checked.

        Args:
            update: Settings by name.
            deep: Makes no difference: the fields are plain values.

        Raises:
            SettingsError: A setting is unknown or out of range.
        """
        if not update:
            return self.__copy__()
        return type(self)(**{**self.model_dump(), **update})
