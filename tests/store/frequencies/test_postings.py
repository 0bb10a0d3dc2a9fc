"""The terms of documents: packed, summed, and as a set of ids."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.store.frequencies.identities import (
    identities,
    net,
    packed,
    spelled,
    unpacked,
)
from longembed_rag.store.frequencies.postings import COLUMNS, Postings
from longembed_rag.store.values import PAIRS_VECTOR, TERMS_VECTOR
from longembed_rag.words.terms import QueryVector

IDS = st.integers(0, 2**32 - 1) | st.integers(0, 20)
TERMS = st.sets(IDS, max_size=12)
UUIDS = st.sets(st.integers(0, 2**128 - 1) | st.integers(0, 9))
Document = tuple[set[int], set[int], list[set[int]]]
DOCUMENTS = st.tuples(TERMS, TERMS, st.lists(TERMS, max_size=4))


def vector(terms: set[int]) -> QueryVector:
    """A sparse vector of terms, in no order."""
    return QueryVector(tuple(terms), (1.0,) * len(terms))


def postings(document: Document) -> Postings:
    """Of the terms of a document, its hybrid ones, and its passages'."""
    words, hybrid, passages = document
    own = {TERMS_VECTOR: vector(words), PAIRS_VECTOR: vector(hybrid)}
    return Postings.of_vectors(own, [{TERMS_VECTOR: vector(each)} for each in passages])


def as_dict(given: Postings) -> dict[int, list[int]]:
    """Counts by term."""
    return dict(zip(given.terms.tolist(), given.counts.tolist(), strict=True))


def counted(document: Document) -> dict[int, list[int]]:
    """The same, one by one."""
    words, hybrid, passages = document
    counts: dict[int, list[int]] = {}
    for column, several in enumerate(([words], [hybrid], passages)):
        for term in (term for each in several for term in each):
            counts.setdefault(term, [0] * COLUMNS)[column] += 1
    return counts


@given(DOCUMENTS)
def test_terms_are_counted_and_come_back(document: Document) -> None:
    """As one counts by hand, also once they were packed; totals are of those that have any."""
    made = postings(document)
    assert as_dict(made) == counted(document)
    words, hybrid, passages = document
    assert made.totals.tolist() == [bool(words), bool(hybrid), sum(map(bool, passages))]
    again = Postings.unpacked(made.packed())
    assert as_dict(again) == as_dict(made)
    assert again.totals.tolist() == made.totals.tolist()


@given(st.lists(st.tuples(st.sampled_from([1, -1]), DOCUMENTS), max_size=5))
def test_sums_are_those_of_counters(
    several: list[tuple[int, Document]],
) -> None:
    """Terms that cancel out are gone; counts may be below zero, and come back so."""
    together = Postings.together((sign, postings(each)) for sign, each in several)
    columns = [Counter[int]() for _ in range(COLUMNS)]
    for sign, each in several:
        for term, counts in counted(each).items():
            for column, count in zip(columns, counts, strict=True):
                column[term] += sign * count
    expected = {
        term: counts
        for term in sorted({term for column in columns for term in column})
        if any(counts := [column[term] for column in columns])
    }
    assert as_dict(together) == expected
    assert as_dict(Postings.unpacked(together.packed())) == expected


@given(st.lists(st.tuples(st.sampled_from([1, -1]), UUIDS), max_size=6))
def test_ids_cancel_out(several: list[tuple[int, set[int]]]) -> None:
    """What counts more often for than against, and the reverse."""
    counts = Counter[str]()
    for sign, ids in several:
        counts.update({str(UUID(int=each)): sign for each in ids})
    for_, against = net([(s, identities(str(UUID(int=e)) for e in ids)) for s, ids in several])
    assert spelled(for_) == sorted(each for each, count in counts.items() if count > 0)
    assert spelled(against) == sorted(each for each, count in counts.items() if count < 0)
    assert np.array_equal(unpacked(packed(for_)), for_)
