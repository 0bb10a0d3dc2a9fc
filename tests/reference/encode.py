"""Texts to reference vectors: tokens, windows, pooling, averaging."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from tests.families import spec_of
from tests.reference.definitions import Reading, Settings, reading_of
from tests.reference.families import forward
from tests.reference.weights import Weights
from tests.tokenizers_of_tests import text_of

_DEFAULTS = Settings()


class ReferenceModel:
    """A tiny model's vectors by brute force.

    Args:
        folder: The model's folder, one that :mod:`tests.models` wrote.
        family: A name that ``spec_of`` knows.
    """

    def __init__(self, folder: Path, family: str) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._weights = Weights(load_file(folder / "model.safetensors"), config)
        table = folder / "token_frequencies.json"
        self._frequencies = json.loads(table.read_text()) if table.is_file() else []
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._family = spec_of(family)
        special = self._family.special
        vocabulary = self._tokenizer.get_vocab()
        self._before = [vocabulary[special.prefix]] if special.prefix else []
        self._after = [vocabulary[special.suffix]] if special.suffix else []
        self._after_always = special.suffix_in_template
        self.states = lru_cache(maxsize=256)(self._states)

    def tokenize(self, text: str, prompt: str = "") -> tuple[list[int], list[int]]:
        """Tokens of the prompt and of the content, read together and split where the text starts.

        A token belongs to the content when any of its characters does.
        """
        encoding = self._tokenizer.encode(prompt + text, add_special_tokens=False)
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        parts: tuple[list[int], list[int]] = ([], [])
        for token, (_, end) in pairs:
            parts[end > len(prompt)].append(token)
        return parts

    def ids(self, text: str, settings: Settings = _DEFAULTS) -> list[int]:
        """All tokens of a text in order, with its prompt and specials."""
        prompt, content = self.tokenize(text, settings.prompt)
        return self._framed([*prompt, *content], settings)

    def count(self, text: str, settings: Settings = _DEFAULTS) -> int:
        """Tokens of a text with its prompt and specials."""
        return len(self.ids(text, settings))

    def text(self, tokens: int, seed: int = 0, settings: Settings = _DEFAULTS) -> str:
        """A text of so many tokens (exactly so without a prompt), specials included."""
        return text_of(tokens - self.count("", settings), seed)

    def _pooling(self, settings: Settings) -> str:
        return settings.pooling or self._family.pooling

    def _framed(self, ids: list[int], settings: Settings) -> list[int]:
        """Token ids between the specials; the last one is appended for last-token pooling."""
        ends = self._after_always or self._pooling(settings) == "last_token"
        return [*self._before, *ids, *(self._after if ends else [])]

    def encode(self, text: str, settings: Settings) -> NDArray[np.float64]:
        """The vector of a text."""
        prompt, content = self.tokenize(text, settings.prompt)
        if settings.method == "truncate":
            limit = min(settings.original_length, settings.max_length)
            content = content[: self._room(limit, prompt, settings)]
        elif settings.overflow == "truncate":
            content = content[: self._room(settings.max_length, prompt, settings)]
        room = self._room(settings.max_length, prompt, settings)
        pieces = [content[i : i + room] for i in range(0, len(content), room)]
        vectors = [self._read(prompt, piece, settings) * len(piece) for piece in pieces]
        vector = torch.stack(vectors).sum(0) / len(content)
        if self._pooling(settings) == "sif":
            vector = vector[:-1] / vector[-1]
        if settings.normalize:
            vector = vector / vector.norm()
        return vector.numpy()

    def tokens(self, text: str, settings: Settings) -> NDArray[np.float64]:
        """The unit vectors of a text's own tokens, ``[n, hidden]``, each read once, in order."""
        states = self._content(text, settings)
        return (states / states.norm(dim=-1, keepdim=True)).numpy()

    def weighed(self, text: str, start: int, stop: int, settings: Settings) -> NDArray[np.float64]:
        """The unit vector of some of a text's own tokens by SIF."""
        weights = self._weights_of(self.tokenize(text, settings.prompt)[1][start:stop])
        vector = (weights[:, None] * self._content(text, settings)[start:stop]).sum(0)
        return (vector / vector.norm()).numpy()

    def _weights_of(self, ids: Sequence[int]) -> Tensor:
        total = sum(self._frequencies)
        weights = [1e-3 / (1e-3 + self._frequencies[token] / total) for token in ids]
        return torch.tensor(weights, dtype=torch.float64)

    def _content(self, text: str, settings: Settings) -> Tensor:
        """The states of a text's own tokens, ``[n, hidden]``, from the window that reads first."""
        prompt, content = self.tokenize(text, settings.prompt)
        section = self._room(settings.max_length, prompt, settings)
        window = self._room(settings.original_length, prompt, settings)
        head = len(self._before) + len(prompt)
        rows: list[Tensor] = []
        for at in range(0, len(content), section):
            piece = content[at : at + section]
            room = window if settings.method == "pcw" and len(piece) > window else len(piece)
            for start in range(0, len(piece), room):
                left = min(start, len(piece) - room)  # PCW's last window is full
                ids = tuple(self._framed([*prompt, *piece[left : left + room]], settings))
                states = self.states(ids, reading_of(len(ids), settings))
                rows.append(states[head + start - left : head + room])
        return torch.cat(rows)

    def query_tokens(self, text: str, settings: Settings) -> NDArray[np.float64]:
        """The unit vectors of a query's tokens and specials, without the prompt's."""
        prompt, content = self.tokenize(text, settings.prompt)
        ids = tuple(self._framed([*prompt, *content], settings))
        states = self.states(ids, reading_of(len(ids), settings))
        before = len(self._before)
        own = torch.cat([states[:before], states[before + len(prompt) :]])
        return (own / own.norm(dim=-1, keepdim=True)).numpy()

    def _room(self, limit: int, prompt: list[int], settings: Settings) -> int:
        """Content tokens that fit a window beside the prompt and the specials."""
        return limit - len(self._framed(prompt, settings))

    def _read(self, prompt: list[int], content: list[int], settings: Settings) -> Tensor:
        """The un-normalised vector of tokens that fit ``max_length``."""
        room = self._room(settings.original_length, prompt, settings)
        if settings.method != "pcw" or len(content) <= room:
            return self._pooled(prompt, content, settings)
        starts = [*range(0, len(content) - room, room), len(content) - room]
        windows = [self._pooled(prompt, content[s : s + room], settings) for s in starts]
        return torch.stack(windows).mean(0)

    def _pooled(self, prompt: list[int], content: list[int], settings: Settings) -> Tensor:
        ids = tuple(self._framed([*prompt, *content], settings))
        states = self.states(ids, reading_of(len(ids), settings))
        if self._pooling(settings) == "sif":
            # What is weighed and what it weighs, averaged alike and divided at the end.
            weights = self._weights_of(ids)[:, None]
            kept = 0 if settings.include_prompt else len(self._before) + len(prompt)
            return torch.cat([weights * states, weights], dim=1)[kept:].mean(0)
        pooled = {"mean": states.mean(0), "cls": states[0], "last_token": states[-1]}
        return pooled[self._pooling(settings)]

    def _states(self, ids: tuple[int, ...], reading: Reading) -> Tensor:
        """Last hidden states of token ids, ``[n, hidden]``, by brute force."""
        return forward(self._weights, list(ids), reading)
