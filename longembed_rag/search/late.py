"""Late interaction: the tokens of a query against those of passages that were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import max_similarity
from longembed_rag.store.payload import read_own
from longembed_rag.store.tokens import read_bits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.values import Hit


def late_scores(tokens: NDArray[np.float32], passages: Iterable[Hit]) -> dict[str, float]:
    """How well passages fit a query by their tokens.

    Args:
        tokens: Vectors of the query's tokens, shape ``[tokens, dimension]``.
        passages: What was found, with the bits in the payload.

    Returns:
        MaxSim by the passage's id (ColBERT, arXiv 2004.12832; the mean over the query's tokens);
        those of which no bits are kept are left out.
    """
    bits = {
        each.id: read_bits(read_own(each.payload).get("bits"), dimension=tokens.shape[1])
        for each in passages
    }
    kept = {identity: rows for identity, rows in bits.items() if len(rows)}
    scores = max_similarity(tokens, list(kept.values()))
    return dict(zip(kept, scores.tolist(), strict=True))


def in_turn(lists: Sequence[Sequence[Hit]], most: int) -> list[Hit]:
    """The best of several lists, in turn, each point once: so many."""
    found: dict[str, Hit] = {}
    for row in zip_longest(*lists):
        for hit in row:
            if hit is not None and len(found) < most:
                found.setdefault(hit.id, hit)
    return list(found.values())
