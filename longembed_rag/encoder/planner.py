"""What would happen to a text: everything about reading it that needs no weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from longembed_rag.encoder.configs import load_config
from longembed_rag.encoder.cutting import Cutter
from longembed_rag.encoder.families import (
    Family,
    family_of,
    native_length,
    pick_method,
    tuned_table,
)
from longembed_rag.encoder.folder import ModelFolder, find_folder
from longembed_rag.encoder.hashing import hash_folder
from longembed_rag.encoder.late_interaction import auto_late_interaction, require_seen
from longembed_rag.encoder.preset import Preset
from longembed_rag.encoder.reading import Reading
from longembed_rag.encoder.rules import base_note, rules_for
from longembed_rag.encoder.settings import EncoderOptions, EncoderSettings, Kind
from longembed_rag.encoder.sif import weights_for
from longembed_rag.encoder.stated import told
from longembed_rag.encoder.tasks import prompts_of, task_of
from longembed_rag.encoder.tokens import TokenizedText, Tokenizer
from longembed_rag.encoder.values import Coverage
from longembed_rag.encoder.vocabulary import Vocabulary
from longembed_rag.errors import SettingsError
from longembed_rag.extension.methods import METHODS_BY_POSITIONS, Method, require_method
from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.windows import Window

#: Raised when the way vectors are made changes, so that older collections are recognised.
VECTOR_VERSION = 1


class Planner:
    """Config, tokenizer and settings of a model, without its weights.

    Use :meth:`from_pretrained`. Attributes are resolved: nothing in them says ``"auto"``.

    Attributes:
        settings: The settings as given.
        folder: What the model folder says of itself.
        config: transformers' config.
        family: The architecture.
        rules: Everything a text's plan depends on.
        method: The extension method.
        method_reason: Why this method.
        pooling: ``"mean"``, ``"cls"``, ``"last_token"`` or ``"sif"``.
        token_weights: What tokens weigh in SIF pooling; None for any other.
        late_interaction: Whether comparing tokens is known to help this model.
        late_interaction_reason: Why, or why not.
        query_prompt: Text put before queries.
        document_prompt: Text put before documents.
        task: The task whose adapters read; None where the model reads alone.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        folder: ModelFolder,
        config: Any,
        *,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.config = config
        preset = folder.preset
        self.family: Family = family_of(config, model_name=folder.name, preset=preset)
        self.method, self.method_reason = self._resolve_method(preset)
        self._table = tuned_table(config, model_name=folder.name)
        self.original_length = self._resolve_length(preset)
        self.rules = rules_for(
            settings,
            config,
            self.family,
            method=self.method,
            original_length=self.original_length,
            table=self._table,
            model=folder.name,
        )
        self.pooling = self._resolve_pooling()
        comparing = auto_late_interaction(folder.late, self.pooling)
        self.late_interaction, self.late_interaction_reason = comparing
        require_seen(folder.late, model_name=folder.name, family=self.family)
        self.task = task_of(folder, settings.task)
        self.query_prompt, self.document_prompt = prompts_of(settings, folder, self.task)
        self.tokenizer = Tokenizer(
            folder,
            vocabulary=vocabulary,
            rows=getattr(config, "vocab_size", None),
            append_eos=self.pooling == "last_token",
            trust_remote_code=settings.trust_remote_code,
        )
        self._cutter = Cutter(
            settings=settings,
            method=self.method,
            window=self.rules.window,
            tokenizer=self.tokenizer,
            folder=folder,
        )
        self.token_weights = weights_for(folder, self.tokenizer, pooling=self.pooling)

    @classmethod
    def from_pretrained(
        cls, model: str | Path | None = None, **options: Unpack[EncoderOptions]
    ) -> Planner:
        """Read a model's config and tokenizer.

        Args:
            model: Folder, hub name, or None for the embedded default.
            **options: The fields of :class:`~longembed_rag.encoder.settings.EncoderSettings`.

        Raises:
            SettingsError: A setting is unknown, out of range or does not fit the model.
            ModelLoadError: The model cannot be read.
        """
        values: dict[str, Any] = {"model": None if model is None else str(model), **options}
        return cls.from_settings(EncoderSettings.from_dict(values))

    @classmethod
    def from_settings(cls, settings: EncoderSettings) -> Planner:
        """:meth:`from_pretrained`, from settings made before."""
        folder = find_folder(settings.model, revision=settings.revision)
        with told(f"model folder {folder.path}"):
            return cls(settings, folder, load_config(folder, settings))

    def _resolve_length(self, preset: Preset | None) -> int:
        if self.settings.original_length is not None:
            length = self.settings.original_length
            if self._table is not None and self._table.step > 1:
                raise SettingsError(
                    f"original_length={length} cannot be set for {self.folder.name}: its table was "
                    "tuned to be longer, and its rows belong together"
                )
            native = native_length(self.config, self.family, model_name=self.folder.name)
            if self.family.positions == "learned" and length > native:
                raise SettingsError(
                    f"original_length={length} is more than the {native} positions in the table "
                    f"of {self.folder.name}"
                )
            return length
        # A tuned table reaches further than what is known of the model that it was made from.
        if preset is not None and self._table is None:
            window = preset.window if self.method == "pcw" else None
            known = window or preset.original_length
            if known is not None:
                return known
        return native_length(self.config, self.family, model_name=self.folder.name)

    def _resolve_method(self, preset: Preset | None) -> tuple[Method, str]:
        name, positions = self.folder.name, self.family.positions
        if self.settings.method != "auto":
            model = f"{name} ({self.family.name})"
            require_method(self.settings.method, positions=positions, model=model)
            return self.settings.method, "asked for"
        return pick_method(self.family, preset, model_name=name)

    def _resolve_pooling(self) -> str:
        usual = "last_token" if self.family.causal else "mean"
        stated = (each.pooling for each in self.folder.sources)
        return _first(self.settings.pooling, *stated, usual)

    @property
    def model_name(self) -> str:
        """What the model is called."""
        return self.folder.name

    @property
    def model_path(self) -> Path:
        """The folder where config, tokenizer and weights lie."""
        return self.folder.path

    @property
    def max_length(self) -> int:
        """Longest text read in one go, tokens."""
        return self.settings.max_length

    @cached_property
    def model_hash(self) -> str:
        """Hash of the model's files (hex)."""
        return hash_folder(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model's files and of every setting that changes a vector (hex)."""
        values = {**self.vector_settings(), "files": self.model_hash}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]

    def vector_settings(self) -> dict[str, Any]:
        """Every setting that changes a vector, resolved; the fingerprint is made of them."""
        kept = self.settings.of_vectors()
        kept |= {} if self.task is None else self.task.vector_settings()
        kept |= {"attention": "bidirectional"} if self.family.unmasked else {}
        if self.token_weights is not None:
            kept["token_frequencies"] = self.token_weights.table_hash
        return {
            **kept,
            "method": self.method,
            "original_length": self.original_length,
            "pooling": self.pooling,
            "query_prompt": self.query_prompt,
            "document_prompt": self.document_prompt,
            "version": VECTOR_VERSION,
        }

    @property
    def methods(self) -> tuple[Method, ...]:
        """The extension methods that this model can be read with."""
        able = METHODS_BY_POSITIONS[self.family.positions]
        given = self.settings.rope_factors is not None
        return able if given else tuple(each for each in able if each != "longrope")

    @cached_property
    def base_note(self) -> str | None:
        """How long texts the model's rotary base is enough for, in words; None without one."""
        return base_note(self.config, self.family)

    def describe(self) -> dict[str, Any]:
        """The model and its settings, resolved, ready for JSON."""
        return {
            "model": self.model_name,
            "family": self.family.name,
            "method_reason": self.method_reason,
            "late_interaction": self.late_interaction,
            "late_interaction_reason": self.late_interaction_reason,
            **self.vector_settings(),
        }

    def prompt(self, kind: Kind) -> str:
        """The text put before queries or documents."""
        if kind not in ("query", "document"):
            raise SettingsError(f"kind={kind!r} is not one of: document, query")
        return self.query_prompt if kind == "query" else self.document_prompt

    def tokenize(
        self,
        texts: Sequence[str],
        *,
        kind: Kind = "document",
        names: Sequence[str] | None = None,
        spans: bool = True,
    ) -> list[TokenizedText]:
        """Token ids of texts, prompt and specials apart from content; ``spans`` as Tokenizer's."""
        tokenized = self.tokenizer(texts, prompt=self.prompt(kind), names=names, spans=spans)
        if kind == "document":
            return tokenized
        return [self.tokenizer.fill_up(text, room=self.rules.window) for text in tokenized]

    def count_tokens(self, text: str, *, kind: Kind = "document") -> int:
        """Tokens of a text, with special tokens and prompt."""
        return self.tokenize([text], kind=kind)[0].tokens

    def plan(self, n_tokens: int) -> ExtensionPlan:
        """How a document of that many tokens (specials and prompt included) is read.

        Beyond ``max_length``, and for PCW, the plan counts the windows; scale and factors are
        those of its longest window.
        """
        if not isinstance(n_tokens, int) or isinstance(n_tokens, bool) or n_tokens < 0:
            raise SettingsError(f"n_tokens={n_tokens!r} is not a count of tokens")
        overhead = self.tokenizer.overhead(self.document_prompt)
        content = max(n_tokens - overhead, 0)
        windows = self._cutter.of_length(content, overhead, n_tokens, name="the text")
        return self._plan_of(windows, overhead, n_tokens)

    def _plan_of(self, windows: Sequence[Window], overhead: int, n_tokens: int) -> ExtensionPlan:
        longest = max(each.tokens for each in windows) + overhead
        plan = self.rules.plan(min(longest, n_tokens))
        return replace(plan, tokens=n_tokens, windows=len(windows))

    def inspect(
        self, text: str, *, kind: Kind = "document", name: str = "the text"
    ) -> tuple[Coverage, ExtensionPlan]:
        """What of a text would be read, and by which plan, without running the model."""
        tokenized = self.tokenize([text], kind=kind, names=[name])[0]
        read = self.read(tokenized, name=name)
        return read.coverage, self._plan_of(read.windows, tokenized.overhead, tokenized.tokens)

    def coverage(self, text: str, *, kind: Kind = "document") -> Coverage:
        """What of a text would be read, without running the model."""
        return self.inspect(text, kind=kind)[0]

    def read(self, text: TokenizedText, *, name: str) -> Reading:
        """Cut a tokenized text into the windows in which it will be read.

        Raises:
            TextTooLongError: It is longer than ``max_length`` under ``overflow="error"``.
            SettingsError: The prompt leaves no room for content.
        """
        windows = self._cutter.of_text(text, name=name)
        read = text.overhead + max(window.stop for window in windows)
        coverage = Coverage(text.tokens, read, len(windows), self.method, text.unknown)
        if self.token_weights is not None:
            windows = self.token_weights.share(text, windows, head=self.folder.include_prompt)
        return Reading(text, tuple(windows), coverage)


def _first(*values: str | None) -> str:
    return next((value for value in values if value is not None), "")
