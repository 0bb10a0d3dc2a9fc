"""Terms as vectors, whose dot product is BM25."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.search.search import SearchOptions, search_documents
from longembed_rag.words import terms as module
from longembed_rag.words.terms import (
    LONG,
    document_vector,
    query_vector,
    saturation,
    term_id,
    word_pairs,
    words_and_pairs_vector,
)
from tests.store.corpora import WORDS, fill, random_documents
from tests.store.fakes import make_document
from tests.stores import ensure, opening

WORD_LISTS = st.lists(st.sampled_from(["lease", "tenant", "plum", "\u6f22"]), max_size=12)


def as_dict(terms: list[str], length: int, average: float) -> dict[int, float]:
    """A document's weights by id of the term."""
    vector = document_vector(terms, length=length, average=average)
    return dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))


def test_weights_of_three_documents_by_hand() -> None:
    """Documents of 2, 4 and 6 terms: their average is 4, with k1 = 1.5 and b = 0.75."""
    short, middle, long = ["a", "b"], ["a", "a", "b", "c"], ["a", "c", "c", "c", "d", "e"]
    # 1.5 * (0.25 + 0.75 * length / 4) is 0.9375, 1.5 and 2.0625.
    assert as_dict(short, 2, 4.0) == pytest.approx(
        {term_id("a"): 1 / 1.9375, term_id("b"): 1 / 1.9375}
    )
    assert as_dict(middle, 4, 4.0) == pytest.approx(
        {term_id("a"): 2 / 3.5, term_id("b"): 1 / 2.5, term_id("c"): 1 / 2.5}
    )
    assert as_dict(long, 6, 4.0) == pytest.approx(
        {
            term_id("a"): 1 / 3.0625,
            term_id("c"): 3 / 5.0625,
            term_id("d"): 1 / 3.0625,
            term_id("e"): 1 / 3.0625,
        }
    )


def test_without_an_average_every_document_is_as_long_as_it() -> None:
    """The first document of a collection has nothing to be compared with."""
    assert as_dict(["a"], 7, 0.0) == as_dict(["a"], 4, 4.0) == {term_id("a"): 1 / 2.5}


def test_scores_of_three_documents_by_hand(folder: Path) -> None:
    """Through the store: rarity as Lucene has it, times the weights."""
    texts = {"/short": "aa bb", "/middle": "aa aa bb cc", "/long": "aa cc cc cc dd ee"}
    with opening("edge", folder) as opener, opener() as store:
        ensure(store, language="none")
        fill(store, [make_document(source, text) for source, text in texts.items()])
        found = search_documents(store, "bb dd dd", options=SearchOptions(mode="sparse"))
    in_two, in_one = math.log(1 + 1.5 / 2.5), math.log(1 + 2.5 / 1.5)
    assert {each.source: each.score for each in found} == pytest.approx(
        {"/short": in_two / 1.9375, "/middle": in_two / 2.5, "/long": 2 * in_one / 3.0625},
        abs=1e-5,
    )


@pytest.mark.parametrize(
    ("engine", "seed", "k1", "b"),
    [
        ("edge", 0, 1.5, 0.75),
        ("edge", 1, 0.6, 1.0),
        ("local", 1, 4.0, 0.2),
        # What an engine does with weights does not depend on which these are.
        pytest.param("edge", 1, 4.0, 0.2, marks=pytest.mark.slow),
        pytest.param("local", 0, 1.5, 0.75, marks=pytest.mark.slow),
        pytest.param("local", 1, 0.6, 1.0, marks=pytest.mark.slow),
    ],
)
def test_scores_are_those_of_bm25s(
    folder: Path, engine: str, seed: int, k1: float, b: float
) -> None:
    """Random corpora, ranked by another implementation: the same order and scores."""
    import bm25s

    documents = random_documents(40, seed=seed)
    other = bm25s.BM25(method="lucene", k1=k1, b=b)
    other.index([document.text.split() for document in documents], show_progress=False)
    rng = np.random.default_rng(seed)
    with opening(engine, folder) as opener, opener() as store:
        fill(ensure(store, language="none", k1=k1, b=b), documents)
        for size in (1, 2, 5, 12):
            words = [str(word) for word in rng.choice(WORDS, size=size)]
            theirs = other.get_scores(words)
            expected = {d.source: s for d, s in zip(documents, theirs, strict=True) if s > 0}
            options = SearchOptions(mode="sparse", limit=len(documents), passages=0)
            found = search_documents(store, " ".join(words), options=options)
            assert {each.source: each.score for each in found} == pytest.approx(expected, abs=1e-4)
            assert len(found) > 1
            ranked = [expected[each.source] for each in found]
            assert all(a >= b - 1e-6 for a, b in pairwise(ranked))


@given(WORD_LISTS, WORD_LISTS)
def test_only_words_in_common_count(first: list[str], second: list[str]) -> None:
    """A query meets a document in the words that both have, and only in those."""
    document = document_vector(first, length=len(first), average=5.0)
    query = query_vector(second)
    shared = set(document.indices.tolist()) & set(query.indices)
    assert shared == {term_id(word) for word in set(first) & set(second)}


@given(WORD_LISTS, st.floats(0.1, 100))
def test_vectors_are_as_qdrant_wants_them(terms: list[str], average: float) -> None:
    """Ids are ascending, each once and of 32 bits; weights lie between 0 and 1."""
    vector = document_vector(terms, length=len(terms), average=average)
    assert len(vector) == len(set(terms))
    assert vector.indices.tolist() == sorted(set(vector.indices.tolist()))
    assert all(0 <= index < 2**32 for index in vector.indices.tolist())
    assert ((vector.values > 0) & (vector.values < 1)).all()


@given(WORD_LISTS.filter(bool), st.integers(1, 50))
def test_longer_documents_weigh_their_words_less(terms: list[str], more: int) -> None:
    """The same words in a longer text say less, and saying one again says more."""
    here = as_dict(terms, len(terms), 5.0)
    longer = as_dict(terms, len(terms) + more, 5.0)
    again = as_dict([*terms, terms[0]], len(terms), 5.0)
    assert all(longer[term] < here[term] for term in here)
    assert again[term_id(terms[0])] > here[term_id(terms[0])]


def test_a_query_counts_what_it_says_twice() -> None:
    """Its weights are how often each word is said; nothing is said by an empty one."""
    query = query_vector(["lease", "plum", "lease"])
    assert dict(zip(query.indices, query.values, strict=True)) == {
        term_id("lease"): 2.0,
        term_id("plum"): 1.0,
    }
    assert len(query_vector([])) == 0


def test_an_id_never_changes() -> None:
    """The ids of known terms, written down: others would find nothing in what is stored."""
    assert (term_id("lease"), term_id("\u6f22")) == (3447235020, 564526683)


def test_word_pairs_are_neighbours() -> None:
    """Pairs keep their order, and a text of one word has none."""
    assert word_pairs(["remote", "control", "unit"]) == ["remote control", "control unit"]
    assert word_pairs(["remote"]) == word_pairs([]) == []


def test_k1_grows_with_the_root_of_the_length() -> None:
    """Up to 3,000 terms on average it is BM25's own; documents four times as long have twice it."""
    assert LONG == 3000
    assert [saturation(average) for average in (0, 12, LONG)] == [1.5, 1.5, 1.5]
    assert saturation(4 * LONG) == 3.0
    assert saturation(17_600) == pytest.approx(3.633, abs=1e-3)


@given(WORD_LISTS, st.floats(0, 1e5), st.integers(0, 10**5))
def test_words_and_pairs_lie_in_one_vector(stems: list[str], average: float, more: int) -> None:
    """Each with the weight of the formula, written out: words by their own k1, pairs by 1.5."""
    length = len(stems) + more
    vector = words_and_pairs_vector(stems, length=length, average=average)
    ratio = length / average if average > 0 else 1.0
    expected = {}
    for k1, terms in ((1.5 * max(1, average / 3000) ** 0.5, stems), (1.5, word_pairs(stems))):
        for term in terms:
            count = terms.count(term)
            expected[term_id(term)] = count / (count + k1 * (0.25 + 0.75 * ratio))
    assert dict(zip(vector.indices, vector.values, strict=True)) == pytest.approx(expected)
    assert vector.indices.tolist() == sorted(expected)


def test_a_word_and_a_pair_of_one_id_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of 32 bits meet now and then, and a sparse vector holds each once."""
    monkeypatch.setattr(module, "term_id", lambda term: 7 if term == "a" or " " in term else 8)
    vector = words_and_pairs_vector(["a", "b"], length=2, average=2.0)
    assert vector.indices.tolist() == [7, 8]
    assert vector.values.tolist() == pytest.approx([2 / 2.5, 1 / 2.5])
