"""Late interaction: the vectors of passages' tokens, pooled and as bits, and how they compare.

A passage fits a query as well as, on average, the query's tokens each find one that means the same
in it (MaxSim; ColBERT, arXiv 2004.12832). No training is needed for that: the states from which
a passage's one vector is pooled are compared themselves.

Kept as they are, they would take hundreds of kilobytes a passage. Those that are alike can be
averaged (arXiv 2409.14683), or neighbours, and of each number its sign is enough, once what all
tokens of a model have in common is taken off: 48 bytes a vector at 384 dimensions.

Nothing here needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

PoolBy = Literal["neighbours", "clusters"]

#: The text that a model's mean token is taken of: any ordinary one would do, but always the same.
REFERENCE_TEXT = """
On the first Monday of March the committee met again, in the small room above the library. The
chair thanked everybody for coming and asked for the minutes of the last meeting, which nobody had
brought. "We agreed on three things," she said: the roof will be mended before the autumn, the
budget of 12,500 euros is not to be exceeded, and the school gets its new heating in 2027.
Mr Jensen, who had missed the meeting, wanted to know why the price of copper had risen so quickly.
A report by two engineers explains how water moves through sandstone; its second chapter describes
the method, the temperature at which samples were kept, and what the results mean for wells near
the coast. Der Vertrag endet am 30. Juni, wenn er nicht vorher verlängert wird. Le médecin a dit
que la fièvre passerait en quelques jours. Los barcos salieron del puerto antes del amanecer.
When the music stopped, the old man laughed, put his hat on the table and told them the story of
the river once more: how it had carried away the bridge, two cows and a piano in a single night.
"""

# Passages whose bits are spelled out as numbers at once: a few megabytes, which stay in the cache.
_TOKENS_AT_ONCE = 2048


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """How the vectors of a passage's tokens are kept.

    The defaults take 12 bytes a token at 384 dimensions and find as much as every token by itself
    does (docs/search.md has the numbers).

    Attributes:
        pool: Tokens that become one vector, their average; 1 keeps each.
        pool_by: Which ones: ``"neighbours"``, or ``"clusters"`` of those that are alike
            (hierarchical, Ward's; arXiv 2409.14683).
        bits: Whether one bit a number is kept, its sign beside the model's mean token.

    Raises:
        SettingsError: A value is out of range.
    """

    pool: int = 4
    pool_by: PoolBy = "clusters"
    bits: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.pool, bool) or not isinstance(self.pool, int) or self.pool < 1:
            raise SettingsError(f"pool={self.pool!r} must be a whole number, at least 1")
        if self.pool_by not in get_args(PoolBy):
            raise SettingsError(
                f"pool_by={self.pool_by!r} is not one of: {', '.join(get_args(PoolBy))}"
            )


@dataclass(frozen=True)
class TokenVectors:
    """The vectors of the tokens of each of a document's passages.

    Attributes:
        counts: How many vectors each passage has, int64, shape ``[passages]``.
        vectors: Those of all passages, one after the other: float32 of unit length, shape
            ``[n, dimension]``; or as bits, uint8, ``[n, ceil(dimension / 8)]``, the first
            dimension in the highest bit.
        dimension: Of the vectors.
    """

    counts: NDArray[np.int64]
    vectors: NDArray[np.float32] | NDArray[np.uint8]
    dimension: int

    @property
    def as_bits(self) -> bool:
        """Whether they are bits."""
        return self.vectors.dtype.kind == "u"

    def of(self, passage: int) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Those of one passage."""
        return self.vectors[self._bounds[passage] : self._bounds[passage + 1]]

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        """Where each passage's begin, and where the last one's end."""
        import numpy as np

        return np.append(0, np.cumsum(self.counts))


def keep_tokens(vectors: Floats, options: TokenOptions, centre: Floats) -> NDArray[np.generic]:
    """The vectors of one passage as they are kept.

    Args:
        vectors: Those of its tokens, of unit length, shape ``[tokens, dimension]``.
        options: How.
        centre: The model's mean token, shape ``[dimension]``.

    Returns:
        float32 ``[n, dimension]`` or bits ``[n, ceil(dimension / 8)]``, ``n`` the tokens divided
        by ``options.pool``, rounded up.
    """
    import numpy as np

    pooled = np.asarray(vectors, dtype=np.float32)
    if options.pool > 1 and len(pooled):
        by = _by_neighbours if options.pool_by == "neighbours" else _by_clusters
        pooled = unit_length(by(pooled, options.pool))
    return to_bits(pooled, centre) if options.bits else pooled


def unit_length(vectors: NDArray[np.floating]) -> Floats:
    """Vectors at unit length along the last axis, float32; a zero vector stays as it is."""
    import numpy as np

    exact = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(exact, axis=-1, keepdims=True)
    return (exact / np.where(norms > 0, norms, 1)).astype(np.float32)


def to_bits(vectors: Floats, centre: Floats) -> NDArray[np.uint8]:
    """One bit a number: whether it is above the mean token's; ``[n, ceil(dimension / 8)]``."""
    import numpy as np

    return np.packbits(vectors > centre, axis=-1)


def _by_neighbours(vectors: Floats, pool: int) -> Floats:
    """Averages of so many neighbours; the last may be of fewer."""
    import numpy as np

    starts = np.arange(0, len(vectors), pool)
    sums = np.add.reduceat(vectors, starts, axis=0)
    sizes = np.diff(np.append(starts, len(vectors)))
    return np.asarray(sums / sizes[:, None], dtype=np.float32)


def _by_clusters(vectors: Floats, pool: int) -> Floats:
    """Averages of those that are alike: Ward's clusters, a ``pool``-th as many as tokens."""
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(vectors)
    wanted = -(-count // pool)
    if wanted == count:
        return vectors
    # Of unit vectors, distances follow from one matrix product.
    similarity = vectors @ vectors.T
    squared = 2 - 2 * similarity[np.triu_indices(count, 1)].astype(np.float64)
    merges = linkage(np.sqrt(np.maximum(squared, 0)), method="ward")
    cluster = fcluster(merges, wanted, criterion="maxclust") - 1
    members = np.zeros((int(cluster.max()) + 1, count), dtype=np.float32)
    members[cluster, np.arange(count)] = 1
    return np.asarray(members @ vectors / members.sum(axis=1, keepdims=True), dtype=np.float32)


def max_similarity(query: Floats, passages: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    """How well each passage fits a query: the mean over its tokens of their best match (MaxSim).

    Args:
        query: Vectors of the query's tokens, of unit length, shape ``[tokens, dimension]``.
        passages: Vectors of each passage's tokens, float32 or bits; all in the same way.

    Returns:
        float64, shape ``[passages]``. Of bits, a token's match is the query's dot product with
        signs of unit length, which cannot be quite 1. A passage without vectors has the least
        that there is, -1.
    """
    return max_similarities([query], passages)[:, 0]


def max_similarities(
    parts: Sequence[Floats], passages: Sequence[NDArray[np.generic]]
) -> NDArray[np.float64]:
    """How well each passage fits each part of a query; see :func:`max_similarity`.

    Args:
        parts: Vectors of each part's tokens, of unit length, shape ``[tokens, dimension]``.
        passages: Vectors of each passage's tokens, float32 or bits; all in the same way.

    Returns:
        float64, shape ``[passages, parts]``.
    """
    import numpy as np

    query = parts[0] if len(parts) == 1 else np.concatenate(parts)
    bounds = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    scores = np.full((len(passages), len(parts)), -1.0)
    batch: list[int] = []
    size = 0
    for index, passage in enumerate(passages):
        if not len(passage):
            continue
        batch.append(index)
        size += len(passage)
        if size >= _TOKENS_AT_ONCE:
            scores[batch] = _best_matches(query, bounds, [passages[each] for each in batch])
            batch, size = [], 0
    if batch:
        scores[batch] = _best_matches(query, bounds, [passages[each] for each in batch])
    return scores


def _best_matches(
    query: Floats, bounds: Sequence[int], passages: list[NDArray[np.generic]]
) -> NDArray[np.float64]:
    import numpy as np

    rows = np.concatenate(passages)
    starts = np.cumsum([0, *(len(each) for each in passages[:-1])])
    if rows.dtype.kind != "u":
        similarities = query @ rows.T.astype(np.float32, copy=False)
    else:
        dimension = query.shape[1]
        spelled = np.unpackbits(rows.astype(np.uint8, copy=False), axis=1, count=dimension)
        # Signs are 2 b - 1, over the root of the dimension.
        similarities = query @ spelled.T.astype(np.float32)
        similarities = (2 * similarities - query.sum(axis=1, keepdims=True)) / np.sqrt(dimension)
    best = np.maximum.reduceat(similarities, starts, axis=1)
    means = [best[first:last].mean(axis=0) for first, last in pairwise(bounds)]
    return np.stack(means, axis=1).astype(np.float64)
