"""What is compared with what: the vectors of a query, and many queries in one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import unit_length
from longembed_rag.points.filters import FieldCondition, Filter, HasIdCondition, Range
from longembed_rag.points.values import Vector, native_id
from longembed_rag.store.payload import BUCKET_KEY, BUCKETS
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.words.terms import QueryVector, query_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.filters import AnyFilter
    from longembed_rag.words.query import Forms, QueryWords
    from longembed_rag.words.rarity import Rarities

#: Name of a stored vector, and a query's to compare with it.
Probe = tuple[str, Vector]
#: Likewise, of words.
WordsProbe = tuple[str, QueryVector]
#: A number for each part of a query.
OfParts = tuple[float, ...]


@dataclass(frozen=True)
class Question:
    """A query, ready to be compared.

    Attributes:
        words: Its words, each with its forms.
        vector: Its vector, shape ``[dimension]``; None where only words are compared.
        tokens: Of each of its parts the vectors of the tokens, shape ``[tokens, dimension]``; None
            where none are compared.
        rarities: How rare its terms are; None where the store puts that in.
        late: MaxSim of the passages that were compared with each of its parts, by their ids; None
            where no bits are kept.
    """

    words: QueryWords
    vector: NDArray[np.float32] | None
    tokens: tuple[NDArray[np.float32], ...] | None = None
    rarities: Rarities | None = None
    late: dict[str, OfParts | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def shares(self) -> OfParts:
        """What each part counts: its share of the tokens."""
        counts = [len(part) for part in self.tokens or ()]
        total = sum(counts)
        return tuple(count / total for count in counts)

    def mean(self, of_parts: OfParts) -> float:
        """The mean over all of its tokens, from those over each part's."""
        return sum(share * score for share, score in zip(self.shares, of_parts, strict=True))

    def words_probe(self, vector: str = TERMS_VECTOR) -> Probe:
        """Its words, to be compared with those in one of the vectors of documents."""
        return self._weighed(terms_probe(self.words, vector=vector))

    def pairs_probe(self) -> Probe:
        """Its word pairs."""
        return self._weighed(pairs_probe(self.words))

    def word_probe(self, forms: Forms, vector: str = TERMS_VECTOR) -> Probe:
        """One of its words, in all of its forms."""
        return self._weighed(word_probe(forms, vector=vector))

    def passages_probe(self) -> Probe:
        """Its words, to be compared with those of passages."""
        vector, terms = terms_probe(self.words)
        return vector, terms if self.rarities is None else self.rarities.passages.weighed(terms)

    def _weighed(self, probe: WordsProbe) -> Probe:
        vector, terms = probe
        if self.rarities is None:
            return probe
        is_hybrid = vector == PAIRS_VECTOR
        rarity = self.rarities.hybrid if is_hybrid else self.rarities.documents
        return vector, rarity.weighed(terms)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a search looks at.

    Attributes:
        documents: Which documents; None for all.
        passages: Which passages; None for all.
        holding: Ids of the documents' points, where they are those that hold what a query wants
            word for word; None where it wants nothing so.
    """

    documents: AnyFilter | None = None
    passages: AnyFilter | None = None
    holding: tuple[str, ...] | None = None


def dense_probe(vector: NDArray[np.float32]) -> Probe:
    """The query's vector, shape ``[dimension]``."""
    return DENSE_VECTOR, unit_vector(vector)


def unit_vector(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The query's vector as it is compared, of unit length."""
    return unit_length(vector)


def terms_probe(words: QueryWords, *, vector: str = TERMS_VECTOR) -> WordsProbe:
    """The query's words, to be compared with those in one of the sparse vectors."""
    return vector, query_vector(words.weights)


def word_probe(forms: Forms, *, vector: str = TERMS_VECTOR) -> WordsProbe:
    """One word of the query, in all of its forms."""
    return vector, query_vector(dict(forms))


def pairs_probe(words: QueryWords) -> WordsProbe:
    """The query's word pairs."""
    return PAIRS_VECTOR, query_vector(words.pairs)


def sample_filter(total: int, wanted: int) -> Filter | None:
    """A filter that lets about so many points pass, always the same ones; None lets all pass.

    Args:
        total: Points in the collection; up to twice as many as are wanted all pass.
        wanted: How many are to pass.
    """
    if total <= 2 * wanted:
        return None
    below = round(BUCKETS * wanted / total)
    return Filter(must=[FieldCondition(key=BUCKET_KEY, range=Range(lt=below))])


def only(ids: Sequence[str]) -> Filter:
    """A filter that lets only points of these ids pass."""
    return Filter(must=[HasIdCondition([native_id(each) for each in ids])])


def deviation(scores: Sequence[float] | NDArray[np.float64], count: int) -> float:
    """Standard deviation over so many, of which those without a score have none: zero.

    Never so small that rounding would decide: at least a fiftieth of the mean.
    """
    import numpy as np

    values = np.zeros(max(count, len(scores), 1))
    values[: len(scores)] = scores
    spread = max(float(values.std()), float(np.abs(values).mean()) / 50, 1e-3)
    return spread if values.any() else 1.0
