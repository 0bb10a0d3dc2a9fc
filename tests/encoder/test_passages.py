"""Passages: exact spans, no token lost, cut at the best boundary there is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.encoder.passages import split_passages


def spans_of(text: str) -> np.ndarray:
    """Words and single punctuation marks, as a tokenizer would give them."""
    found = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    return np.asarray(found, dtype=np.int64).reshape(-1, 2)


def pieces(text: str, passage_tokens: int) -> list[str]:
    return [text[p.start : p.end] for _, p in split_passages(text, spans_of(text), passage_tokens)]


@given(st.text(alphabet="ab .!?\n\"'", max_size=300), st.integers(1, 20))
def test_every_token_is_in_one_passage(text: str, passage_tokens: int) -> None:
    """Passages follow each other, none is too long, and their spans hold their tokens exactly."""
    spans = spans_of(text)
    passages = split_passages(text, spans, passage_tokens)
    covered = [index for (start, stop), _ in passages for index in range(start, stop)]
    assert covered == list(range(len(spans)))
    for (start, stop), passage in passages:
        assert 0 < passage.tokens == stop - start <= passage_tokens
        assert passage.start == spans[start, 0]
        assert passage.end == spans[stop - 1, 1]


def test_sentences_are_kept_whole() -> None:
    """A cut falls behind a sentence rather than inside one."""
    text = "The first one is here. The second one is there. The third one is gone."
    assert pieces(text, 9) == [
        "The first one is here.",
        "The second one is there.",
        "The third one is gone.",
    ]


@pytest.mark.parametrize("closing", ['."', ".'", "!)", "?”", "…»"])
def test_closing_marks_stay_with_their_sentence(closing: str) -> None:
    """Quotes and brackets that close a sentence are part of it."""
    text = f"He said one two three{closing} Then she said four five six"
    assert pieces(text, 11)[0].endswith(closing)


def test_paragraphs_before_sentences() -> None:
    """A blank line in reach is a better place than the end of a later sentence."""
    text = "One two three four five\n\nSix seven. Eight nine ten"
    assert pieces(text, 9)[0] == "One two three four five"


def test_lines_before_words() -> None:
    """Without sentences, as in logs and verse, lines stay whole."""
    text = "one two three four five\nsix seven eight nine"
    assert pieces(text, 7)[0] == "one two three four five"


def test_one_endless_word() -> None:
    """Where nothing separates tokens, passages are full."""
    spans = np.asarray([(i, i + 1) for i in range(10)], dtype=np.int64)
    passages = split_passages("abcdefghij", spans, 4)
    assert [passage.tokens for _, passage in passages] == [4, 4, 2]


def test_spaces_inside_tokens() -> None:
    """Byte-level tokenizers give the space to the next token; the boundary is seen all the same."""
    text = "The end. Next one here now"
    spans = np.asarray([(0, 3), (3, 7), (7, 8), (8, 13), (13, 17), (17, 22)], dtype=np.int64)
    first = split_passages(text, spans, 5)[0][1]
    assert text[first.start : first.end] == "The end."


def test_full_width_punctuation_needs_no_space() -> None:
    """Chinese and Japanese sentences end without a space behind them."""
    text = "今日は晴れ。明日は雨"
    spans = np.asarray([(i, i + 1) for i in range(len(text))], dtype=np.int64)
    first = split_passages(text, spans, 8)[0][1]
    assert text[first.start : first.end] == "今日は晴れ。"


def test_nothing_in_nothing_out() -> None:
    """A text without tokens has no passages."""
    assert split_passages("  \n ", spans_of("  \n "), 5) == []
