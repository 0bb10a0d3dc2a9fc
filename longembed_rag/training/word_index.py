"""BM25 over passages in memory, by the words that search compares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.cutting import Analyzer
from longembed_rag.words.detecting import detect_language
from longembed_rag.words.languages import AUTO_LANGUAGE, stemming_language
from longembed_rag.words.query import query_words
from longembed_rag.words.rarity import idf
from longembed_rag.words.terms import document_vector, query_vector, tally

#: Passages by which the language of all is told.
_SAMPLE = 50


def analyzer_of(texts: Sequence[str], language: str) -> Analyzer:
    """The analyzer of a language; of the one that most of the first texts are in for ``"auto"``.

    Raises:
        SettingsError: There is no such language.
    """
    if language == AUTO_LANGUAGE:
        language = stemming_language(detect_language("\n".join(texts[:_SAMPLE])))
    return get_analyzer(language)


class WordIndex:
    """Which passages hold which terms.

    Args:
        texts: The passages.
        analyzer: Cuts them, and what is looked for.
    """

    def __init__(self, texts: Iterable[str], analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        found = [tally(analyzer.terms(text)) for text in texts]
        self._count = len(found)
        lengths = [round(sum(terms.values())) for terms in found]
        average = sum(lengths) / max(1, len(lengths))
        vectors = [
            document_vector(terms, length=length, average=average)
            for terms, length in zip(found, lengths, strict=True)
        ]
        sizes = [len(each) for each in vectors]
        owners = np.repeat(np.arange(self._count, dtype=np.int32), sizes)
        terms = np.concatenate([np.zeros(0, dtype=np.int64), *(each.indices for each in vectors)])
        weights = np.concatenate([np.zeros(0), *(each.values for each in vectors)])
        order = np.argsort(terms, kind="stable")
        self._terms, self._starts = np.unique(terms[order], return_index=True)
        self._owners = owners[order]
        self._weights = weights[order].astype(np.float32)

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 of every passage, ``[passages]``."""
        wanted = query_vector(query_words(query, [self._analyzer]).weights)
        scores = np.zeros(self._count)
        for term, weight in zip(wanted.indices, wanted.values, strict=True):
            at = int(np.searchsorted(self._terms, term))
            if at == len(self._terms) or self._terms[at] != term:
                continue
            stop = self._starts[at + 1] if at + 1 < len(self._starts) else len(self._owners)
            rows = slice(int(self._starts[at]), int(stop))
            owners = self._owners[rows]
            scores[owners] += weight * idf(len(owners), self._count) * self._weights[rows]
        return scores
