"""Texts of every length up to a limit, drawn from pairs and passages, in batches of one length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import TrainingTexts

Ints = NDArray[np.int64]

#: Texts drawn at a time: enough for neighbours in length to differ by a token or two.
_POOL = 2048


@dataclass(frozen=True, kw_only=True)
class MixtureOptions:
    """Which texts are drawn.

    Attributes:
        shortest: Of texts that are joined to a length, tokens.
        longest: Of all texts, tokens with specials.
        queries: Share of texts that are queries.
        joined: Share of texts that are several passages, joined up to a length drawn evenly on a
            logarithmic scale.
        batch_tokens: Tokens of a batch.
    """

    shortest: int = 64
    longest: int = 512
    queries: float = 0.2
    joined: float = 0.5
    batch_tokens: int = 4096


class Mixture:
    """Endless batches of token ids, ``[texts, n]``, all texts of a batch equally long.

    Args:
        texts: To draw from.
        tokens: Texts to token ids.
        options: Which texts are drawn.
        seed: Decides every random choice.
    """

    def __init__(
        self,
        texts: TrainingTexts,
        tokens: TextTokens,
        *,
        options: MixtureOptions,
        seed: int,
    ) -> None:
        self._passages = [*dict.fromkeys(pair.passage for pair in texts.pairs), *texts.passages]
        self._queries = [pair.query for pair in texts.pairs]
        self._tokens = tokens
        self._options = options
        self._seed = seed

    def __iter__(self) -> Iterator[Ints]:
        """The same batches each time."""
        random = np.random.default_rng(self._seed)
        while True:
            pool = self._draw(random)
            pool.sort(key=len)
            batches = list(self._cut(pool))
            for at in random.permutation(len(batches)):
                yield batches[at]

    def _draw(self, random: np.random.Generator) -> list[Ints]:
        options = self._options
        kinds = random.random(_POOL)
        bounds = np.log([options.shortest, options.longest])
        wanted = np.exp(random.uniform(bounds[0], bounds[1], size=_POOL)).astype(int)
        drawn = []
        for kind, length in zip(kinds, wanted, strict=True):
            if kind < options.queries:
                drawn.append(self._queries[random.integers(len(self._queries))])
            elif kind < options.queries + options.joined:
                drawn.append(self._joined(int(length), random))
            else:
                drawn.append(self._passages[random.integers(len(self._passages))])
        limits = np.where(kinds < options.queries + options.joined, wanted, options.longest)
        limits[kinds < options.queries] = options.longest
        pairs = zip(self._tokens(drawn), limits, strict=True)
        return [shorten(ids, int(limit), tail=self._tokens.tail) for ids, limit in pairs]

    def _joined(self, length: int, random: np.random.Generator) -> str:
        """Passages, one after the other, until they surely hold that many tokens."""
        parts: list[str] = []
        letters = 0
        while letters < 8 * length:
            part = self._passages[random.integers(len(self._passages))]
            parts.append(part)
            letters += len(part)
        return " ".join(parts)[: 12 * length]

    def _cut(self, pool: list[Ints]) -> Iterator[Ints]:
        """Neighbours in length together; the longer lose their last few tokens."""
        start = 0
        while start < len(pool):
            length = len(pool[start])
            count = max(1, self._options.batch_tokens // length)
            batch = pool[start : start + count]
            start += count
            yield np.stack([shorten(ids, length, tail=self._tokens.tail) for ids in batch])
