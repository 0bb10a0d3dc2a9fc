"""Weighing five kinds of evidence: words and meaning, of documents, of passages, of their tokens.

Pure arithmetic; :mod:`longembed_rag.search.evidence` gathers what goes in. The constants were
chosen once and are fixed: ``benchmarks/fusion.py`` chooses them again by cross-validation over
tasks, and its results lie beside it.

Each signal counts in its own standard deviations over the collection. Two things are taken into
account that a plain sum would miss:

- The best of many passages is good by chance: of a document with ``n`` passages as good as the
  logarithm of ``n`` says (the mean of the largest of ``n`` exponential variables grows like
  ``ln n``; of Gaussian ones more slowly). That much is taken off.
- Words say little where they do not match. How far they do is the *coverage*: the best
  document's BM25 as a share of what a document would get that held every word of the query as
  much as any document does. Chance alone covers a few words easily and many words never, with
  fluctuations that fall like one over the root of their number; so coverage times that root, the
  *reach*, decides how far words are trusted. Where they are not, what is meant decides.

And where words are trusted, tokens count less the more a question tells: its words find the
document, and the best passage is of one of many things.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The constants of the fusion; words of the document have weight one.

    Attributes:
        pairs: Of word pairs beside single words, before both are scaled together.
        passage_terms: Of the words of the best passage, where no tokens are compared.
        terms_beside_late: The same, where they are.
        passage_vector: Of the cosine of the best passage, where no tokens are compared.
        vector_beside_late: Likewise.
        passage_late: Of the tokens of the best passage (MaxSim).
        vector: Of the document's own cosine.
        terms_gain: Standard deviations by which the best of ``n`` passages gains in BM25, by
            chance, with each factor of e in ``n``.
        vector_gain: The same of its cosine.
        late_gain: The same of its tokens.
        uncovered: Coverage times the root of the query's words up to which words are not trusted.
        covered: From where on they are trusted fully.
        least_trust: What words count where they are not trusted.
        one_thing: Words of a query that tell of one thing, which one passage can answer.
    """

    pairs: float = 0.5
    passage_terms: float = 0.35
    terms_beside_late: float = 0.2
    passage_vector: float = 0.6
    vector_beside_late: float = 0.0
    passage_late: float = 3.0
    vector: float = 0.05
    terms_gain: float = 1.0
    vector_gain: float = 0.5
    late_gain: float = 0.5
    uncovered: float = 0.6
    covered: float = 1.2
    least_trust: float = 0.1
    one_thing: float = 10.0


WEIGHTS = Weights()

# A query of fewer words is covered all or not at all, and means those words.
_FEWEST_WORDS = 4


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for each of ``n`` candidates; arrays are float64, shape ``[n]``.

    Attributes:
        documents: Ids of their points.
        passages: How many passages each has, int64.
        terms: BM25 of its words.
        pairs: BM25 of its word pairs.
        vector: Cosine of its vector.
        passage_terms: BM25 of its best passage; None where no passages are kept.
        passage_vector: Cosine of its best passage; likewise.
        passage_late: MaxSim of the tokens of the passage that is best by it; None where none are
            kept, or the query's are not known.
        words_scale: Standard deviation of ``terms + Weights.pairs * pairs`` over the collection.
        vector_scale: That of ``vector``.
        passage_terms_scale: That of BM25 over all passages.
        passage_vector_scale: That of the cosine over all passages.
        passage_late_scale: That of MaxSim over all passages.
        coverage: The greatest of ``terms``, as a share of what a document would get that held
            every word of the query as much as any document does; 0 to 1.
        words: How many words the query has, stopwords aside.
    """

    documents: tuple[str, ...]
    passages: NDArray[np.int64]
    terms: Floats
    pairs: Floats
    vector: Floats
    passage_terms: Floats | None
    passage_vector: Floats | None
    passage_late: Floats | None
    words_scale: float
    vector_scale: float
    passage_terms_scale: float
    passage_vector_scale: float
    passage_late_scale: float
    coverage: float
    words: int

    @property
    def reach(self) -> float:
        """How far the query's words reach; see :func:`reach_of`."""
        return reach_of(self.coverage, self.words)

    def signals(self, index: int) -> dict[str, float]:
        """The signals of one candidate, by name."""
        signals = {
            "terms": float(self.terms[index]),
            "pairs": float(self.pairs[index]),
            "vector": float(self.vector[index]),
        }
        if self.passage_terms is not None and self.passage_vector is not None:
            signals["passage_terms"] = float(self.passage_terms[index])
            signals["passage_vector"] = float(self.passage_vector[index])
        if self.passage_late is not None:
            signals["passage_late"] = float(self.passage_late[index])
        return signals


@dataclass(frozen=True)
class Fusion:
    """Candidates, best first.

    Attributes:
        order: Their indices in the evidence, int64, shape ``[n]``.
        scores: Their scores in that order.
        parts: What each signal adds, by name; each in the order of the evidence.
    """

    order: NDArray[np.int64]
    scores: Floats
    parts: dict[str, Floats]

    def parts_of(self, index: int) -> dict[str, float]:
        """What each signal adds to one candidate's score."""
        return {name: float(part[index]) for name, part in self.parts.items()}


def reach_of(coverage: float, words: int) -> float:
    """How far a query's words reach beyond chance: coverage times the root of their number.

    Chance covers a share of a query's words, which varies like one over the root of how many there
    are; so this is coverage in units of what chance makes of it. Who looks for one word or two
    means those, so that fewer than four words count as four.
    """
    return coverage * math.sqrt(max(words, _FEWEST_WORDS))


def trust_in_words(evidence: Evidence, weights: Weights = WEIGHTS) -> float:
    """How far words are trusted for this query, from ``weights.least_trust`` to 1."""
    share = (evidence.reach - weights.uncovered) / (weights.covered - weights.uncovered)
    return min(1.0, max(weights.least_trust, share))


def trust_in_tokens(evidence: Evidence, weights: Weights = WEIGHTS) -> float:
    """How much tokens count for this query beside its words, from 1 down.

    A passage speaks of one thing, a question of many words tells of several. Of a query of twice
    ``weights.one_thing`` words the best passage can only answer half, and what matches of the
    other half does so by chance: so tokens count half of a half. And who types one word or two
    looks for those words, and not for what is like them. All that is as far as words are trusted;
    where they are not, there is nothing better.
    """
    words = max(evidence.words, 1)
    share = min(1.0, weights.one_thing / words, words / _FEWEST_WORDS) ** 2
    return 1 - trust_in_words(evidence, weights) * (1 - share)


def weigh(evidence: Evidence, weights: Weights = WEIGHTS) -> dict[str, Floats]:
    """What each signal adds to each candidate's score, by name; float64, shape ``[n]``.

    A part is a weight times a signal in standard deviations; the same constant for all candidates
    is left in, so that parts can be told apart from what others have, not read as absolute.
    """
    import numpy as np

    trust = trust_in_words(evidence, weights)
    words = trust / evidence.words_scale
    parts = {
        "terms": words * evidence.terms,
        "pairs": words * weights.pairs * evidence.pairs,
        "vector": weights.vector * evidence.vector / evidence.vector_scale,
    }
    many = np.log(np.maximum(evidence.passages, 1))
    if evidence.passage_terms is not None and evidence.passage_vector is not None:
        terms = evidence.passage_terms / evidence.passage_terms_scale - weights.terms_gain * many
        cosine = evidence.passage_vector / evidence.passage_vector_scale
        vector = cosine - weights.vector_gain * many
        of_terms, of_cosine = _of_passages(evidence, weights)
        parts["passage_terms"] = trust * of_terms * terms
        parts["passage_vector"] = of_cosine * vector
    if evidence.passage_late is not None:
        tokens = evidence.passage_late / evidence.passage_late_scale - weights.late_gain * many
        parts["passage_late"] = trust_in_tokens(evidence, weights) * weights.passage_late * tokens
    return parts


def fuse(evidence: Evidence, weights: Weights = WEIGHTS) -> Fusion:
    """Rank the candidates by the sum of their parts."""
    import numpy as np

    parts = weigh(evidence, weights)
    total = np.sum(list(parts.values()), axis=0)
    # Equal scores by id, so that the order is the same wherever the collection lies.
    order = np.array(
        sorted(range(len(total)), key=lambda i: (-total[i], evidence.documents[i])), dtype=np.int64
    )
    return Fusion(order, total[order], parts)


def _of_passages(evidence: Evidence, weights: Weights) -> tuple[float, float]:
    """What words and cosine of the best passage weigh: less where tokens say the same better."""
    if evidence.passage_late is not None:
        return weights.terms_beside_late, weights.vector_beside_late
    return weights.passage_terms, weights.passage_vector


def passage_scorer(
    evidence: Evidence, weights: Weights = WEIGHTS
) -> Callable[[Mapping[str, float]], float]:
    """How well passages fit, by the weights that documents are weighed by.

    Args:
        evidence: Of the same query, for its scales.
        weights: The constants.

    Returns:
        From a passage's signals, ``"terms"`` (BM25), ``"vector"`` (its cosine) and ``"late"``
        (MaxSim of its tokens), to its score; one that is not there counts as zero.
    """
    trust = trust_in_words(evidence, weights)
    words, cosine = _of_passages(evidence, weights)
    of_signals = {
        "terms": trust * words / evidence.passage_terms_scale,
        "vector": cosine / evidence.passage_vector_scale,
        "late": trust_in_tokens(evidence, weights)
        * weights.passage_late
        / evidence.passage_late_scale,
    }
    return lambda signals: sum(
        weight * signals.get(name, 0.0) for name, weight in of_signals.items()
    )
