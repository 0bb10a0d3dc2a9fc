"""Late interaction: the tokens of a query against those of passages that were found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import max_similarities
from longembed_rag.search.known import known_of
from longembed_rag.search.steps import Steps, fetch
from longembed_rag.store.payload import PASSAGE_BITS_KEY, read_own
from longembed_rag.store.tokens import read_bits

if TYPE_CHECKING:
    from longembed_rag.points.values import Hit
    from longembed_rag.search.owners import Key
    from longembed_rag.search.requests import OfParts, Question
    from longembed_rag.store.place import Place


_DIGITS = 5  # engines differ in float32's last ones


def late_scores(
    question: Question, passages: Iterable[str], *, place: Place
) -> Steps[dict[str, OfParts]]:
    """How well passages fit a query by their tokens.

    Args:
        question: The query, with its tokens; no passage is compared with it twice.
        passages: Their ids.
        place: Where they are; their bits are read now, of no others than are compared.

    Returns:
        MaxSim with each part of the query by the passage's id (ColBERT, arXiv 2004.12832; the mean
        over a part's tokens); those of which no bits are kept are left out.

    Raises:
        StoreError: They cannot be read.
    """
    tokens, scores = question.tokens, question.late
    assert tokens is not None
    wanted = list(dict.fromkeys(passages))
    new = [each for each in wanted if each not in scores]
    known = known_of(place)
    kept_bits = known.bits  # another thread may put others in their place
    bits = {each: kept_bits[each] for each in new if each in kept_bits}
    missing = [each for each in new if each not in bits]
    found = yield from fetch(place.passages, missing, keys=(PASSAGE_BITS_KEY,))
    for identity, record in found.items():
        rows = read_bits(read_own(record.payload).get("bits"), dimension=tokens[0].shape[1])
        bits[identity] = rows
        known.keep_bits(identity, rows, place=place)
    kept = [each for each in new if each in bits and len(bits[each])]
    scores.update(dict.fromkeys(new))
    similarities = max_similarities(tokens, [bits[each] for each in kept])
    scores.update(zip(kept, map(tuple, similarities.tolist()), strict=True))
    return {each: score for each in wanted if (score := scores[each]) is not None}


def late_of_passages(question: Question, scores: Mapping[str, OfParts]) -> dict[str, float]:
    """How well each passage fits the query as a whole: the mean over all of its tokens.

    Args:
        question: The query.
        scores: What :func:`late_scores` gives.
    """
    return {each: question.mean(of_parts) for each, of_parts in scores.items()}


def late_of_documents(
    question: Question,
    passages: Iterable[Hit],
    keys: Mapping[str, Key],
    scores: Mapping[str, OfParts],
) -> dict[Key, float]:
    """How well documents fit the query: of each of its parts the passage that fits that best.

    What a query asks in two sentences may stand in two places, a chapter apart. So each part is
    looked for by itself, and the mean is over all tokens, as within a passage.

    Args:
        question: The query.
        passages: What was compared.
        keys: Whose passage each is.
        scores: What :func:`late_scores` gives.
    """
    best: dict[Key, OfParts] = {}
    for each in passages:
        if each.id in scores:
            key, here = keys[each.id], scores[each.id]
            best[key] = tuple(map(max, best[key], here)) if key in best else here
    return {key: question.mean(of_parts) for key, of_parts in best.items()}


def first_of(lists: Sequence[Sequence[Hit]], most: Sequence[int]) -> list[Hit]:
    """So many of each list, best first; each point once.

    Equal scores are taken in the order of their ids, so that all engines compare the same ones.
    """
    found: dict[str, Hit] = {}
    for hits, count in zip(lists, most, strict=True):
        for hit in sorted(hits, key=lambda hit: (-round(hit.score, _DIGITS), hit.id))[:count]:
            found.setdefault(hit.id, hit)
    return list(found.values())
