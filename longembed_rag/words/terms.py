"""Terms as sparse vectors whose dot product with a query's is BM25.

A document's vector holds what BM25 says of each term's frequency in it; the rarity of terms
(IDF) is put in by Qdrant, which knows how many points hold a term at that moment
(``Modifier.IDF``, the formula of Lucene and bm25s)::

    weight(t, d) = tf / (tf + k1 * (1 - b + b * length(d) / average length))
    score(q, d)  = sum over the words t of q of  idf(t) * weight(t, d)

Beside single words, whole documents have their *word pairs*: neighbours, once stopwords are
gone. A document that holds "remote control" is likelier meant than one that holds both words in
different places (the ordered window of the sequential dependence model, Metzler and Croft 2005).

Where documents are long, a word has to be said more often before it stops counting:
:func:`saturation` says how often. Single words weighed so lie in one vector with the word pairs,
for whole documents; it is what ``hybrid`` asks. The vector of :func:`document_vector` stays the
BM25 that everyone knows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.words.cutting import Term

#: Terms as often as they occur, or each with what it counts.
Counted = Iterable[str] | Mapping[str, float]

#: How fast a repeated word stops counting, and how much length counts: bm25s' own defaults.
K1 = 1.5
B = 0.75
#: Average length of a document, in terms, from which on words stop counting later than at K1.
LONG = 3000
#: How the words of whole documents are weighed for ``hybrid``: 1 as for everything else; 2 by
#: :func:`saturation`, beside the word pairs. Whoever changes that adds a version.
WEIGHING_VERSION = 2


@dataclass(frozen=True)
class TermVector:
    """A sparse vector.

    Attributes:
        indices: Ids of the terms, ascending, each once.
        values: Their weights, float64, of the same length.
    """

    indices: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class QueryVector:
    """A sparse vector of the few terms of a query.

    Attributes:
        indices: Ids of the terms, ascending, each once.
        values: What they weigh.
    """

    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.indices)


@lru_cache(maxsize=1 << 17)
def term_id(term: str) -> int:
    """The id of a term: the same everywhere and always, so that no vocabulary has to be kept.

    Two of a million terms share an id with a chance that does not matter: about a hundred pairs
    do, of half a million million.
    """
    return int.from_bytes(blake2b(term.encode("utf-8", "replace"), digest_size=4).digest(), "big")


def word_pairs(stems: Sequence[str]) -> list[str]:
    """Neighbouring terms as terms of their own."""
    return [f"{first} {second}" for first, second in pairwise(stems)]


def tally(terms: Iterable[Term]) -> dict[str, float]:
    """What the terms of a document count, each with its other forms."""
    counts: dict[str, float] = {}
    for term in terms:
        counts[term.stem] = counts.get(term.stem, 0.0) + term.counted
    return counts


def document_vector(
    terms: Counted, *, length: int, average: float, k1: float = K1, b: float = B
) -> TermVector:
    """BM25's weights of a document's terms, without their rarity.

    Args:
        terms: Its terms, in any order, repeated as often as they occur, or what each counts.
        length: Length of the document, in terms.
        average: Average length in the collection; 0 while there is nothing to average.
        k1: How often a word is said in a document of average length when it has half its weight.
        b: How much length counts, 0 to 1.
    """
    import numpy as np

    by_id = _counted(terms)
    indices = np.fromiter(by_id, dtype=np.int64, count=len(by_id))
    counts = np.fromiter(by_id.values(), dtype=np.float64, count=len(by_id))
    ratio = length / average if average > 0 else 1.0
    half = k1 * (1 - b + b * ratio)
    return TermVector(indices, counts / (counts + half))


def saturation(average: float) -> float:
    """The ``k1`` that fits documents of an average length: it grows with the root of the length.

    A word has half of its weight when it is said ``k1`` times, so ``k1`` should grow as counts do.
    A text of ``n`` words has between ``n ** 0.5`` and ``n ** 0.75`` different ones (Heaps' law),
    and says each between ``n ** 0.25`` and ``n ** 0.5`` times; the root is for the words that a
    text is about. ``benchmarks/words.py`` compares it with other powers, and with a ``k1`` for
    every word. Up to :data:`LONG` terms ``k1`` is what it is for everything else: there larger
    ones lose as often as they gain. That 1.5 saturates too early in long documents is Lv and
    Zhai's finding (2011, "When documents are very long, BM25 fails").

    Args:
        average: Average length in the collection, in terms; 0 while there is nothing to average.
    """
    return K1 * math.sqrt(max(1.0, average / LONG))


def words_and_pairs_vector(
    stems: Sequence[str], *, length: int, average: float, counts: Mapping[str, float] | None = None
) -> TermVector:
    """What ``hybrid`` compares of a whole document: its words by :func:`saturation`, and its pairs.

    Two terms of one id, a chance of a few per cent in a document of 17,000 terms, count together.

    Args:
        stems: Its terms, in order.
        length: Length of the document, in terms.
        average: Average length in the collection; 0 while there is nothing to average.
        counts: What its terms and their other forms count; None where there are none but them.
    """
    import numpy as np

    terms = stems if counts is None else counts
    words = document_vector(terms, length=length, average=average, k1=saturation(average))
    pairs = document_vector(word_pairs(stems), length=length, average=average)
    indices, places = np.unique(np.r_[words.indices, pairs.indices], return_inverse=True)
    weights = np.zeros(len(indices))
    np.add.at(weights, places, np.r_[words.values, pairs.values])
    return TermVector(indices, weights)


def query_vector(terms: Counted) -> QueryVector:
    """A query's terms, each as often as it is said, or with what it weighs."""
    by_id = _counted(terms)
    return QueryVector(tuple(by_id), tuple(map(float, by_id.values())))


def _counted(terms: Counted) -> dict[int, float]:
    """What each term counts, by its id, ascending."""
    counts: dict[int, float] = {}
    weighed = terms if isinstance(terms, Mapping) else Counter(terms)
    for term, count in weighed.items():
        identity = term_id(term)
        counts[identity] = counts.get(identity, 0.0) + count
    return dict(sorted(counts.items()))
