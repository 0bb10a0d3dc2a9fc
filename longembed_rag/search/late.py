"""Late interaction: the tokens of a query against those of passages that were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import max_similarity
from longembed_rag.store.payload import PASSAGE_BITS_KEY, read_own
from longembed_rag.store.tokens import read_bits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.points.values import Hit
    from longembed_rag.store.place import Place


_DIGITS = 5  # engines differ in float32's last ones


def late_scores(
    tokens: NDArray[np.float32], passages: Sequence[str], *, place: Place
) -> dict[str, float]:
    """How well passages fit a query by their tokens.

    Args:
        tokens: Vectors of the query's tokens, shape ``[tokens, dimension]``.
        passages: Their ids.
        place: Where they are; their bits are read now, of no others than are compared.

    Returns:
        MaxSim by the passage's id (ColBERT, arXiv 2004.12832; the mean over the query's tokens);
        those of which no bits are kept are left out.

    Raises:
        StoreError: They cannot be read.
    """
    found = place.points.fetch(place.passages, passages, what="searching", keys=(PASSAGE_BITS_KEY,))
    bits = {
        each.id: read_bits(read_own(each.payload).get("bits"), dimension=tokens.shape[1])
        for each in found
    }
    kept = {identity: rows for identity, rows in bits.items() if len(rows)}
    scores = max_similarity(tokens, list(kept.values()))
    return dict(zip(kept, scores.tolist(), strict=True))


def first_of(lists: Sequence[Sequence[Hit]], most: Sequence[int]) -> list[Hit]:
    """So many of each list, best first; each point once.

    Equal scores are taken in the order of their ids, so that all engines compare the same ones.
    """
    found: dict[str, Hit] = {}
    for hits, count in zip(lists, most, strict=True):
        for hit in sorted(hits, key=lambda hit: (-round(hit.score, _DIGITS), hit.id))[:count]:
            found.setdefault(hit.id, hit)
    return list(found.values())
