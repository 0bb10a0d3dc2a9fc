"""BM25 against Lucene's formula, computed by hand in float64."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_eval.systems.words import K1, B, WordSystem
from longembed_rag import get_analyzer
from longembed_rag.errors import SettingsError

CORPUS = {
    "lease": "The tenant signed the lease. Leases are signed by tenants and landlords.",
    "apple": "Apples and pears: an apple a day",
    "long": "the budget of the committee " * 20 + "lease",
    "none": "nothing of interest stands here",
}


def indexed(documents: Mapping[str, str], language: str = "english") -> WordSystem:
    system = WordSystem(language)
    system.index(documents, on_progress=lambda done, total: None)
    return system


def by_hand(
    documents: Mapping[str, str], query: str, language: str = "english"
) -> dict[str, float]:
    """Lucene: ln(1 + (N - n + 1/2) / (n + 1/2)) * tf / (tf + k1 (1 - b + b |d| / avg))."""
    stems = get_analyzer(language).stems
    bags = {name: Counter(stems(text)) for name, text in documents.items()}
    average = sum(bag.total() for bag in bags.values()) / len(bags)
    scores = dict.fromkeys(documents, 0.0)
    for stem in stems(query):
        holding = sum(stem in bag for bag in bags.values())
        rarity = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
        for name, bag in bags.items():
            length = K1 * (1 - B + B * bag.total() / average)
            scores[name] += rarity * bag[stem] / (bag[stem] + length)
    return {name: score for name, score in scores.items() if score > 0}


@pytest.mark.parametrize(
    "query", ["lease", "who signed the leases?", "apple pears", "budget lease budget", "interest"]
)
def test_scores_are_those_of_the_formula(query: str) -> None:
    """Stemmed words, without stopwords; a word asked twice counts twice."""
    (ranking,) = indexed(CORPUS).search([query], depth=10)
    expected = by_hand(CORPUS, query)
    assert expected
    assert dict(ranking) == pytest.approx(expected, rel=1e-5)
    scores = [score for _, score in ranking]
    assert scores == sorted(scores, reverse=True)


WORDS = st.sampled_from(["lake", "moon", "gold", "the", "leases", "lease", "12.5", "of"])
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), TEXTS)
def test_any_small_corpus_equals_the_formula(texts: list[str], query: str) -> None:
    """Also where documents are empty of words, or all the same."""
    documents = {f"d{i}": text for i, text in enumerate(texts)}
    (ranking,) = indexed(documents).search([query], depth=10)
    expected = (
        by_hand(documents, query) if any(get_analyzer().stems(text) for text in texts) else {}
    )
    assert dict(ranking) == pytest.approx(expected, rel=1e-5)


def test_only_what_holds_a_word_is_found() -> None:
    """Documents without any word of the query are not there, rather than last."""
    rankings = indexed(CORPUS).search(["apples", "zebra", "", "the of and"], depth=10)
    assert [name for name, _ in rankings[0]] == ["apple"]
    assert rankings[1:] == [(), (), ()]


def test_a_corpus_of_stopwords_finds_nothing() -> None:
    """There is no word to index, and no reason to fail."""
    system = WordSystem()
    found = system.index({"a": "the of and", "b": "to be"}, on_progress=lambda done, total: None)
    assert system.search(["the lease", "lease"], depth=10) == [(), ()]
    assert (found.index_bytes, found.vectors, found.tokens) == (0, 0, 0)


def test_depth_and_ties() -> None:
    """At most so many, equal ones by their ids."""
    documents = dict.fromkeys("dbca", "moon lake")
    (ranking,) = indexed(documents).search(["moon"], depth=3)
    assert [name for name, _ in ranking] == ["a", "b", "c"]


def test_languages_are_stemmed_as_such() -> None:
    """German finds its plurals; ``none`` finds only what is written."""
    documents = {"a": "die Katzen schlafen", "b": "der Hund"}
    assert indexed(documents, "german").search(["Katze"], depth=10)[0][0][0] == "a"
    assert indexed(documents, "none").search(["Katze"], depth=10) == [()]
    with pytest.raises(SettingsError, match="klingon"):
        indexed(documents, "klingon")


def test_what_indexing_takes() -> None:
    """Postings have a size, vectors and tokens there are none; progress reaches the end."""
    told: list[tuple[int, int]] = []
    found = WordSystem().index(CORPUS, on_progress=lambda done, total: told.append((done, total)))
    assert found.index_bytes > 0
    assert (found.vectors, found.tokens, found.tokens_read) == (0, 0, 0)
    assert found.peak_memory_bytes > 0
    total = sum(map(len, CORPUS.values()))
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
