"""Forward passes that keep their graph: texts of any lengths in one row, each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.positions import position_ids as position_ids_of
from longembed_rag.training.separate import separate

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """What a model made of texts.

    Attributes:
        layers: Hidden states after each layer, the embeddings' first, ``[tokens, hidden]`` each,
            one text after the other.
        lengths: Tokens of each text.
    """

    layers: tuple[Tensor, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class TrainingModel:
    """A transformers model and how it is read.

    Attributes:
        model: The model, weights in float32.
        device: Where it runs.
        dtype: In which matrices are multiplied.
        pooling: ``"mean"``, ``"cls"`` or ``"last_token"``.
        token_types: Whether it wants token types.
        packs: Whether several texts fit into one row; models with an attention of their own read
            one at a time.
        rules: How texts are placed in a learned table; None for models that have none.
        offset: The id of position 0 in a learned table.
    """

    model: nn.Module
    device: torch.device
    dtype: torch.dtype
    pooling: str = "mean"
    token_types: bool = False
    packs: bool = True
    rules: PlanRules | None = None
    offset: int = 0

    def precision(self) -> AbstractContextManager[Any]:
        """Multiply in :attr:`dtype`, keep sums and weights in float32."""
        enabled = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=enabled)

    def read(self, texts: Sequence[Ints], *, placed: Sequence[Ints] | None = None) -> States:
        """Hidden states of texts, read in one pass.

        Args:
            texts: Token ids of each.
            placed: The positions of each text's tokens; None places each text by the rules.
        """
        places = [None] * len(texts) if placed is None else list(placed)
        if not self.packs:
            alone = [self._read([text], [at]) for text, at in zip(texts, places, strict=True)]
            layers = zip(*alone, strict=True)
            return States(tuple(map(torch.cat, layers)), tuple(len(text) for text in texts))
        return States(self._read(texts, places), tuple(len(text) for text in texts))

    def _read(self, texts: Sequence[Ints], places: Sequence[Ints | None]) -> tuple[Tensor, ...]:
        row = torch.from_numpy(np.concatenate(texts))[None].to(self.device)
        inputs: dict[str, Any] = {"input_ids": row}
        if self.token_types:
            inputs["token_type_ids"] = torch.zeros_like(row)
        inputs["position_ids"] = self.positions([len(text) for text in texts], places)
        with separate([len(text) for text in texts], positions=inputs["position_ids"][0]):
            out = self.model(**inputs, output_hidden_states=True)
        return tuple(layer[0] for layer in out.hidden_states)

    def positions(self, lengths: Sequence[int], places: Sequence[Ints | None]) -> Tensor:
        """Position ids of texts in one row, ``[1, tokens]``."""
        parts = []
        for length, at in zip(lengths, places, strict=True):
            if at is None and self.rules is not None:
                at = position_ids_of(self.rules.plan(length)).astype(np.int64)
            elif at is None:
                at = np.arange(length, dtype=np.int64)
            parts.append(at + self.offset)
        return torch.from_numpy(np.concatenate(parts))[None].to(self.device)

    def pool(self, states: Tensor, lengths: Sequence[int]) -> Tensor:
        """One vector per text in float32, not normalised, ``[texts, hidden]``.

        Args:
            states: ``[tokens, hidden]``, one text after the other.
            lengths: Tokens of each text.
        """
        ends = torch.tensor(lengths, device=states.device).cumsum(0)
        if self.pooling == "cls":
            return states[ends - torch.tensor(lengths, device=states.device)].float()
        if self.pooling == "last_token":
            return states[ends - 1].float()
        stops = ends.tolist()
        bounds = [(stop - length, stop) for length, stop in zip(lengths, stops, strict=True)]
        return mean_states(states, bounds)

    def embed(
        self, texts: Sequence[Ints], *, budget: int, placed: Sequence[Ints] | None = None
    ) -> Tensor:
        """One vector per text in float32, not normalised, ``[texts, hidden]``.

        Args:
            texts: Token ids of each.
            budget: Most tokens of a pass over more than one text.
            placed: The positions of each text's tokens; None places each text by the rules.
        """
        vectors = []
        for rows in passes([len(text) for text in texts], budget=budget):
            states = self.read(texts[rows], placed=None if placed is None else placed[rows])
            vectors.append(self.pool(states.layers[-1], states.lengths))
        return torch.cat(vectors)


def mean_states(states: Tensor, bounds: Sequence[tuple[int, int]]) -> Tensor:
    """Means of stretches of states in float32, ``[stretches, hidden]``.

    Args:
        states: ``[tokens, hidden]``.
        bounds: First token of each stretch, and one past its last.
    """
    counts = torch.tensor([stop - start for start, stop in bounds], device=states.device)
    tokens = np.concatenate([np.arange(start, stop) for start, stop in bounds])
    owners = torch.repeat_interleave(torch.arange(len(bounds), device=states.device), counts)
    picked = states[torch.from_numpy(tokens).to(states.device)].float()
    sums = picked.new_zeros((len(bounds), states.shape[-1])).index_add(0, owners, picked)
    return sums / counts[:, None]


def passes(lengths: Sequence[int], *, budget: int) -> Iterator[slice]:
    """Cut texts, in their order, into passes of at most so many tokens, one text at least."""
    start = total = 0
    for number, length in enumerate(lengths):
        if number > start and total + length > budget:
            yield slice(start, number)
            start, total = number, 0
        total += length
    if start < len(lengths):
        yield slice(start, len(lengths))
