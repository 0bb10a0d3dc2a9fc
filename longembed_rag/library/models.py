"""What reads a library's texts: the model that its collection was made with, when it is needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from longembed_rag.encoder.settings import EncoderOptions, EncoderSettings
from longembed_rag.encoder.sharing import SharedEncoder
from longembed_rag.encoder.values import QueryEncoding
from longembed_rag.errors import SettingsError
from longembed_rag.store.inheritance import build_settings

if TYPE_CHECKING:
    import os

    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.query_reader import QueryReader
    from longembed_rag.ingest.encoding import DocumentEncoder
    from longembed_rag.store.store import DocumentStore
    from longembed_rag.store.values import CollectionRecord


class LibrarySettings(EncoderOptions, total=False):
    """The settings of a library's encoder; see :class:`~longembed_rag.EncoderSettings`."""

    model: str | os.PathLike[str] | None


@dataclass(kw_only=True)
class Models(ABC):
    """The model of a library, loaded when it is first needed and checked once.

    Attributes:
        settings_given: Settings of the encoder that were given, by name.
        encoder_given: An encoder that is loaded already.

    Raises:
        SettingsError: Both are given, or a setting is unknown or out of range.
    """

    settings_given: Mapping[str, Any]
    encoder_given: DocumentEncoder | None = None
    _shared: SharedEncoder | None = None
    _checked: LongEncoder | None = None
    _read_by: QueryReader | None = None
    _has_reader: bool = False
    _loading: Any = field(default_factory=Lock)
    _looking: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.encoder_given is not None and self.settings_given:
            raise SettingsError(
                f"{', '.join(sorted(self.settings_given))}: an encoder is given, which has its "
                "settings already; give either"
            )
        build_settings(self.settings_given)

    @abstractmethod
    def find_store(self) -> DocumentStore | None:
        """The store, if there is one."""

    @abstractmethod
    def record(self) -> CollectionRecord | None:
        """What its collection says of itself, if there is one."""

    def check_again(self) -> None:
        """Compare the model with the collection once more when it is next used."""
        self._checked = self._read_by = None

    def settings(self) -> EncoderSettings:
        """The encoder's: those that were given, the others as the collection has them."""
        if self.encoder_given is not None:
            return cast("EncoderSettings", self.encoder_given.settings)
        return build_settings(self.settings_given, record=self.record())

    def planner(self) -> Planner | None:
        """What says how texts would be read, without weights; None of a foreign encoder.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model's config or tokenizer cannot be loaded.
            StoreError: The collection cannot be read.
        """
        if self.encoder_given is not None:
            return getattr(self.encoder_given, "planner", None)
        with self._loading:
            planner = self._share().planner
        store, record = self.find_store(), self.record()
        if store is not None and record is not None:
            used = {"model": planner.model_name, **planner.vector_settings()}
            # The fingerprint reads the weights, so that it is only asked for where settings differ.
            if any(record.description.get(name) != value for name, value in used.items()):
                description = {**planner.describe(), "dimension": record.dimension}
                store.check(fingerprint=planner.fingerprint, description=description)
        return planner

    def encoder(self) -> LongEncoder:
        """The encoder, loaded now if it was not, and that of the collection if there is one.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The collection cannot be read.
        """
        with self._loading:
            if self._checked is not None:
                return self._checked
            given = cast("LongEncoder | None", self.encoder_given)
            store, record = self.find_store(), self.record()
            encoder = given or self._kept(record) or self._share().encoder
            if store is not None and record is not None:
                store.check(fingerprint=encoder.fingerprint, description=encoder.describe())
                self._checked = encoder
            return encoder

    def encode_queries(
        self, texts: list[str], *, names: list[str], with_tokens: bool
    ) -> QueryEncoding:
        """Embed queries as the collection's model does, and their tokens if they are asked for.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            InputError: A query cannot be embedded.
            StoreError: The collection cannot be read.
        """
        reader = self.query_reader()
        encoding = None if reader is None else reader.encode_queries(texts, names=names)
        if encoding is not None:
            return encoding
        encoder = self.encoder()
        if with_tokens:
            return encoder.encode_queries(texts, names=names)
        found = encoder.encode(texts, kind="query", names=names)
        return QueryEncoding(embeddings=found.embeddings, tokens=(), coverage=found.coverage)

    def query_reader(self) -> QueryReader | None:
        """What reads queries as the collection's model does, where that takes no torch.

        Returns:
            The reader; None where only the encoder reads queries, or was there first.

        Raises:
            CollectionMismatchError: The collection was made with other settings; names them.
            ModelLoadError: The model cannot be loaded.
            StoreError: The collection cannot be read.
        """
        # Not behind the encoder, which takes seconds to load.
        with self._looking:
            store, record = self.find_store(), self.record()
            is_loaded = not self._has_reader and (self._checked or self._kept(record))
            if self.encoder_given or is_loaded:
                return None
            reader = self._share().query_reader
            self._has_reader = reader is not None
            if reader is None or reader is self._read_by:
                return reader
            if store is not None and record is not None:
                store.check(fingerprint=reader.fingerprint, description=reader.describe())
                self._read_by = reader
            return reader

    def _kept(self, record: CollectionRecord | None) -> LongEncoder | None:
        """The encoder that is loaded already, where the collection has been made with it."""
        if self._shared is None or record is None or not self._shared.is_loaded:
            return None
        encoder = self._shared.encoder
        return encoder if encoder.fingerprint == record.fingerprint else None

    def _share(self) -> SharedEncoder:
        """The model that everybody with these settings shares; kept, so that it stays loaded."""
        settings = self.settings()
        if self._shared is None or self._shared.settings != settings:
            self._shared = SharedEncoder.of_settings(settings)
        return self._shared
