"""Texts of every length up to a limit, drawn from pairs and passages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.drawing import Sources
from longembed_rag.training.opening import TextTokens, shorten
from longembed_rag.training.texts import TrainingTexts

Ints = NDArray[np.int64]

#: Texts tokenized at a time.
_DRAWN = 256
#: Passages that a text is made of, at most: an empty one fills nothing.
_PARTS = 64


@dataclass(frozen=True, kw_only=True)
class MixtureOptions:
    """Which texts are drawn.

    Attributes:
        lengths: Bounds of the lengths that texts are cut to, tokens with specials.
        shares: Share of all tokens that is of texts between two bounds, one less than bounds.
        queries: Share of all texts that are queries, whole.
        batch_tokens: Tokens of an update.

    Raises:
        SettingsError: Bounds and shares do not belong together.
    """

    lengths: tuple[int, ...] = (16, 64, 160, 256, 512)
    shares: tuple[float, ...] = (0.15, 0.3, 0.35, 0.2)
    queries: float = 0.25
    batch_tokens: int = 2048

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.lengths, self.lengths[1:], strict=False))
        if not rising or len(self.shares) != len(self.lengths) - 1 or not self.shares:
            raise SettingsError(
                f"lengths={self.lengths} must rise, and have one more than shares={self.shares}"
            )

    @property
    def longest(self) -> int:
        """Most tokens of a text."""
        return self.lengths[-1]

    def up_to(self, limit: int) -> MixtureOptions:
        """The same for a model that reads no further than ``limit`` tokens."""
        kept = [length for length in self.lengths if length < limit]
        if limit >= self.longest:
            return self
        lengths = (*kept, limit) if kept else (1, limit)
        shares = self.shares[: len(lengths) - 1]
        return MixtureOptions(
            lengths=lengths, shares=shares, queries=self.queries, batch_tokens=self.batch_tokens
        )


class Mixture:
    """Endless updates of texts, each with texts of all lengths.

    Args:
        texts: To draw from.
        tokens: Texts to token ids.
        options: Which texts are drawn.
        seed: Decides every random choice.
    """

    def __init__(
        self, texts: TrainingTexts, tokens: TextTokens, *, options: MixtureOptions, seed: int
    ) -> None:
        passages = dict.fromkeys((pair.source, pair.passage) for pair in texts.pairs)
        self._passages = Sources([*passages, *(("", text) for text in texts.passages)])
        self._queries = Sources((pair.source, pair.query) for pair in texts.pairs)
        self._tokens = tokens
        self._options = options
        self._seed = seed

    def __iter__(self) -> Iterator[list[Ints]]:
        """Token ids of the texts of each update; the same each time."""
        random = np.random.default_rng(self._seed)
        batch: list[Ints] = []
        left = self._options.batch_tokens
        while True:
            for ids in self._draw(random):
                if batch and len(ids) > left:
                    yield batch
                    batch, left = [], self._options.batch_tokens
                batch.append(ids)
                left -= len(ids)

    def _draw(self, random: np.random.Generator) -> list[Ints]:
        """Token ids of some texts."""
        lengths = self._lengths(random)
        first = self._tokens.contents([self._passages.pick(random) for _ in lengths])
        drawn = [self._filled(*each, random) for each in zip(first, lengths, strict=True)]
        queries = [self._queries.pick(random) for _ in range(self._count_of_queries())]
        longest, tail = self._options.longest, self._tokens.tail
        drawn += [shorten(ids, longest, tail=tail) for ids in self._tokens(queries, "query")]
        return [drawn[at] for at in random.permutation(len(drawn))]

    def _filled(self, content: NDArray[np.int32], length: int, random: np.random.Generator) -> Ints:
        """A passage, and others after it where it is too short, cut to a length."""
        room = max(1, length - self._tokens.head - self._tokens.tail)
        parts: list[NDArray[np.int32]] = []
        for _ in range(_PARTS):
            parts.append(content[:room])
            room -= len(parts[-1])
            if not room:
                break
            (content,) = self._tokens.contents([self._passages.pick(random)])
        return self._tokens.closed(parts)

    def _count_of_queries(self) -> int:
        share = self._options.queries
        return round(_DRAWN * share / (1 - share)) if share < 1 else _DRAWN

    def _lengths(self, random: np.random.Generator) -> list[int]:
        """Lengths of passages, each range by its share of all tokens."""
        bounds = np.asarray(self._options.lengths, dtype=np.float64)
        shares = np.asarray(self._options.shares)
        # As many texts as give each range its share of tokens: fewer, the longer they are.
        weights = shares / ((bounds[1:] + bounds[:-1]) / 2)
        ranges = random.choice(len(shares), size=_DRAWN, p=weights / weights.sum())
        drawn = random.uniform(bounds[ranges], bounds[ranges + 1])
        return [max(1, round(float(length))) for length in drawn]
