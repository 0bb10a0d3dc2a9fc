"""Average lengths while a collection grows."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.store.values import StoredSource
from longembed_rag.words.lengths import TOLERANCE, Averages, Length, Lengths, TermCounts

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["/a", "/b", "/c"]),
        st.none() | st.builds(Length, *[st.integers(0, 1000)] * 3),
    ),
    max_size=20,
)


def stored(source: str, terms: int, passages: int, passage_terms: int) -> StoredSource:
    """A document as a listing gives it."""
    counts = TermCounts(terms=terms, passage_terms=passage_terms, average=1.0, passage_average=1.0)
    return StoredSource(
        source=source, content_hash="", tokens=0, tokens_read=0, windows=1, passages=passages,
        counts=counts,
    )  # fmt: skip


def test_averages_by_hand() -> None:
    """Terms by documents, and terms in passages by passages."""
    lengths = Lengths([stored("/a", 10, 2, 8), stored("/b", 20, 3, 17)])
    assert lengths.totals.averages == (15.0, 5.0)
    lengths.put("/c", Length(30, 0, 0))
    assert lengths.totals.averages == (20.0, 5.0)
    lengths.remove("/a")
    lengths.remove("/never-there")
    assert lengths.totals.averages == (25.0, 17 / 3)


def test_nothing_has_no_average() -> None:
    """Zero stands for an average that is not known."""
    assert Lengths().totals.averages == (0.0, 0.0)


@given(CHANGES)
def test_averages_are_those_of_what_is_there(changes: list[tuple[str, Length | None]]) -> None:
    """After any changes, they are what counting everything again would give."""
    lengths, there = Lengths(), {}
    for source, length in changes:
        if length is None:
            lengths.remove(source)
            there.pop(source, None)
        else:
            lengths.put(source, length)
            there[source] = length
        assert lengths.get(source) == length
    again = Lengths(
        stored(source, each.terms, each.passages, each.passage_terms)
        for source, each in there.items()
    )
    assert lengths.totals.averages == again.totals.averages


@given(CHANGES, st.sampled_from(["/a", "/b"]))
def test_what_failed_is_taken_back(changes: list[tuple[str, Length | None]], source: str) -> None:
    """A document that was counted and then not written leaves no trace."""
    lengths = Lengths()
    for name, length in changes:
        lengths.restore(name, length)
    before = lengths.get(source), lengths.totals.averages
    lengths.put(source, Length(999, 9, 99))
    lengths.restore(source, before[0])
    assert (lengths.get(source), lengths.totals.averages) == before


@pytest.mark.parametrize(
    ("documents", "passages", "stay"),
    [
        (100.0, 10.0, True),
        (100.0 * (1 + 0.9 * TOLERANCE), 10.0 * (1 - 0.9 * TOLERANCE), True),
        (100.0 * (1 + 1.1 * TOLERANCE), 10.0, False),
        (100.0, 10.0 * (1 - 1.1 * TOLERANCE), False),
        (0.0, 10.0, False),
    ],
)
def test_averages_in_use_may_be_off_by_little(
    documents: float, passages: float, stay: bool
) -> None:
    """They stay until one is off by more than the tolerance; then both are the true ones."""
    lengths, used = Lengths([stored("/a", 100, 1, 10)]), Averages(documents, passages)
    assert lengths.totals.settled(used) == (used if stay else Averages(100.0, 10.0))


def test_without_passages_their_average_is_never_off() -> None:
    """A collection without passages is not weighed again for ever."""
    settled = Lengths([stored("/a", 100, 0, 0)]).totals.settled(None)
    assert settled == Averages(100.0, 0.0)
    assert Lengths([stored("/a", 100, 0, 0)]).totals.settled(settled) == settled


@given(CHANGES, st.randoms())
def test_averages_do_not_depend_on_the_order(
    changes: list[tuple[str, Length | None]], random: Random
) -> None:
    """Whoever wrote what first: what is there decides."""
    there = {name: length for name, length in changes if length is not None}
    mixed = list(there.items())
    random.shuffle(mixed)
    settled = set()
    for order in (there.items(), mixed):
        lengths = Lengths()
        for name, length in order:
            lengths.restore(name, length)
        settled.add(lengths.totals.settled(None))
    assert len(settled) == 1
