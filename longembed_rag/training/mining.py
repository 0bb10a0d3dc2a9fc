"""Hard negatives: passages that look like the answer to a query, and are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longembed_rag.errors import SettingsError
from longembed_rag.training.texts import Pair
from longembed_rag.training.word_index import WordIndex

Floats = NDArray[np.floating[Any]]
#: Texts to unit vectors, one a row; told whether they are queries.
Embed = Callable[[Sequence[str], bool], Floats]

#: Queries compared with all passages at a time.
_QUERIES = 64


@dataclass(frozen=True, kw_only=True)
class MiningOptions:
    """Which passages are taken.

    Attributes:
        negatives: Of each query, at most; seven, as LongEmbed's Appendix A has it.
        candidates: Best passages by words, and as many by vectors, that are looked at.
        margin: A passage whose cosine to the query is not so much below the answer's own may well
            answer it, too (arXiv 2407.15831), and is left out.

    Raises:
        SettingsError: A number is out of range.
    """

    negatives: int = 7
    candidates: int = 100
    margin: float = 0.05

    def __post_init__(self) -> None:
        if self.negatives < 1 or self.candidates < self.negatives:
            raise SettingsError(
                f"negatives={self.negatives} must be at least 1, and candidates="
                f"{self.candidates} at least as many"
            )
        if not 0 <= self.margin <= 2:
            raise SettingsError(f"margin={self.margin} is a difference of cosines: 0 to 2")


def mine(
    pairs: Sequence[Pair],
    words: Callable[[Sequence[str]], WordIndex],
    embed: Embed,
    *,
    options: MiningOptions,
) -> Iterator[Pair]:
    """Give every query the passages that are nearest to it and do not answer it.

    They are taken from all passages, those without a query included; in turn the best by words and
    the best by the model. What answers the same query elsewhere, equals its answer but for case
    and spaces, or holds it, is none. Pairs that have negatives keep them.

    Args:
        pairs: Pairs, and passages as pairs with an empty query, in any order.
        words: Makes an index of passages.
        embed: The model.
        options: Which passages are taken.

    Yields:
        The same pairs in the same order.
    """
    answers: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        answers[plain(pair.query)].add(plain(pair.passage))
    texts = list(dict.fromkeys(pair.passage for pair in pairs))
    rows = {text: row for row, text in enumerate(texts)}
    index, vectors = words(texts), embed(texts, False)
    for start in range(0, len(pairs), _QUERIES):
        part = pairs[start : start + _QUERIES]
        asked = [pair for pair in part if pair.query and not pair.negatives]
        cosines = iter(())  # type: Iterator[Floats]
        if asked:
            cosines = iter(embed([pair.query for pair in asked], True) @ vectors.T)
        for pair in part:
            if not pair.query or pair.negatives:
                yield pair
                continue
            near = next(cosines)
            limit = float(near[rows[pair.passage]]) - options.margin
            order = _in_turn(
                _best(index.scores(pair.query), options.candidates, above=0.0),
                _best(near, options.candidates, above=-np.inf),
            )
            fit = (texts[row] for row in order if near[row] <= limit)
            found = _others(fit, answers[plain(pair.query)], options.negatives)
            yield replace(pair, negatives=tuple(found))


def plain(text: str) -> str:
    """A text without case, and with single spaces."""
    return " ".join(text.casefold().split())


def _others(texts: Iterator[str], answers: set[str], most: int) -> list[str]:
    """The first texts that are no answers, nor like one another."""
    found: dict[str, str] = {}
    for text in texts:
        if len(found) == most:
            break
        same = plain(text)
        if same and not any(same in answer or answer in same for answer in answers):
            found.setdefault(same, text)
    return list(found.values())


def _best(scores: Floats, count: int, *, above: float) -> list[int]:
    """Rows of the highest scores, the highest first; of equal ones the first row first."""
    count = min(count, len(scores))
    rows = np.sort(np.argpartition(-scores, count - 1)[:count])
    best = rows[np.argsort(-scores[rows], kind="stable")]
    return [int(row) for row in best if scores[row] > above]


def _in_turn(ones: Sequence[int], others: Sequence[int]) -> list[int]:
    """One of each, each once."""
    both = chain.from_iterable(zip_longest(ones, others))
    return list(dict.fromkeys(row for row in both if row is not None))
