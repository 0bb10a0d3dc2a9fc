"""Batches made ahead: the same ones, and nothing lost when something goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.training.ahead import ahead


@given(st.lists(st.one_of(st.none(), st.integers()), max_size=12), st.integers(1, 5))
def test_all_come_in_their_order(items: list[int | None], depth: int) -> None:
    """However many are made ahead, None among them too."""
    assert list(ahead(iter(items), depth=depth)) == items


def test_they_are_made_in_another_thread_before_they_are_wanted() -> None:
    """So many ahead, and no more."""
    made: list[int] = []
    third = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(9):
            assert threading.current_thread() is not threading.main_thread()
            made.append(number)
            if number == 2:
                third.set()
            yield number

    with closing(cast("Iterator[int]", ahead(numbers(), depth=2))) as found:  # type: ignore[type-var]
        assert next(found) == 0
        assert third.wait(10)
        assert next(found) == 1
    # The end waits for what was begun.
    assert made == list(range(len(made)))
    assert 3 <= len(made) <= 4


def test_an_error_comes_where_the_item_would_have() -> None:
    """Those before it come as ever."""

    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    found = ahead(broken())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(found)
    assert not [each for each in threading.enumerate() if each.name.startswith("batches")]
