"""Models made for late interaction, by brute force: a Dense on every token, marker, skip list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from tests.reference.definitions import Settings, reading_of
from tests.reference.encode import ReferenceModel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WindowVectors:
    """What one window reads.

    Attributes:
        left: Its first content token.
        fresh: Its first content token that no earlier one has read.
        right: One past its last.
        share: Of the text's vector.
        head: Tokens before the content.
        vectors: Of all its tokens, at unit length, ``[n, dimension]``.
        counts: Which of them are compared.
    """

    left: int
    fresh: int
    right: int
    share: float
    head: int
    vectors: Floats
    counts: NDArray[np.bool_]


class LateReference(ReferenceModel):
    """A tiny model's token vectors by brute force.

    Args:
        folder: The model's folder, one that ``pylate_folder`` wrote.
        family: A name that ``spec_of`` knows.
        marker: The token before documents.
        skipped: Words whose tokens take no part.
    """

    def __init__(self, folder: Path, family: str, *, marker: str, skipped: list[str]) -> None:
        super().__init__(folder, family)
        vocabulary = self._tokenizer.get_vocab()
        self._marker = vocabulary[marker]
        self._skipped = [vocabulary[word] for word in skipped]
        weights = load_file(folder / "1_Dense" / "model.safetensors")
        self._projection: Tensor = weights["linear.weight"].double()

    def windows(self, text: str, settings: Settings) -> list[WindowVectors]:
        """Every window of a document, in order."""
        _, content = self.tokenize(text)
        overhead = len(self._framed([self._marker], settings))
        section, window = settings.max_length - overhead, settings.original_length - overhead
        found = []
        for at in range(0, len(content), section):
            piece = content[at : at + section]
            room = window if settings.method == "pcw" and len(piece) > window else len(piece)
            starts = range(0, len(piece), room)
            share = len(piece) / len(content) / len(starts)
            for start in starts:
                left = min(start, len(piece) - room)  # PCW's last window is full
                ids = self._framed([self._marker, *piece[left : left + room]], settings)
                found.append(self._window(ids, at + left, at + start, room, share, settings))
        return found

    def _window(
        self, ids: list[int], left: int, fresh: int, room: int, share: float, settings: Settings
    ) -> WindowVectors:
        states = self.states(tuple(ids), reading_of(len(ids), settings))
        vectors = (states @ self._projection.T).numpy()
        vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        counts = ~np.isin(ids, self._skipped)
        head = len(self._before) + 1
        return WindowVectors(left, fresh, left + room, share, head, vectors, counts)

    def vector(self, text: str, settings: Settings) -> Floats:
        """The one vector of a document: the mean of its tokens', at unit length."""
        mean = sum(
            window.share * window.vectors.mean(axis=0) for window in self.windows(text, settings)
        )
        return np.asarray(mean / np.linalg.norm(mean))

    def passages(self, text: str, settings: Settings, sizes: list[int]) -> list[Floats]:
        """The token vectors of each passage, between what frames its first token's window."""
        windows = self.windows(text, settings)
        found, start = [], 0
        for size in sizes:
            rows: list[Floats] = []
            tail: Floats | None = None
            for window in windows:
                for at in range(max(start, window.fresh), min(start + size, window.right)):
                    row = window.head + at - window.left
                    if at == start:
                        rows.extend(window.vectors[: window.head][window.counts[: window.head]])
                        closing = slice(window.head + window.right - window.left, None)
                        tail = window.vectors[closing][window.counts[closing]]
                    rows.extend(window.vectors[row : row + 1][window.counts[row : row + 1]])
            assert tail is not None
            found.append(np.stack([*rows, *tail]))
            start += size
        return found
