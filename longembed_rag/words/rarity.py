"""How rare terms are: IDF, where a store does not put it in itself.

A store of one shard multiplies a query's terms by how rare they are, at the time of the query. One
of several shards does so in each by itself, from the documents that happen to lie there, so that a
word weighs differently from document to document. There the terms of a query are weighed before
they are sent, by the same formula and from counts over all shards
(:mod:`longembed_rag.store.frequencies`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from longembed_rag.words.terms import QueryVector


def idf(holding: int, total: int) -> float:
    """The weight of a term by its rarity: Lucene's formula, which Qdrant and bm25s use.

    Args:
        holding: How many points hold it.
        total: How many points hold any.
    """
    return math.log1p((total - holding + 0.5) / (holding + 0.5))


@dataclass(frozen=True)
class Rarity:
    """How rare the terms of a query are in one of the sparse vectors.

    Attributes:
        total: How many points have such a vector.
        holding: How many of them hold a term, by its id. Terms that none holds are left out.
    """

    total: int = 0
    holding: Mapping[int, int] = field(default_factory=dict)

    def weighed(self, query: QueryVector) -> QueryVector:
        """The terms of a query, each with its weight times how rare it is."""
        weights = (
            weight * idf(self.holding.get(term, 0), self.total)
            for term, weight in zip(query.indices, query.values, strict=True)
        )
        return QueryVector(query.indices, tuple(weights))


@dataclass(frozen=True)
class Rarities:
    """How rare the terms of a query are in each of the sparse vectors.

    Attributes:
        documents: In the words of documents.
        hybrid: In what ``hybrid`` compares of documents: their words and word pairs.
        passages: In the words of passages.
    """

    documents: Rarity = field(default_factory=Rarity)
    hybrid: Rarity = field(default_factory=Rarity)
    passages: Rarity = field(default_factory=Rarity)
