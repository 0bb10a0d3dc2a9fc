"""Keeping a document's passages within what a server takes for one multivector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.encoder.values import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Most numbers in one multivector: a Qdrant server wants fewer than 1,048,576.
MULTIVECTOR_LIMIT = 1_048_575


def fit_passages(
    passages: Sequence[Passage],
    embeddings: NDArray[np.float32],
    *,
    limit: int = MULTIVECTOR_LIMIT,
) -> tuple[tuple[Passage, ...], NDArray[np.float32]]:
    """Join neighbouring passages until their vectors fit into one multivector.

    A document with too many passages (at 384 dimensions more than 2,730, about 700,000 tokens)
    keeps all of its text: runs of neighbours become one longer passage each, as evenly as
    possible and no more than needed. A joined passage has the mean of its passages' vectors,
    weighted by their tokens and brought back to unit length. The same is done for embedded
    stores, so that a document has the same passages wherever it lies.

    Args:
        passages: Passages in the order of the text.
        embeddings: One vector per passage, shape ``[len(passages), dimension]``.
        limit: Most numbers in a multivector.

    Returns:
        Passages and their vectors; as they were when they fit.
    """
    import numpy as np

    most = max(1, limit // embeddings.shape[1]) if passages else 0
    if len(passages) <= most:
        return tuple(passages), embeddings
    joined: list[Passage] = []
    vectors: list[NDArray[np.float32]] = []
    for run in np.array_split(np.arange(len(passages)), most):
        first, last = passages[run[0]], passages[run[-1]]
        tokens = np.array([passages[index].tokens for index in run], dtype=np.float64)
        joined.append(Passage(start=first.start, end=last.end, tokens=int(tokens.sum())))
        # A passage always has tokens; should one say 0, it still counts a little.
        weights = np.maximum(tokens, 1)
        mean = (embeddings[run] * (weights / weights.sum())[:, None]).sum(axis=0)
        # Opposite vectors cancel out; then the first one stands for its run.
        vectors.append(unit_length(mean if mean.any() else embeddings[run[0]]))
    return tuple(joined), np.stack(vectors)


def unit_length(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Vectors at unit length along the last axis, float32; a zero vector stays as it is."""
    import numpy as np

    exact = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(exact, axis=-1, keepdims=True)
    return (exact / np.where(norms > 0, norms, 1)).astype(np.float32)
