"""Queries to vectors without torch: a query is twenty tokens, and needs no framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.plain_files import plain_config, plain_vocabulary
from longembed_rag.encoder.plain_model import ACTIVATIONS, PlainModel
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.reading import Reading
from longembed_rag.encoder.remarks import warn_of_gaps
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.encoder.token_vectors import unit_length
from longembed_rag.encoder.values import QueryEncoding
from longembed_rag.encoder.weights import read_headers, weight_files
from longembed_rag.errors import InputError, ModelLoadError
from longembed_rag.extension.positions import position_ids
from longembed_rag.limits import lack_of_address_space

Floats = NDArray[np.float32]

#: Queries of more tokens together are read by torch, which does much faster what takes longer.
MOST_TOKENS = 16_384
# Tokens that go through the model at once.
_TOKENS_AT_ONCE = 1024
# Bytes that numpy, with a thread or two, and a small model map.
_ADDRESS_SPACE = 1 << 29
# numpy knows no bfloat16.
_TYPES = ("F32", "F16", "F64")


class QueryReader:
    """Reads queries as :class:`~longembed_rag.LongEncoder` does, to a few units of float32.

    Use :meth:`from_settings`. May be used from several threads.

    Attributes:
        planner: What says how a text is read.
    """

    def __init__(self, planner: Planner, model: PlainModel) -> None:
        self.planner = planner
        self._model = model

    @classmethod
    def from_settings(cls, settings: EncoderSettings) -> QueryReader | None:
        """The reader of a model that is a plain BERT, or rotates and is one otherwise.

        Args:
            settings: How texts become vectors.

        Returns:
            The reader; None where only torch reads this model as it is wanted.

        Raises:
            SettingsError: A setting does not fit the model.
            ModelLoadError: The model cannot be loaded.
        """
        if settings.dtype not in ("auto", "float32", "fp32") or settings.trust_remote_code:
            return None
        if settings.device not in (None, "cpu") or settings.task is not None:
            return None
        if (lack := lack_of_address_space(_ADDRESS_SPACE)) is not None:
            raise ModelLoadError(f"no model can be loaded: {lack}")
        folder = find_folder(settings.model, revision=settings.revision)
        if folder.late is not None or folder.chain or folder.adapters:
            return None
        config = plain_config(folder)
        if config is None or config.hidden_act not in ACTIVATIONS:
            return None
        vocabulary = plain_vocabulary(folder)
        if vocabulary is None:
            return None
        types = {header.dtype for header in read_headers(weight_files(folder)).values()}
        if not types <= {*_TYPES, "I64"}:  # positions were stored once, and are counted now
            return None
        planner = Planner(settings, folder, config, vocabulary=vocabulary)
        settings.require_width(config.hidden_size, model=planner.model_name)
        return cls(planner, PlainModel(folder, config))

    @property
    def fingerprint(self) -> str:
        """As :attr:`LongEncoder.fingerprint`."""
        return self.planner.fingerprint

    def describe(self) -> dict[str, Any]:
        """The model and its settings, resolved, ready for JSON."""
        dimension = self.planner.settings.truncate_dim or self._model.dimension
        return {**self.planner.describe(), "dimension": dimension}

    def encode_queries(
        self, texts: Sequence[str], *, names: Sequence[str] | None = None
    ) -> QueryEncoding | None:
        """:meth:`LongEncoder.encode_queries`.

        Args:
            texts: The queries.
            names: What to call each in warnings and errors.

        Returns:
            Vectors of queries and of their tokens; None where one of them is so long that it is
            read in another way than the model's own, or all of them together.

        Raises:
            InputError: A text cannot be embedded; names it.
            TextTooLongError: A text is over ``max_length`` under ``overflow="error"``.
        """
        planner = self.planner
        labels = list(names) if names is not None else [f"text {i}" for i in range(len(texts))]
        tokenized = planner.tokenize(texts, kind="query", names=labels)
        pairs = zip(tokenized, labels, strict=True)
        readings = [planner.read(text, name=label) for text, label in pairs]
        windows = [
            (owner, window) for owner, each in enumerate(readings) for window in each.windows
        ]
        ids = [_ids(readings[owner], window.start, window.stop) for owner, window in windows]
        plans = [planner.rules.plan(len(each)) for each in ids]
        in_sight = any(window.sinks for _, window in windows)
        if in_sight or any(plan.extends for plan in plans) or sum(map(len, ids)) > MOST_TOKENS:
            return None
        for reading, label in zip(readings, labels, strict=True):
            warn_of_gaps(reading.coverage, name=label, kind="query", stacklevel=2)
        states = self._states(ids, [position_ids(plan) for plan in plans])
        sums = np.zeros((len(readings), self._model.dimension), dtype=np.float32)
        tokens: list[list[Floats]] = [[] for _ in readings]
        for (owner, window), each, of_window in zip(windows, ids, states, strict=True):
            text = readings[owner].text
            sums[owner] += np.float32(window.weight) * self._pooled(
                readings[owner], each, of_window
            )
            own = np.ones(len(each), dtype=np.bool_)
            own[text.in_prompt] = False
            own[len(text.head) : len(text.head) + window.fresh - window.start] = False
            tokens[owner].append(of_window[own])
        if wrong := [n for n, each in enumerate(sums) if not np.isfinite(each).all()]:
            raise InputError(
                f"{labels[wrong[0]]}: the model makes a vector of it that holds NaN or infinite "
                "numbers; its weights are damaged"
            )
        return QueryEncoding(
            embeddings=self._finished(sums, normalize=planner.settings.normalize),
            tokens=tuple(self._finished(np.concatenate(each), normalize=True) for each in tokens),
            coverage=tuple(reading.coverage for reading in readings),
        )

    def _states(
        self, ids: Sequence[NDArray[np.int64]], positions: Sequence[NDArray[np.float64]]
    ) -> list[Floats]:
        """The states of all windows, so many tokens at once."""
        states: list[Floats] = []
        first = size = 0
        for number, each in enumerate(ids, start=1):
            size += len(each)
            if size >= _TOKENS_AT_ONCE or number == len(ids):
                states += self._model.states(ids[first:number], positions[first:number])
                first, size = number, 0
        return states

    def _pooled(self, reading: Reading, ids: NDArray[np.int64], states: Floats) -> Floats:
        """One vector of a window's states, as ``pool_states`` (pooling.py) makes it."""
        planner = self.planner
        if planner.pooling == "last_token":
            return np.asarray(states[-1])
        skip = 0 if planner.folder.include_prompt else len(reading.text.head)
        kept = states[skip if skip < len(states) else 0 :]
        if planner.pooling == "cls":
            return np.asarray(kept[0])
        if planner.token_weights is None:
            mean: Floats = kept.mean(axis=0)
            return mean
        weights = planner.token_weights.weights[ids[-len(kept) :]]
        return np.asarray(weights @ kept / weights.sum(), dtype=np.float32)

    def _finished(self, vectors: Floats, *, normalize: bool) -> Floats:
        kept = np.ascontiguousarray(vectors[:, : self.planner.settings.truncate_dim])
        return unit_length(kept) if normalize else kept


def _ids(reading: Reading, start: int, stop: int) -> NDArray[np.int64]:
    text = reading.text
    return np.concatenate([text.head, text.content[start:stop], text.tail])
