"""How queries are understood: what is an operator, and what is plain text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.search.syntax import MOST_WORDS, Query, read_query


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('"force majeure"', {"text": "force majeure", "phrases": ("force majeure",)}),
        ('a "b c", d', {"text": "a b c, d", "phrases": ("b c",)}),
        ("“a b” „c d“", {"text": "a b c d", "phrases": ("a b", "c d")}),
        ("«a b» »c d«", {"text": "a b c d", "phrases": ("a b", "c d")}),
        ('("a b")', {"text": "(a b)", "phrases": ("a b",)}),
        ('"a""b"', {"text": "a b", "phrases": ("a", "b")}),
        ('+"a b" c', {"text": "a b c", "phrases": ("a b",)}),
        ("+lease notice", {"text": "lease notice", "must": ("lease",)}),
        ("notice  -draft  lease", {"text": "notice lease", "must_not": ("draft",)}),
        ('-"first draft" lease', {"text": "lease", "must_not": ("first draft",)}),
        ("-5 degrees", {"text": "degrees", "must_not": ("5",)}),
        ("+e-mail, +C++", {"text": "e-mail, C++", "must": ("e-mail", "C++")}),
        ("lease -C#", {"text": "lease", "must_not": ("C#",)}),
        ("-draft", {"text": "", "must_not": ("draft",)}),
        ('\\"a b\\" \\+c \\-d', {"text": '"a b" +c -d'}),
        ('\\"a b" c "d', {"text": '"a b" c "d'}),
    ],
)  # fmt: skip
def test_operators(typed: str, expected: dict[str, Any]) -> None:
    """Phrases, must and must not, as in web search."""
    assert read_query(typed) == Query(**expected)


@pytest.mark.parametrize(
    "typed",
    [
        "who signed the lease?",
        "e-mail and x-ray -- a - b + c",
        "--adaptive C++ a+b 1-2",
        '12" pipe and 14" pipe',
        '"not closed',
        "don't 'single quotes'",
        'say "..." or ""',
        "a – b −c —d",
        r"C:\path \alpha",
        "  blanks  stay ",
        "",
        "+ -",
    ],
)
def test_plain_text_stays_as_it_is(typed: str) -> None:
    """A sign with a blank after it or in a word, a quote that is not closed: nothing is asked."""
    assert read_query(typed) == Query(text=typed)
    assert not read_query(typed).has_operators


@pytest.mark.parametrize(
    "typed", ['He said: "no".\nThen - "yes".', "word " * MOST_WORDS + '"a b"', '-a\n+b "c"']
)
def test_pasted_texts_are_plain(typed: str) -> None:
    """Several lines, or more words than a query has; it is told that something was passed over."""
    assert read_query(typed) == Query(text=typed, passed_over=True)
    assert not read_query(typed.translate(str.maketrans("", "", '"-+'))).passed_over


def test_as_many_words_as_a_query_may_have() -> None:
    """A line break at its end is none in it."""
    typed = "word " * (MOST_WORDS - 1) + "+must\n"
    assert read_query(typed).must == ("must",)


WORDS = st.text(alphabet="abcé1", min_size=1, max_size=4)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


@given(st.lists(st.tuples(st.sampled_from(["", "+", "-", '"', '-"']), PHRASES), max_size=8))
def test_what_is_written_is_what_is_read(parts: list[tuple[str, str]]) -> None:
    """Any operators in any order come back, each in its place, and the text without signs."""
    parts = [(sign, each if '"' in sign else each.split()[0]) for sign, each in parts]
    typed = " ".join(f"{sign}{each}{sign.lstrip('+-')}" for sign, each in parts)

    def of(*signs: str) -> tuple[str, ...]:
        return tuple(each for sign, each in parts if sign in signs)

    expected = Query(
        text=" ".join(each for sign, each in parts if not sign.startswith("-")),
        phrases=of('"'),
        must=of("+"),
        must_not=of("-", '-"'),
    )
    assert read_query(typed) == expected


@given(st.text(alphabet='ab ."“”«+-\\\n', max_size=30))
def test_every_query_is_understood(typed: str) -> None:
    """Nothing fails, and what is wanted has words."""
    query = read_query(typed)
    assert len(query.wanted) <= len(query.phrases) + len(query.must)
    assert bool(query.wanted) == bool(query.phrases or query.must)
    assert bool(query.unwanted) == bool(query.must_not)
    assert query.has_operators or query.text == typed or "\\" in typed
    assert query.to_dict()["text"] == query.text


@given(st.text(alphabet='ab "“«+-', max_size=30))
def test_a_backslash_takes_signs_as_they_are(typed: str) -> None:
    """With one before every quote and sign nothing is asked, and the text is what was meant."""
    escaped = "".join(f"\\{each}" if each in '"“«+-' else each for each in typed)
    assert read_query(escaped) == Query(text=typed)
