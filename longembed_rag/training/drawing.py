"""Drawing from several sources, so that the largest does not drown the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Sources(Generic[Item]):
    """Things by their source; a source is drawn by the square root of its size.

    Args:
        items: Each with the name of its source.
    """

    def __init__(self, items: Iterable[tuple[str, Item]]) -> None:
        by_source: dict[str, list[Item]] = defaultdict(list)
        for source, item in items:
            by_source[source].append(item)
        self._lists = list(by_source.values())
        roots = np.sqrt([len(each) for each in self._lists])
        self._bounds = np.cumsum(roots / max(float(roots.sum()), 1e-9))

    def __len__(self) -> int:
        return sum(map(len, self._lists))

    def pick(self, random: np.random.Generator) -> Item:
        """One of them."""
        at = int(np.searchsorted(self._bounds, random.random(), side="right"))
        items = self._lists[min(at, len(self._lists) - 1)]
        return items[int(random.integers(len(items)))]


def around(start: int, items: Sequence[int]) -> Iterator[int]:
    """Items from one on, around their end."""
    for at in range(start, start + len(items)):
        yield items[at % len(items)]


def up_to_letters(letters: int, passages: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Different passages until they have so many letters, each with its query."""
    chosen: dict[str, str] = {}
    joined = 0
    for query, text in passages:
        if text not in chosen:
            chosen[text] = query
            joined += len(text)
        if joined >= letters:
            break
    return [(query, text) for text, query in chosen.items()]
