"""Tests of where sentences begin and end."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.tasks.sentences import sentences


def _pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


EXAMPLES: list[tuple[str, list[str]]] = [
    ("", []),
    (" \n\n\t ", []),
    ("One here. Two here! Three? Four", ["One here.", "Two here!", "Three?", "Four"]),
    ("She said: 'Go.' He went.", ["She said: 'Go.'", "He went."]),
    ('(It did.) "So?" Yes.', ["(It did.)", '"So?"', "Yes."]),
    (
        "Dr. Smith met J. R. Jones in 1950. They spoke.",
        ["Dr. Smith met J. R. Jones in 1950.", "They spoke."],
    ),
    (
        "Rent, e.g. of flats, rose by 3.5 percent in the U.S. last year.",
        ["Rent, e.g. of flats, rose by 3.5 percent in the U.S. last year."],
    ),
    (
        "Das war am 3. Mai bzw. im Juni. Es regnete.",
        ["Das war am 3. Mai bzw. im Juni.", "Es regnete."],
    ),
    (
        "Wait... what is it? `No!' said Alice. It rained.",
        ["Wait... what is it?", "`No!' said Alice.", "It rained."],
    ),
    ("第一句话。第二句话！「第三句。」完", ["第一句话。", "第二句话！", "「第三句。」", "完"]),
    ("यह पहला वाक्य है। यह दूसरा है।", ["यह पहला वाक्य है।", "यह दूसरा है।"]),
    ("A line that goes\non here. Next one.", ["A line that goes\non here.", "Next one."]),
    ("A line that goes\r\non here.\r\n\r\nNext.", ["A line that goes\r\non here.", "Next."]),
    ("Heading\nThe text below it is longer.", ["Heading", "The text below it is longer."]),
    ("# A heading of it\nThe text.", ["# A heading of it", "The text."]),
    (
        "Things:\n- one thing\n- another\n2) a third",
        ["Things:", "- one thing", "- another", "2) a third"],
    ),
    ("the end of page one\fthe next page", ["the end of page one", "the next page"]),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_examples(text: str, expected: list[str]) -> None:
    """Abbreviations and wrapped lines go on; marks, headings, items and pages end."""
    assert _pieces(text) == expected


def test_paragraphs_on_lines_of_their_own() -> None:
    """Where lines are long paragraphs, the end of a line ends a sentence."""
    first = "This paragraph has no mark at its end but is as long as paragraphs are " * 3
    second = "And this one begins the next"
    assert _pieces(f"{first.strip()}\n{second}") == [first.strip(), second]


@given(st.text(alphabet=st.sampled_from("aB.!?\n\r\f -#\"')(。1é\u2028\t"), max_size=60))
def test_nothing_is_lost(text: str) -> None:
    """Spans come in order, without white space around them, and hold all that is no space."""
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    held = "".join(text[start:end] for start, end in spans)
    assert "".join(held.split()) == "".join(text.split())


@pytest.mark.parametrize("piece", [".", "\n", "\n ", "a.", "a. ", ".'", "A\n", "`", "1. "])
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """No text makes the expressions search the same place again and again."""
    text = piece * (50_000 // len(piece))
    start = time.perf_counter()
    sentences(text)
    assert time.perf_counter() - start < 5
