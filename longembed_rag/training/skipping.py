"""Positions that skip ahead: short texts that are read at the distances of long ones.

A model that has never seen two tokens 8,000 positions apart can learn what that distance is from a
text of 500 tokens, if some of them claim to stand 8,000 further on. Three ways to say which do:

* :func:`pose` cuts a text into a few chunks, each further on than the one before (PoSE, arXiv
  2309.10400, section 3);
* :func:`randomized` draws as many positions as there are tokens (arXiv 2305.16843, section 3);
* :func:`skipalign` skips where the text itself has its seams (SkipAlign, arXiv 2405.03939).

What opens a text stands at 0 in all of them, as it does whenever a text is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.document_batch import DocumentBatch

Ints = NDArray[np.int64]

Skip = Literal["plain", "pose", "randomized", "skipalign"]
SKIPS: tuple[Skip, ...] = get_args(Skip)


def pose(tokens: int, reach: int, random: np.random.Generator, *, chunks: int = 2) -> Ints:
    """A text in chunks that skip ahead (PoSE).

    Chunk ``i`` is moved by a bias ``u_i`` drawn evenly from ``u_(i-1) ... reach - tokens``, with
    ``u_0 = 0``; within a chunk each position is one more than that before it. Where chunks end is
    drawn evenly, too.

    Args:
        tokens: Of the text.
        reach: Positions are ``0 ... reach - 1``.
        random: Decides.
        chunks: At most so many; the paper takes two.

    Returns:
        Strictly rising positions, ``[tokens]``.
    """
    ends = 1 + random.choice(tokens - 1, size=min(chunks, tokens) - 1, replace=False)
    biases = np.zeros(tokens, dtype=np.int64)
    bias = 0
    for start in np.sort(ends):
        bias = int(random.integers(bias, reach - tokens + 1))
        biases[start:] = bias
    return np.arange(tokens, dtype=np.int64) + biases


def randomized(tokens: int, reach: int, random: np.random.Generator) -> Ints:
    """As many different positions as there are tokens, in order (randomized encodings).

    The paper draws the first one, too; here it is 0.

    Args:
        tokens: Of the text.
        reach: Positions are ``0 ... reach - 1``.
        random: Decides.

    Returns:
        Strictly rising positions, ``[tokens]``.
    """
    drawn = 1 + random.choice(reach - 1, size=tokens - 1, replace=False)
    return np.concatenate([[0], np.sort(drawn)]).astype(np.int64)


def skipalign(tokens: int, reach: int, places: Sequence[int], random: np.random.Generator) -> Ints:
    """A text that skips ahead at its own seams only, such as between passages (SkipAlign).

    How much is skipped in all is drawn evenly from ``0 ... reach - tokens``, and how much of it
    before each place, too.

    Args:
        tokens: Of the text.
        reach: Positions are ``0 ... reach - 1``.
        places: Tokens before which it may skip, rising; none leaves the text as it is.
        random: Decides.

    Returns:
        Strictly rising positions, ``[tokens]``.
    """
    most = int(random.integers(reach - tokens + 1))
    biases = np.zeros(tokens, dtype=np.int64)
    skipped = np.sort(random.integers(most + 1, size=len(places)))
    for place, bias in zip(places, skipped.tolist(), strict=True):
        biases[place:] = bias
    return np.arange(tokens, dtype=np.int64) + biases


@dataclass(frozen=True, kw_only=True)
class SkippingOptions:
    """At which positions documents are read.

    Attributes:
        kind: ``"plain"`` skips nothing.
        reach: Positions that are drawn from, tokens; None takes all of a learned table, and four
            times the longest document in rotary models.
        chunks: Chunks of a document under ``"pose"``.

    Raises:
        SettingsError: There is no such kind, less than two chunks, or ``reach`` where nothing
            skips.
    """

    kind: Skip = "plain"
    reach: int | None = None
    chunks: int = 2

    def __post_init__(self) -> None:
        if self.kind not in SKIPS:
            raise SettingsError(f"positions={self.kind!r} is not one of: {', '.join(SKIPS)}")
        if self.chunks < 2:
            raise SettingsError(f"chunks={self.chunks} must be at least 2")
        if self.kind == "plain" and self.reach is not None:
            raise SettingsError(
                f"reach={self.reach} says how far positions skip, and positions='plain' skip "
                "nothing: take pose, randomized or skipalign, or leave reach out"
            )

    @property
    def skips(self) -> bool:
        """Whether any position is skipped."""
        return self.kind != "plain"

    def reach_of(self, longest: int, *, table: int | None = None) -> int:
        """Positions at which documents are read.

        Args:
            longest: Tokens of the longest one.
            table: Rows of a learned table; None where there is none.

        Raises:
            SettingsError: Documents leave nothing to skip.
        """
        if not self.skips:
            return longest
        reach = self.reach or table or 4 * longest
        if reach <= longest:
            raise SettingsError(
                f"documents of {longest} tokens leave nothing to skip in {reach} positions: take "
                "shorter documents (lengths), or more positions (reach)"
            )
        return reach


class Skipping:
    """Batches of documents, each document with positions of its own.

    The documents are those that would be read plainly, in the same order.

    Args:
        documents: Endless, and the same at each call.
        head: Tokens that open a document.
        tail: Tokens that close it.
        options: How positions skip; their ``reach`` is known.
        seed: Decides every position.
    """

    def __init__(
        self,
        documents: Iterable[DocumentBatch],
        *,
        head: int,
        tail: int,
        options: SkippingOptions,
        seed: int,
    ) -> None:
        self._documents = documents
        self._head = head
        self._tail = tail
        self._options = options
        self._seed = seed

    def __iter__(self) -> Iterator[DocumentBatch]:
        """The same batches each time."""
        random = np.random.default_rng([self._seed, 1])
        for batch in self._documents:
            rows = [self._positions(batch, number, random) for number in range(len(batch.contents))]
            yield replace(batch, positions=np.stack(rows))

    def _positions(self, batch: DocumentBatch, number: int, random: np.random.Generator) -> Ints:
        """Positions of one document."""
        tokens, options = batch.documents.shape[1], self._options
        assert options.reach is not None
        if options.kind == "pose":
            return pose(tokens, options.reach, random, chunks=options.chunks)
        if options.kind == "randomized":
            return randomized(tokens, options.reach, random)
        own = [span for span in batch.spans if span.document == number]
        seams = {edge for span in own for edge in (span.start, span.stop)}
        inside = range(self._head + 1, tokens - self._tail)
        places = sorted(seam for seam in seams if seam in inside)
        return skipalign(tokens, options.reach, places, random)
