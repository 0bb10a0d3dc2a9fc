"""From a document to points: its terms, those of its passages, and vectors as they travel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.values import Passage
from longembed_rag.store.making import (
    analyse,
    document_point,
    document_term_vectors,
    passage_points,
    unit_length,
)
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.values import (
    DENSE_VECTOR,
    PAIRS_VECTOR,
    TERMS_VECTOR,
    document_id,
    passage_id,
)
from longembed_rag.words.analyzer import get_analyzer
from longembed_rag.words.lengths import TermCounts
from longembed_rag.words.terms import document_vector, word_pairs, words_and_pairs_vector
from tests.store.corpora import assert_same_vector
from tests.store.fakes import cut, make_document

TEXT = "The tenant signs the lease twice, the landlord keeps one lease."
COUNTS = TermCounts(terms=8, passage_terms=8, average=10.0, passage_average=3.0, weighing=2)
OPTIONS = IndexOptions(k1=0.9, b=0.4)


@given(
    st.lists(st.sampled_from(["lease", "the", "12.5", "a_b", "\u6f22\u5b57", "plum,"])),
    st.integers(1, 5),
)
def test_passages_share_out_the_documents_terms(words: list[str], size: int) -> None:
    """Each term of the document is one of the passage in which it begins, in order."""
    text = " ".join(words)
    passages = cut(text, size)
    terms = analyse(text, passages, analyzer=get_analyzer())
    assert terms.stems == get_analyzer("english").stems(text)
    assert [stem for each in terms.by_passage for stem in each] == terms.stems
    assert terms.in_passages == len(terms.stems)
    for passage, stems in zip(passages, terms.by_passage, strict=True):
        assert stems == get_analyzer("english").stems(text[passage.start : passage.end])


def test_terms_between_passages_are_the_documents_alone() -> None:
    """What no passage holds is counted for the document only."""
    passages = [Passage(4, 10, 1), Passage(21, 26, 1)]
    terms = analyse(TEXT, passages, analyzer=get_analyzer())
    assert terms.by_passage == [["tenant"], ["leas"]]
    assert len(terms.stems) > terms.in_passages == 2
    assert analyse(TEXT, [], analyzer=get_analyzer()).by_passage == []


def test_a_document_has_three_vectors() -> None:
    """Its own, its terms by the collection's k1 and b, and what hybrid compares."""
    document = make_document("/a.txt", TEXT)
    terms = analyse(TEXT, document.passages, analyzer=get_analyzer())
    point = document_point(document, terms, COUNTS, OPTIONS, passages=[])
    assert point.id == document_id("/a.txt")
    assert set(point.vectors) == {DENSE_VECTOR, TERMS_VECTOR, PAIRS_VECTOR}
    np.testing.assert_allclose(
        np.asarray(point.vectors[DENSE_VECTOR]), document.embedding, atol=1e-6
    )
    expected = document_vector(terms.stems, length=8, average=10.0, k1=0.9, b=0.4)
    assert_same_vector(point.vectors[TERMS_VECTOR], expected)
    expected = words_and_pairs_vector(terms.stems, length=8, average=10.0)
    assert_same_vector(point.vectors[PAIRS_VECTOR], expected)
    assert len(expected) > len(terms.stems)


def test_before_version_2_pairs_stand_alone() -> None:
    """A collection that is not yet weighed anew goes on as it was made."""
    terms = analyse(TEXT, [], analyzer=get_analyzer())
    made = document_term_vectors(terms, replace(COUNTS, weighing=1), OPTIONS)
    expected = document_vector(word_pairs(terms.stems), length=8, average=10.0)
    assert_same_vector(made[PAIRS_VECTOR], expected)


def test_each_passage_is_a_point() -> None:
    """With its vector, and its terms weighed by its own length."""
    document = make_document("/a.txt", TEXT)
    terms = analyse(TEXT, document.passages, analyzer=get_analyzer())
    points = list(passage_points(document, terms, COUNTS, OPTIONS))
    identity = document_id("/a.txt")
    assert [point.id for point in points] == [
        passage_id(identity, document.content_hash, index) for index in range(3)
    ]
    for index, point in enumerate(points):
        assert set(point.vectors) == {DENSE_VECTOR, TERMS_VECTOR}
        vector = np.asarray(point.vectors[DENSE_VECTOR])
        np.testing.assert_allclose(vector, document.passage_embeddings[index], atol=1e-6)
        stems = terms.by_passage[index]
        expected = document_vector(stems, length=len(stems), average=3.0, k1=0.9, b=0.4)
        assert_same_vector(point.vectors[TERMS_VECTOR], expected)


@given(st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=1, max_size=8))
def test_vectors_are_of_unit_length_or_zero(numbers: list[float]) -> None:
    """Whatever their size; the direction stays."""
    vector = np.array(numbers, dtype=np.float32)
    unit = unit_length(vector)
    exact = np.linalg.norm(vector.astype(np.float64))
    assert unit.dtype == np.float32
    assert np.linalg.norm(unit) == pytest.approx(1.0 if exact > 0 else 0.0, abs=1e-5)
    np.testing.assert_allclose(unit * exact, vector, rtol=1e-5, atol=1e-5 * exact)
