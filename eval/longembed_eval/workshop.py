"""What systems are made of, shared between them: the model, vectors, and a place for stores."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import Self

from longembed_eval.systems.choose import ENCODER, METHODS, SystemChoice
from longembed_eval.systems.protocol import System, shown_model
from longembed_eval.systems.readings import Reader, Readings, name_of
from longembed_eval.systems.slot import ModelSlot
from longembed_rag import (
    DocumentStore,
    EncoderSettings,
    IndexOptions,
    Planner,
    TokenOptions,
    get_analyzer,
)
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from longembed_eval.systems.readers import WholeReader
    from longembed_rag import LongEncoder

Through = Literal["exact", "qdrant"]

#: Tokens of a chunk where nothing is said: a model that reads more is cut like others all the same.
_CHUNK = 512
#: Settings of ``late`` that say how tokens are kept.
_OF_TOKENS = ("pool", "pool_by", "bits")


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What holds for every system that does not say otherwise.

    Attributes:
        encoder: Model and settings.
        through: ``"exact"`` compares every vector in memory; ``"qdrant"`` goes through a store
            and the product's own search, as the hybrid always does; ``late`` never does.
        url: A Qdrant server for ``"qdrant"``; None for an embedded store in a scratch folder.
        api_key: Its key.
        window: Tokens of a chunk, special tokens and prompt included; None for 512, or the model's
            own length if that is less.
        overlap: Tokens that neighbouring chunks share.
        passage_tokens: Most tokens in a passage.
        language: What words are stemmed as.
        depth: How many documents each query may find; measures that look further see no more.
        timed_queries: Most queries that are asked one at a time to be timed.

    Raises:
        SettingsError: A value is out of range.
    """

    encoder: EncoderSettings
    through: Through = "exact"
    url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    window: int | None = None
    overlap: int = 0
    passage_tokens: int = 256
    language: str = "english"
    depth: int = 10
    timed_queries: int = 30

    def __post_init__(self) -> None:
        if self.through not in ("exact", "qdrant"):
            raise SettingsError(f"through={self.through!r} is not one of: exact, qdrant")
        if self.url is not None and self.through != "qdrant":
            raise SettingsError("a server's url is only used with --through qdrant")
        if self.depth < 10:
            raise SettingsError(f"depth={self.depth} must be at least 10, for nDCG@10")
        IndexOptions(passage_tokens=self.passage_tokens)
        get_analyzer(self.language)
        if self.timed_queries < 1:
            raise SettingsError(f"timed_queries={self.timed_queries} must be at least 1")


@dataclass(frozen=True)
class Built:
    """A system that can be run.

    Attributes:
        choice: As it was asked for.
        system: The system.
        settings: Everything that its scores depend on, ready for JSON.
        reading: What systems that look at the same reading have in common; None for those that look
            at words alone.
    """

    choice: SystemChoice
    system: System
    settings: Mapping[str, Any]
    reading: str | None = None


class Workshop:
    """Context in which systems are built and run; closes and removes their stores at the end.

    Args:
        options: What holds for every system.
        folder: Where vectors are kept between runs.
        circumstances: What else times depend on, beside the machine; rows tell it.
        model: Where the model is kept; None for a place that ends with the workshop.
    """

    def __init__(
        self,
        options: BenchOptions,
        *,
        folder: Path,
        circumstances: Mapping[str, str] | None = None,
        model: ModelSlot | None = None,
    ) -> None:
        from longembed_rag import resolve_runtime

        self.options = options
        self._base = resolve_runtime(options.encoder)
        self.circumstances = dict(circumstances or {})
        self._readings = Readings(folder / "vectors", self.circumstances)
        self._model = ModelSlot() if model is None else model
        self._described: dict[str, dict[str, Any]] = {}
        self._stores: list[DocumentStore] = []
        self._scratch = Path(tempfile.mkdtemp(prefix="longembed-eval-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close_stores()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def planner(self, **own: Any) -> Planner:
        """Model and settings with some of a system's own, without weights."""
        return Planner.from_settings(self._settings(own))

    def _settings(self, own: Mapping[str, Any]) -> EncoderSettings:
        settings = EncoderSettings.from_dict({**self._base.to_dict(), **own})
        if settings.method == "auto":
            # By its name, so that it is the same model as the one that is asked for by it.
            method = Planner.from_settings(settings).method
            return replace(settings, method=method)
        return settings

    def encoder(self, settings: EncoderSettings) -> LongEncoder:
        """The model, loaded; only the one used last stays in memory."""
        from longembed_rag import LongEncoder

        loaded: LongEncoder = self._model.get(settings, lambda: LongEncoder.from_settings(settings))
        return loaded

    def build(self, choice: SystemChoice) -> Built:
        """A system as it was asked for; its model is loaded when it is first used.

        Raises:
            SettingsError: Its settings contradict each other, or do not fit the model.
            ModelLoadError: The model cannot be loaded.
        """
        own = {"bm25": self._words, "late": self._late, "contextual": self._contextual}
        if choice.name in own:
            return own[choice.name](choice)
        reader = self._reader(choice)
        mode: Literal["dense", "passages", "hybrid"]
        if choice.name == "hybrid":
            mode = "hybrid"
        else:
            mode = "passages" if choice.name in ("passages", "chunked") else "dense"
        settings = {**reader.settings, "depth": self.options.depth}
        if mode != "hybrid" and self.options.through == "exact":
            from longembed_eval.systems.vectors import VectorSystem

            level: Literal["parts", "documents"] = "parts" if mode == "passages" else "documents"
            settings["through"] = "exact"
            system = VectorSystem(reader, level, self._readings)
            return Built(choice, system, settings, name_of(reader))
        from longembed_eval.systems.stored import KEPT, StoredSystem

        language = choice.options.get("language", self.options.language)
        get_analyzer(language)
        settings |= {"through": "qdrant", "mode": mode}
        stored = StoredSystem(mode, reader, self._readings, self._open_store, language)
        if mode == "hybrid":
            stored.token_reader = self._keeping_tokens(choice)
            kept = None if stored.token_reader is None else asdict(KEPT)
            settings |= {"language": language, "token_vectors": kept}
        return Built(choice, stored, settings, name_of(reader))

    def _keeping_tokens(self, choice: SystemChoice) -> WholeReader | None:
        """What reads tokens for the hybrid, where an ingest would keep them; else None."""
        from longembed_eval.systems.stored import KEPT

        options = IndexOptions(late_interaction=choice.options.get("late_interaction", "auto"))
        reader = self._whole_reader(choice)
        wanted = {"on": True, "off": False, "auto": reader.planner.late_interaction}
        if not wanted[options.late_interaction]:
            return None
        self._readings.want(reader, KEPT)
        return reader

    def _late(self, choice: SystemChoice) -> Built:
        from longembed_eval.systems.late import LateSystem

        own = {name: choice.options[name] for name in _OF_TOKENS if name in choice.options}
        options = TokenOptions(**{"pool": 1, "bits": False, **own})
        reader = self._whole_reader(choice)
        self._readings.want(reader, options)
        settings = {
            **reader.settings,
            "depth": self.options.depth,
            "through": "exact",
            "token_vectors": asdict(options),
        }
        system = LateSystem(reader, options, self._readings)
        return Built(choice, system, settings, name_of(reader))

    def _contextual(self, choice: SystemChoice) -> Built:
        from longembed_eval.systems.parts import ContextualSystem

        reader = self._whole_reader(choice)
        settings = {**reader.settings, "depth": self.options.depth, "through": "exact"}
        system = ContextualSystem(reader, self._readings)
        return Built(choice, system, settings, f"contextual {name_of(reader)}")

    def _words(self, choice: SystemChoice) -> Built:
        from longembed_eval.systems.stored import StoredSystem
        from longembed_eval.systems.words import WordSystem

        language = choice.options.get("language", self.options.language)
        get_analyzer(language)
        self._model.clear()
        words = WordSystem(language)
        settings = {
            **words.settings,
            "depth": self.options.depth,
            "through": self.options.through,
        }
        if self.options.through == "exact":
            return Built(choice, words, settings)
        stored = StoredSystem("sparse", None, self._readings, self._open_store, language)
        return Built(choice, stored, settings)

    def _reader(self, choice: SystemChoice) -> Reader:
        from longembed_eval.systems.readers import ChunkReader

        own = choice.options
        if choice.name == "st":
            return self._sentence_transformer(own.get("model", self.options.encoder.model))
        if choice.name not in ("chunked", "chunked_mean"):
            return self._whole_reader(choice)
        planner, load = self._model_of(choice)
        window = own.get("window", self.options.window)
        if window is None:
            window = min(_CHUNK, planner.original_length, planner.max_length)
        return ChunkReader(planner, load, window, own.get("overlap", self.options.overlap))

    def _whole_reader(self, choice: SystemChoice) -> WholeReader:
        from longembed_eval.systems.readers import WholeReader

        passage_tokens = choice.options.get("passage_tokens", self.options.passage_tokens)
        return WholeReader(*self._model_of(choice), passage_tokens)

    def _model_of(self, choice: SystemChoice) -> tuple[Planner, Callable[[], LongEncoder]]:
        """What a system reads with: its model and settings, and what loads the weights."""
        own = {name: value for name, value in choice.options.items() if name in ENCODER}
        if choice.name in METHODS:
            own["method"] = choice.name
        settings = self._settings(own)
        return Planner.from_settings(settings), lambda: self.encoder(settings)

    def _sentence_transformer(self, name: str | None) -> Reader:
        from longembed_eval.systems.sentence_transformer import (
            SentenceTransformerReader,
            describe,
            load_sentence_transformer,
        )

        own = self.planner() if name is None else None
        path = str(name if own is None else own.folder.as_it_came)
        shown = shown_model(own.model_name if own is not None else path)
        device = self._base.device

        def load() -> Any:
            return self._model.get(
                ("st", path), lambda: load_sentence_transformer(path, device=device)
            )

        if path not in self._described:
            self._described[path] = describe(shown, load())
        return SentenceTransformerReader(shown, load, self._described[path])

    def _open_store(self) -> DocumentStore:
        if self.options.url is not None:
            store = DocumentStore.open(
                url=self.options.url,
                api_key=self.options.api_key,
                collection=f"longembed-eval-{self._scratch.name.rpartition('-')[2]}",
            )
        else:
            store = DocumentStore.open(path=self._scratch / f"store-{len(self._stores)}")
        self._stores.append(store)
        return store

    def close_stores(self) -> None:
        """Close the stores of systems that are done, and remove what is in them."""
        for store in self._stores:
            if self.options.url is not None:
                _remove_collections(store)
            store.close()
            if store.path is not None:
                shutil.rmtree(store.path, ignore_errors=True)
        self._stores.clear()


def _remove_collections(store: DocumentStore) -> None:
    """Remove what was made on a server; if it is away, what is left there bears our name."""
    from qdrant_client.http.exceptions import ApiException

    with contextlib.suppress(ApiException, OSError):
        for each in store.client.get_collections().collections:
            if each.name.startswith(store.collection):
                store.client.delete_collection(each.name)
