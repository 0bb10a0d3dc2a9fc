"""Late interaction: the tokens of a query against those of passages that were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import max_similarity
from longembed_rag.search.known import known_of
from longembed_rag.search.steps import Steps, fetch
from longembed_rag.store.payload import PASSAGE_BITS_KEY, read_own
from longembed_rag.store.tokens import read_bits

if TYPE_CHECKING:
    from longembed_rag.points.values import Hit
    from longembed_rag.search.requests import Question
    from longembed_rag.store.place import Place


_DIGITS = 5  # engines differ in float32's last ones


def late_scores(
    question: Question, passages: Iterable[str], *, place: Place
) -> Steps[dict[str, float]]:
    """How well passages fit a query by their tokens.

    Args:
        question: The query, with its tokens; no passage is compared with it twice.
        passages: Their ids.
        place: Where they are; their bits are read now, of no others than are compared.

    Returns:
        MaxSim by the passage's id (ColBERT, arXiv 2004.12832; the mean over the query's tokens);
        those of which no bits are kept are left out.

    Raises:
        StoreError: They cannot be read.
    """
    tokens, scores = question.tokens, question.late
    assert tokens is not None
    wanted = list(dict.fromkeys(passages))
    new = [each for each in wanted if each not in scores]
    known = known_of(place)
    bits = {each: known.bits[each] for each in new if each in known.bits}
    missing = [each for each in new if each not in bits]
    found = yield from fetch(place.passages, missing, keys=(PASSAGE_BITS_KEY,))
    for identity, record in found.items():
        rows = read_bits(read_own(record.payload).get("bits"), dimension=tokens.shape[1])
        bits[identity] = rows
        known.keep_bits(identity, rows, place=place)
    kept = [each for each in new if each in bits and len(bits[each])]
    scores.update(dict.fromkeys(new, nan))
    similarities = max_similarity(tokens, [bits[each] for each in kept])
    scores.update(zip(kept, similarities.tolist(), strict=True))
    return {each: scores[each] for each in wanted if not isnan(scores[each])}


def first_of(lists: Sequence[Sequence[Hit]], most: Sequence[int]) -> list[Hit]:
    """So many of each list, best first; each point once.

    Equal scores are taken in the order of their ids, so that all engines compare the same ones.
    """
    found: dict[str, Hit] = {}
    for hits, count in zip(lists, most, strict=True):
        for hit in sorted(hits, key=lambda hit: (-round(hit.score, _DIGITS), hit.id))[:count]:
            found.setdefault(hit.id, hit)
    return list(found.values())
