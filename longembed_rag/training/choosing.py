"""Which passages a long document is made of."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import numpy as np

from longembed_rag.training.drawing import Sources, around, up_to_letters
from longembed_rag.training.texts import Pair

#: A query, or nothing where nothing is asked, and a passage.
Asked = tuple[str, str]


class Choosing:
    """Draws pairs, and passages that stand around them.

    Args:
        pairs: A query and a passage each; those that follow each other in a source are neighbours.
        passages: Texts that nothing is asked of.
    """

    def __init__(self, pairs: Sequence[Pair], passages: Sequence[str]) -> None:
        self._pairs = pairs
        self._sources: dict[str, list[int]] = defaultdict(list)
        for at, pair in enumerate(pairs):
            self._sources[pair.source].append(at)
        self._firsts = Sources((pair.source, at) for at, pair in enumerate(pairs))
        fillers = (("", ("", text)) for text in passages)
        asked = ((pair.source, (pair.query, pair.passage)) for pair in pairs)
        self._anywhere: Sources[Asked] = Sources((*asked, *fillers))

    def first(self, random: np.random.Generator) -> int:
        """Which pair a document is made around."""
        return self._firsts.pick(random)

    def choose(
        self,
        first: int,
        letters: int,
        random: np.random.Generator,
        beside: Sequence[Asked] = (),
        *,
        coherent: bool,
    ) -> list[Asked]:
        """Passages of so many letters in all, each with its query or an empty one.

        Args:
            first: The pair that is among them in any case.
            letters: How many.
            random: Decides.
            beside: Others that are among them, as far as there is room.
            coherent: Whether the rest are the pair's neighbours; from anywhere otherwise, and in
                any order.
        """
        candidates = self._anything(first, random)
        if coherent:
            # A small source does not fill a document alone.
            candidates = chain(self._neighbours(first), candidates)
        if beside:
            candidates = chain(islice(self._neighbours(first), 1), beside, candidates)
        found = up_to_letters(letters, islice(candidates, letters))
        return found if coherent else [found[at] for at in random.permutation(len(found))]

    def _neighbours(self, first: int) -> Iterator[Asked]:
        """A pair and those that follow in its source, around its end."""
        source = self._sources[self._pairs[first].source]
        for number in around(bisect_left(source, first), source):
            yield self._pairs[number].query, self._pairs[number].passage

    def _anything(self, first: int, random: np.random.Generator) -> Iterator[Asked]:
        """A pair, then passages from anywhere."""
        yield self._pairs[first].query, self._pairs[first].passage
        while True:
            yield self._anywhere.pick(random)
