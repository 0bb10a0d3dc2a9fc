"""A BERT in numpy, for the few tokens of a query: what torch makes of them, without importing it.

BERT, and the models of its shape that rotate queries and keys in place of its position table:
post-layer normalisation, full attention, one activation or a gated one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.plain_weights import Layer, Tensors
from longembed_rag.encoder.stated import told
from longembed_rag.encoder.weights import require_fitting

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# Nodes of the table of erf, for each unit; beyond its end erf is 1 in float32.
_NODES, _END = 64, 6


class PlainModel:
    """The weights of a BERT, and what it makes of token ids.

    Args:
        folder: Where the weights lie.
        config: Its sizes, by transformers' names.

    Raises:
        UnsafeWeightsError: Only pickled weights are there.
        ModelLoadError: They are missing, damaged, or do not fit the config.
    """

    def __init__(self, folder: ModelFolder, config: Any) -> None:
        require_fitting(folder)
        self._config = config
        self._heads = int(config.num_attention_heads)
        self._rotates = config.model_type != "bert"
        self._act = ACTIVATIONS[config.hidden_act]
        self._where = f"the weights in {folder.path}"
        with told(self._where):
            tensors = Tensors(folder, config, where=self._where)
            # Of the largest table by far, a query reads a few rows.
            self._words = tensors.slices("embeddings.word_embeddings.weight")
            self._positions = None
            if not self._rotates:
                self._positions = tensors.floats("embeddings.position_embeddings.weight")
            types = "embeddings.token_type_embeddings.weight"
            self._type = tensors.floats(types)[0] if config.type_vocab_size else None
            self._norm = tensors.norm("embeddings.LayerNorm")
            layers = range(int(config.num_hidden_layers))
            self._layers = [tensors.layer(number) for number in layers]

    @property
    def dimension(self) -> int:
        """Numbers of a token's state."""
        return int(self._config.hidden_size)

    def states(
        self, texts: Sequence[Ints], positions: Sequence[NDArray[np.float64]]
    ) -> list[Floats]:
        """Last hidden states of several texts, each ``[tokens, hidden]``.

        Args:
            texts: Token ids of each.
            positions: Where each of its tokens stands; whole numbers where there is a table.
        """
        with _one_thread():
            return self._read(np.concatenate(texts), np.concatenate(positions), texts)

    def _read(self, ids: Ints, at: NDArray[np.float64], texts: Sequence[Ints]) -> list[Floats]:
        ends = np.cumsum([len(text) for text in texts])
        rows = self._embedded(ids)
        if self._positions is not None:
            rows += self._positions[at.astype(np.int64)]
        if self._type is not None:
            rows += self._type
        states = self._norm(rows)
        turns = self._turns(at) if self._rotates else None
        for layer in self._layers:
            states = layer.attention_norm(states + self._attend(layer, states, ends, turns))
            inner = layer.up(states)
            inner = (
                self._act(inner) if layer.gate is None else self._act(layer.gate(states)) * inner
            )
            states = layer.norm(states + layer.down(inner))
        return np.split(states, ends[:-1])

    def _embedded(self, ids: Ints) -> Floats:
        """Rows of the table of words, ``[tokens, hidden]``."""
        wanted, place = np.unique(ids, return_inverse=True)
        with told(self._where):
            rows = [self._words[int(each) : int(each) + 1] for each in wanted]
        found: Floats = np.concatenate(rows).astype(np.float32)[place]
        return found

    def _attend(
        self, layer: Layer, states: Floats, ends: Ints, turns: tuple[Floats, Floats] | None
    ) -> Floats:
        """Each text's tokens to each other, ``[tokens, hidden]``."""
        heads = layer.attention_in(states).reshape(len(states), 3, self._heads, -1)
        query, key, value = heads.transpose(1, 2, 0, 3)  # each [heads, tokens, width]
        if turns is not None:
            query, key = _turned(query, *turns), _turned(key, *turns)
        scale = np.float32(query.shape[-1] ** -0.5)
        out = np.empty((len(states), self.dimension), dtype=np.float32)
        start = 0
        for end in ends:
            scores = query[:, start:end] @ key[:, start:end].transpose(0, 2, 1) * scale
            scores -= scores.max(axis=-1, keepdims=True)
            weights = np.exp(scores)
            weights /= weights.sum(axis=-1, keepdims=True)
            mixed = weights @ value[:, start:end]
            out[start:end] = mixed.transpose(1, 0, 2).reshape(end - start, -1)
            start = end
        return layer.attention_out(out)

    def _turns(self, positions: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Cosines and sines, ``[tokens, width / 2]``; frequencies as transformers rounds them."""
        width = self.dimension // self._heads
        theta = np.float32(self._config.rope_parameters["rope_theta"])
        exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
        frequencies = np.float32(1.0) / theta**exponents
        angles = positions[:, None] * frequencies.astype(np.float64)
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let numpy multiply on one thread, one call at a time, as long as this lasts.

    For matrices of so few rows its threads wait for each other longer than they work: on cores
    that others use, twenty times as long.
    """
    with _multiplying, _thread_pools().limit(limits=1, user_api="blas"):
        yield


_multiplying = Lock()


@cache
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _turned(states: Floats, cosines: Floats, sines: Floats) -> Floats:
    left, right = np.split(states, 2, axis=-1)
    turned: Floats = np.concatenate(
        [left * cosines - right * sines, right * cosines + left * sines], axis=-1
    )
    return turned


@cache
def _erf_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and slopes of erf at the nodes."""
    at = np.arange(_NODES * _END + 2) / _NODES
    values = np.array([math.erf(each) for each in at])
    return values, 2 / math.sqrt(math.pi) * np.exp(-np.square(at)) / _NODES


def erf(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """The error function, within 1e-9: numpy has none.

    Between exact values it is the cubic that has their slopes, too (Hermite's).
    """
    values, slopes = _erf_table()
    distance = np.minimum(np.abs(x, dtype=np.float64), _END) * _NODES
    node = distance.astype(np.int64)
    t = distance - node
    left, right = values[node], values[node + 1]
    rise, first, second = right - left, slopes[node], slopes[node + 1]
    inner = left + t * (
        first + t * (3 * rise - 2 * first - second + t * (first + second - 2 * rise))
    )
    found: NDArray[np.float64] = np.copysign(inner, x)
    return found


def _gelu(x: Floats) -> Floats:
    return x * (0.5 * (1.0 + erf(x * np.float32(math.sqrt(0.5))))).astype(np.float32)


def _silu(x: Floats) -> Floats:
    found: Floats = x / (1 + np.exp(-x))
    return found


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0)


#: By the names that configs give them.
ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {"gelu": _gelu, "silu": _silu, "relu": _relu}
