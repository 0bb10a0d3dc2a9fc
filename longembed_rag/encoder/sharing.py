"""One loaded model for everything in the process that reads with the same settings."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from longembed_rag.limits import share_processors

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.query_reader import QueryReader
    from longembed_rag.encoder.settings import EncoderSettings, Kind
    from longembed_rag.encoder.values import Encoding, QueryEncoding

_EXCERPT_LENGTH = 60
# Weak: a model is shared for as long as anybody who uses it lives, and freed with the last.
_shared: WeakValueDictionary[EncoderSettings, SharedEncoder] = WeakValueDictionary()
_shared_lock = Lock()


class SharedEncoder:
    """An encoder that is loaded when it is first needed; the encoder lets threads take turns.

    Copies are the object itself, and a pickle carries the settings without the weights.

    Attributes:
        settings: What the encoder is, or will be, loaded with.
    """

    def __init__(self, settings: EncoderSettings, encoder: LongEncoder | None = None) -> None:
        self.settings = settings
        self._encoder = encoder
        self._reader: QueryReader | None = None
        self._has_looked = encoder is not None
        self._loading, self._looking = Lock(), Lock()

    @classmethod
    def of_settings(cls, settings: EncoderSettings) -> SharedEncoder:
        """The one that all users of these settings share; nothing is loaded yet."""
        with _shared_lock:
            shared = _shared.get(settings)
            if shared is None:
                shared = _shared[settings] = cls(settings)
            return shared

    @property
    def encoder(self) -> LongEncoder:
        """The encoder, loaded on first use; other threads wait for the one that loads it."""
        with self._loading:
            if self._encoder is None:
                self._encoder = _load(self.settings)
                self._has_looked = True
            return self._encoder

    @property
    def query_reader(self) -> QueryReader | None:
        """What reads queries without the encoder; None where it takes that, or has it already.

        One that was there first stays, and waits for nobody: neither while the encoder is loaded
        nor for what the encoder reads.

        Raises:
            SettingsError: A setting does not fit the model.
            ModelLoadError: The model cannot be loaded.
        """
        with self._looking:
            if not self._has_looked:
                from longembed_rag.encoder.query_reader import QueryReader

                self._reader = QueryReader.from_settings(self.settings)
                self._has_looked = True
            return self._reader

    @property
    def is_loaded(self) -> bool:
        """Whether the encoder is there."""
        return self._encoder is not None

    @property
    def planner(self) -> Planner:
        """What says how a text would be read: the encoder's, else one without weights."""
        with self._loading:
            if self._encoder is not None:
                return self._encoder.planner
        from longembed_rag.encoder.planner import Planner

        return Planner.from_settings(self.settings)

    def encode(self, texts: list[str], kind: Kind) -> list[list[float]]:
        """Embed texts, called by their first words in warnings and errors."""
        if not texts:
            return []
        names = [_excerpt(text) for text in texts]
        encoding: Encoding | QueryEncoding | None = None
        if kind == "query" and (reader := self.query_reader) is not None:
            encoding = reader.encode_queries(texts, names=names)
        if encoding is None:
            encoding = self.encoder.encode(texts, kind=kind, names=names)
        vectors: list[list[float]] = encoding.embeddings.tolist()
        return vectors

    def __copy__(self) -> SharedEncoder:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedEncoder:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (SharedEncoder.of_settings, (self.settings,))


def _excerpt(text: str) -> str:
    """What a text is called: LlamaIndex hands over texts without their names."""
    words = " ".join(text[: 4 * _EXCERPT_LENGTH].split())
    return f'"{words}"' if len(words) <= _EXCERPT_LENGTH else f'"{words[:_EXCERPT_LENGTH]}..."'


def _load(settings: EncoderSettings) -> LongEncoder:
    share_processors()
    from longembed_rag.encoder.encoder import LongEncoder

    return LongEncoder.from_settings(settings)
