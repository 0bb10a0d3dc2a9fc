"""Maximal marginal relevance: what fits the query, and is unlike what was chosen already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def cosines(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of a vector and several, 0 where a vector has no length.

    Args:
        query: Shape ``[dimension]``.
        vectors: Shape ``[count, dimension]``.
    """
    found: NDArray[np.float64] = _unit(vectors) @ _unit(query[np.newaxis])[0]
    return found


def diverse(
    query: NDArray[np.float32], vectors: NDArray[np.float32], *, k: int, lambda_mult: float
) -> Sequence[int]:
    """Choose by maximal marginal relevance (Carbonell and Goldstein, 1998).

    Args:
        query: Shape ``[dimension]``.
        vectors: Candidates, shape ``[count, dimension]``.
        k: Most that are chosen.
        lambda_mult: 1 looks at the query alone, 0 at the difference alone.

    Returns:
        Indices of the chosen ones, in the order of choice.
    """
    relevance = cosines(query, vectors)
    alike = _unit(vectors) @ _unit(vectors).T
    chosen: list[int] = []
    left = list(range(len(vectors)))
    while left and len(chosen) < k:
        # The first is the most relevant one, whatever the weight.
        worth = relevance[left]
        if chosen:
            nearest = alike[np.ix_(left, chosen)].max(axis=1)
            worth = lambda_mult * worth - (1 - lambda_mult) * nearest
        chosen.append(left.pop(int(np.argmax(worth))))
    return chosen


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = np.zeros_like(exact)
    np.divide(exact, lengths, out=unit, where=lengths > 0)
    return unit
