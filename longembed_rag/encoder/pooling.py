"""Token states to vectors."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.encoder.segment_sums import sums_at_once
from longembed_rag.encoder.token_vectors import TokenOptions, TokenVectors, keep_tokens
from longembed_rag.extension.packing import to_device
from longembed_rag.extension.windows import Window


def pool_states(
    states: Tensor, pooling: str, *, skip: int = 0, weights: Tensor | None = None
) -> Tensor:
    """One float32 vector from the token states of one window.

    Args:
        states: ``[tokens, hidden]``, special tokens and prompt included.
        pooling: ``"mean"``, ``"cls"``, ``"last_token"`` or ``"sif"``.
        skip: Leading tokens that take no part (models that leave prompts out of pooling).
        weights: What each token weighs, float32, ``[tokens]``, for ``"sif"``.
    """
    if pooling == "last_token":
        return states[-1].float()
    skip = skip if skip < len(states) else 0
    kept = states[skip:]
    if pooling == "cls":
        return kept[0].float()
    if weights is not None:
        return weights[skip:] @ kept.float() / weights[skip:].sum()
    return kept.float().mean(dim=0)


def pool_windows(
    states: Sequence[Tensor],
    pooling: str,
    *,
    skips: Sequence[int],
    weights: Sequence[NDArray[np.float32]] | None = None,
) -> Tensor:
    """:func:`pool_states` of several windows, on a device in a few launches for all of them.

    Args:
        states: Of each window, ``[tokens, hidden]``.
        pooling: As for one.
        skips: Leading tokens of each that take no part.
        weights: What each token of each weighs, for ``"sif"``.

    Returns:
        One vector per window, float32, ``[windows, hidden]``, where the states are.
    """
    if states[0].device.type == "cpu":
        each_weights = [None] * len(states) if weights is None else map(torch.from_numpy, weights)
        triples = zip(states, skips, each_weights, strict=True)
        return torch.stack([pool_states(s, pooling, skip=k, weights=w) for s, k, w in triples])
    return _pool_at_once(states, pooling, skips=skips, weights=weights)


def _pool_at_once(
    states: Sequence[Tensor],
    pooling: str,
    *,
    skips: Sequence[int],
    weights: Sequence[NDArray[np.float32]] | None,
) -> Tensor:
    row = states[0] if len(states) == 1 else torch.cat(list(states))
    counts = np.array([len(each) for each in states])
    stops = counts.cumsum()
    firsts = stops - counts + np.where(np.array(skips) < counts, skips, 0)
    if pooling in ("cls", "last_token"):
        rows = torch.from_numpy(firsts if pooling == "cls" else stops - 1)
        return row[to_device(rows, row.device)].float()
    bounds = list(zip(firsts.tolist(), stops.tolist(), strict=True))
    joined = None if weights is None else np.concatenate(list(weights))
    totals = [
        float(stop - first if joined is None else joined[first:stop].sum(dtype=np.float64))
        for first, stop in bounds
    ]
    return sums_at_once(row, bounds, totals, joined)


def finite_tokens(states: Sequence[Tensor]) -> list[Tensor]:
    """Whether windows' token states are numbers: of each window one answer, or one per token."""
    if states[0].device.type == "cpu" or len(states) == 1:
        return [each.isfinite().all() for each in states]
    finite = torch.cat(list(states)).isfinite().all(dim=1)
    return list(torch.split(finite, [len(each) for each in states]))


def finish(vectors: Tensor, *, truncate_dim: int | None, normalize: bool) -> NDArray[np.float32]:
    """Matryoshka truncation, then unit length, float32 ``[n, dimension]``."""
    kept = vectors[:, :truncate_dim].float()
    if normalize:
        kept = torch.nn.functional.normalize(kept, dim=-1)
    return np.ascontiguousarray(kept.cpu().numpy())


class PassageBounds:
    """Which content tokens belong to which passage.

    Args:
        bounds: First and one-past-last content token of each passage, in order.
    """

    def __init__(self, bounds: Sequence[tuple[int, int]]) -> None:
        self.bounds = bounds
        self._starts = [start for start, _ in bounds]

    def fresh_in(self, window: Window) -> Iterator[tuple[int, int, int]]:
        """What a window reads of each passage that no earlier window has read.

        Args:
            window: Which content tokens; PCW's last window reads some a second time.

        Yields:
            A passage's number, and first and one-past-last content token.
        """
        first = max(0, bisect_right(self._starts, window.fresh) - 1)
        for index in range(first, bisect_left(self._starts, window.stop)):
            start, stop = self.bounds[index]
            left, right = max(start, window.fresh), min(stop, window.stop)
            if left < right:
                yield index, left, right


class PassageSums:
    """Collects each passage's token states, window by window.

    Args:
        bounds: Which content tokens belong to which passage.
        hidden: Width of a token state.
        last_token: Whether a passage is its last token's state instead of its tokens' mean.
        weights: What each content token weighs in the mean, float32; None weighs all alike.
    """

    def __init__(
        self,
        bounds: PassageBounds,
        *,
        hidden: int,
        last_token: bool,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        self._bounds = bounds
        self._weights = weights
        self._last_token = last_token
        self._sums = torch.zeros((len(bounds.bounds), hidden), dtype=torch.float32)

    def of(self, window: Window, states: Tensor) -> tuple[list[int], Tensor]:
        """What a window adds to which passages, from content that no earlier window has read.

        Args:
            window: Which content tokens.
            states: Content states first, ``[>= window.stop - window.start, hidden]``.

        Returns:
            Passages, and what is added to each, float32, ``[n, hidden]``, where the states are.
        """
        fresh = list(self._bounds.fresh_in(window))
        if self._last_token:
            fresh = [each for each in fresh if each[2] == self._bounds.bounds[each[0]][1]]
        numbers = [index for index, _, _ in fresh]
        if not fresh:
            return numbers, states[:0].float()
        bounds = [(left - window.start, right - window.start) for _, left, right in fresh]
        if self._last_token:
            rows = torch.tensor([right - 1 for _, right in bounds])
            return numbers, states[to_device(rows, states.device)].float()
        totals = [self._total(*self._bounds.bounds[index]) for index in numbers]
        weights = None if self._weights is None else self._weights[window.start : window.stop]
        if states.device.type != "cpu":
            return numbers, sums_at_once(states, bounds, totals, weights)
        pieces = [
            self._sum(states[left:right].float(), weights, left, right) / total
            for (left, right), total in zip(bounds, totals, strict=True)
        ]
        return numbers, torch.stack(pieces)

    @staticmethod
    def _sum(piece: Tensor, weights: NDArray[np.float32] | None, left: int, right: int) -> Tensor:
        return (
            piece.sum(dim=0) if weights is None else torch.from_numpy(weights[left:right]) @ piece
        )

    def _total(self, start: int, stop: int) -> float:
        if self._weights is None:
            return stop - start
        return float(self._weights[start:stop].sum(dtype=np.float64))

    def add(self, pieces: tuple[list[int], Tensor]) -> None:
        """Add what :meth:`of` returned, once it is on the CPU."""
        numbers, vectors = pieces
        self._sums[torch.tensor(numbers, dtype=torch.int64)] += vectors

    def vectors(self) -> Tensor:
        """One vector per passage, float32, ``[passages, hidden]``, before any chain."""
        return self._sums


@dataclass(frozen=True)
class TokenPiece:
    """What a window has of a passage.

    Attributes:
        passage: Its number.
        left: First content token of the piece.
        read: Content tokens in it.
        vectors: Of those of them that count, ``[n, dimension]``.
        before: Of the tokens that open the window; none but with a passage's first piece.
        after: Of those that close it.
    """

    passage: int
    left: int
    read: int
    vectors: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]


class PassageTokens:
    """Collects the vectors of each passage's tokens, and keeps a passage's once all are there.

    Args:
        bounds: Which content tokens belong to which passage.
        options: How they are kept.
        centre: The model's mean token, float32, ``[dimension]``.
        framed: Whether a passage also has what opens and closes the window that reads its first
            token: special tokens and marker, with which such models learned to compare.
    """

    def __init__(
        self,
        bounds: PassageBounds,
        *,
        options: TokenOptions,
        centre: NDArray[np.float32],
        framed: bool = False,
    ) -> None:
        self._bounds = bounds
        self._options = options
        self._centre = centre
        self._framed = framed
        self._kept: list[NDArray[Any] | None] = [None] * len(bounds.bounds)
        self._partial: dict[int, list[TokenPiece]] = {}

    def of(
        self,
        window: Window,
        vectors: NDArray[np.float32],
        *,
        head: int = 0,
        counts: NDArray[np.bool_] | None = None,
    ) -> list[TokenPiece]:
        """What a window has of which passages.

        Args:
            window: Which content tokens.
            vectors: Of all its tokens, of unit length, ``[tokens, dimension]``.
            head: Tokens before the content.
            counts: Which tokens count, ``[tokens]``; None for all.
        """
        counts = np.ones(len(vectors), dtype=np.bool_) if counts is None else counts
        tail = head + window.stop - window.start
        nothing = vectors[:0]
        before, after = vectors[:head][counts[:head]], vectors[tail:][counts[tail:]]
        pieces = []
        for index, left, right in self._bounds.fresh_in(window):
            here = slice(head + left - window.start, head + right - window.start)
            first = self._framed and left == self._bounds.bounds[index][0]
            pieces.append(
                TokenPiece(
                    passage=index,
                    left=left,
                    read=right - left,
                    vectors=vectors[here][counts[here]],
                    before=before if first else nothing,
                    after=after if first else nothing,
                )
            )
        return pieces

    def add(self, pieces: Sequence[TokenPiece]) -> None:
        """Take what :meth:`of` returned."""
        for piece in pieces:
            parts = self._partial.setdefault(piece.passage, [])
            parts.append(piece)
            start, stop = self._bounds.bounds[piece.passage]
            if sum(part.read for part in parts) == stop - start:
                parts = sorted(self._partial.pop(piece.passage), key=lambda part: part.left)
                content = [part.vectors for part in parts]
                whole = np.concatenate([parts[0].before, *content, parts[0].after])
                self._kept[piece.passage] = keep_tokens(whole, self._options, self._centre)

    def vectors(self) -> TokenVectors:
        """Those of all passages; every one has been read."""
        dimension = len(self._centre)
        kept = [each for each in self._kept if each is not None]
        assert len(kept) == len(self._kept)
        empty = keep_tokens(np.zeros((0, dimension), np.float32), self._options, self._centre)
        return TokenVectors(
            counts=np.array([len(each) for each in kept], dtype=np.int64),
            vectors=np.concatenate([empty, *kept]),
            dimension=dimension,
        )
