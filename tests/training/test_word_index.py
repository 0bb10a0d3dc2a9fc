"""BM25 in memory against the formula written out."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.word_index import WordIndex, analyzer_of
from longembed_rag.words.analyzer import get_analyzer

WORDS = ("amber", "birch", "cedar", "delta")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=6)


@given(TEXTS, st.lists(st.sampled_from((*WORDS, "elm")), max_size=4))
def test_scores_are_bm25(texts: list[list[str]], asked: list[str]) -> None:
    """Every passage's, by Lucene's formula; words that no passage holds count nothing."""
    index = WordIndex([" ".join(words) for words in texts], get_analyzer("none"))
    average = sum(map(len, texts)) / len(texts)
    wanted = []
    for words in texts:
        counts, total = Counter(words), 0.0
        for word in asked:
            holding = sum(word in each for each in texts)
            if counts[word]:
                rarity = math.log1p((len(texts) - holding + 0.5) / (holding + 0.5))
                half = 1.5 * (0.25 + 0.75 * len(words) / average)
                total += rarity * counts[word] / (counts[word] + half)
        wanted.append(total)
    assert np.allclose(index.scores(" ".join(asked)), wanted, atol=1e-6)


def test_words_are_stemmed_as_in_search() -> None:
    """In the language that most passages are in, or the one that is named."""
    german = ["Die Verträge wurden von den Mietern unterschrieben und dann abgelegt."] * 3
    assert analyzer_of(german, "auto").language == "german"
    assert analyzer_of([], "auto").language == "english"
    assert analyzer_of(german, "none").language == "none"
    index = WordIndex(["signed leases", "gardens"], analyzer_of([], "english"))
    first, second = index.scores("the lease that was signed")
    assert first > 0 == second
    with pytest.raises(SettingsError, match="language='klingon' is not one of"):
        analyzer_of(german, "klingon")
