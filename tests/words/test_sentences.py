"""Queries that ask several things are taken apart, and nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.words.sentences import LEAST_WORDS, MOST_PARTS, query_parts


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (
            "Who signed the lease first? When does the lease end?",
            ["Who signed the lease first?", "When does the lease end?"],
        ),
        # Who types questions may use small letters only.
        (
            "who signed the lease first? when does the lease end?",
            ["who signed the lease first?", "when does the lease end?"],
        ),
        ("The rent is e.g. paid late. why was it?", None),
        ("who pays the rent", None),
        ("Where do I sign? Why?", None),
        # Full stops that end no sentence.
        ("Insurance and Imperfect Information: U.S. Health Care in Context", None),
        ("What did Dr. Brown say to J. P. Smith in St. Louis", None),
        (
            'He said "we leave at noon." Nobody in the room answered.',
            ['He said "we leave at noon."', "Nobody in the room answered."],
        ),
        (
            "A first thought of mine\n\nand a second one below it",
            ["A first thought of mine", "and a second one below it"],
        ),
        # A pasted paragraph's lines are no sentences.
        ("The lease that was signed\nby the tenant in March", None),
        (
            "契約はいつ終わりますか？誰が家賃を払いますか？",
            ["契約はいつ終わりますか？", "誰が家賃を払いますか？"],
        ),
        # Two questions in one sentence, with a mark and without.
        (
            "Who signed the lease first, and when does the lease end?",
            ["Who signed the lease first,", "and when does the lease end?"],
        ),
        (
            "who signed the lease first and on which date does it end",
            ["who signed the lease first", "and on which date does it end"],
        ),
        (
            "Wer hat den Vertrag unterschrieben und bis wann läuft er?",
            ["Wer hat den Vertrag unterschrieben", "und bis wann läuft er?"],
        ),
        (
            "¿Quién firmó el contrato y por qué se canceló después?",
            ["¿Quién firmó el contrato", "y por qué se canceló después?"],
        ),
        ("Who signed the lease and when?", None),
        # What only tells is one thing, and so is what is of another language.
        ("The tenant told us who came and what was said.", None),
        ("Where were the apples and the wie sie heissen?", None),
        ("", None),
        ("  ? ! ", None),
    ],
)
def test_sentences(query: str, parts: list[str] | None) -> None:
    """What is one thing stays whole, as it was typed."""
    assert query_parts(query) == tuple(parts or [query])


def test_a_short_sentence_goes_with_its_neighbour() -> None:
    """A word or two ask nothing by themselves, wherever they stand."""
    assert query_parts("Look. Who signed the lease first? Really? When does the lease end?") == (
        "Look. Who signed the lease first? Really?",
        "When does the lease end?",
    )


def test_of_many_sentences_neighbours_are_read_together() -> None:
    """No more parts than are compared, the shortest together, in order."""
    sentences = [f"Sentence number {n} is {'very ' * n}long." for n in range(20)]
    parts = query_parts(" ".join(sentences))
    assert len(parts) == MOST_PARTS
    assert " ".join(parts) == " ".join(sentences)
    assert max(len(part.split()) for part in parts) <= 2 * len(sentences[-1].split())


#: Texts of what parts may end and begin with, closer together than anybody types.
texts = st.lists(st.sampled_from([*"ab .?!,\n。é中", " and ", "who ", "when"])).map("".join)


@given(texts)
def test_nothing_is_lost(query: str) -> None:
    """The parts hold every character but blanks, once and in order; none is too short."""
    parts = query_parts(query)
    assert "".join("".join(parts).split()) == "".join(query.split())
    assert 1 <= len(parts) <= MOST_PARTS
    if len(parts) > 1 and "中" not in query:
        assert all(len(part.split()) >= LEAST_WORDS // 2 for part in parts)
