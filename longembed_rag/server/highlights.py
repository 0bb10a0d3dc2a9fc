"""The words of a passage for which it was found: those of the query, and those near in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longembed_rag.encoder.token_vectors import TokenOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.words.analyzer import Analyzer

#: Where words begin and end, and how near each is.
Nearest = list[tuple[int, int, float]]
#: Each token by itself, as it is.
EVERY_TOKEN = TokenOptions(pool=1, bits=False)
#: Words of a passage that are shown, at most; how near they are at least, beside the nearest of all
#: passages, and beside the nearest of these words.
_SHOWN, _OF_ALL, _OF_OWN = 0.15, 0.55, 0.7


def matching_words(
    query: str, passages: Sequence[str], *, analyzers: Sequence[Analyzer]
) -> list[list[tuple[int, int]]]:
    """Where passages hold words of a query, in whatever form; ascending, none over another.

    Args:
        query: What is asked.
        passages: Texts.
        analyzers: Those of the passages' languages.
    """
    stems = {term.stem for each in analyzers for term in each.terms(query)}
    found = []
    for passage in passages:
        places = {
            (term.start, term.end)
            for each in analyzers
            for term in each.terms(passage)
            if term.stem in stems
        }
        kept: list[tuple[int, int]] = []
        for start, end in sorted(places):
            if kept and start < kept[-1][1]:
                kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
            else:
                kept.append((start, end))
        found.append(kept)
    return found


def nearest_words(
    query: str, passages: Sequence[str], encoder: LongEncoder, *, analyzers: Sequence[Analyzer]
) -> list[Nearest]:
    """Of each passage the other words that are nearest to the query's tokens, by late interaction.

    Near is measured beside the model's mean token, which all have in common. Stopwords are near
    to those of every query, and say nothing; words of the query itself are those of
    :func:`matching_words`.

    Args:
        query: What is asked.
        passages: Texts.
        encoder: Reads both.
        analyzers: Those of the passages' languages, which know their stopwords.
    """
    import numpy as np

    def is_empty(word: str) -> bool:
        return any(each.is_stopword(word) for each in analyzers)

    said = " ".join(word for word in query.split() if not is_empty(word.strip("?!.,;:"))) or query
    centre = encoder.token_centre
    asked = _turned(encoder.encode_queries([said], names=["query"]).tokens[0] - centre)
    named: list[tuple[str | None, str]] = [(f"passages[{n}]", t) for n, t in enumerate(passages)]
    same = matching_words(query, passages, analyzers=analyzers)
    found: list[dict[tuple[int, int], float]] = []
    nearest = 0.0
    readings = encoder.encode_documents(named, tokens=EVERY_TOKEN)
    for text, matches, read in zip(passages, same, readings, strict=True):
        tokens = read.get().tokens
        assert tokens is not None
        near = (asked @ _turned(np.asarray(tokens.vectors, np.float32) - centre).T).max(axis=0)
        spans = encoder.planner.tokenize([text], kind="document")[0].spans
        words = _by_word(text, spans[: len(near)], near)
        words = {(a, b): v for (a, b), v in words.items() if not is_empty(text[a:b])}
        nearest = max(nearest, *words.values(), 0.0)
        found.append({place: v for place, v in words.items() if not _is_among(place, matches)})
    return [_strongest(words, least=_OF_ALL * nearest) for words in found]


def _is_among(place: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(start < place[1] and place[0] < end for start, end in others)


def _turned(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    unit: NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9
    )
    return unit


def _by_word(
    text: str, spans: NDArray[np.int64], near: NDArray[np.float32]
) -> dict[tuple[int, int], float]:
    """The whole words of a text, numbers aside, each as near as its nearest token."""
    words: dict[tuple[int, int], float] = {}
    for (start, end), value in zip(spans.tolist(), near.tolist(), strict=True):
        while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
            end += 1
        word = text[start:end]
        if any(map(str.isalpha, word)) and not any(map(str.isdigit, word)):
            words[start, end] = max(words.get((start, end), 0.0), value)
    return words


def _strongest(words: dict[tuple[int, int], float], *, least: float) -> Nearest:
    """The nearest words of a passage, in order."""
    least = max(least, _OF_OWN * max(words.values(), default=0.0))
    most = max(1, round(_SHOWN * len(words)))
    best = sorted(words, key=lambda each: -words[each])[:most]
    kept = [each for each in best if words[each] >= least]
    return [(start, end, round(words[start, end], 4)) for start, end in sorted(kept)]
