"""Which words of a passage are the query's, and which are near to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from longembed_rag.server.highlights import matching_words, nearest_words
from longembed_rag.words.analyzer import get_analyzer

if TYPE_CHECKING:
    from longembed_rag import LongEncoder
    from tests.conftest import EncoderFactory

ENGLISH = [get_analyzer("english")]
marks = partial(matching_words, analyzers=ENGLISH)


@pytest.fixture(scope="module")
def encoder() -> LongEncoder:
    """The default model: what is near in meaning is known to a trained one alone."""
    from longembed_rag import LongEncoder

    return LongEncoder.from_pretrained(device="cpu", dtype="float32")


def shown(text: str, spans: list[tuple[int, int]] | list[tuple[int, int, float]]) -> list[str]:
    return [text[span[0] : span[1]] for span in spans]


def test_other_forms_of_a_word_match() -> None:
    """A word is found in its other forms, where it stands, and stopwords are not."""
    text = "🙂 The ships sailed; a ship sails."
    assert shown(text, marks("the sailing of ships", [text])[0]) == [
        "ships",
        "sailed",
        "ship",
        "sails",
    ]


def test_languages_are_those_that_are_given() -> None:
    """A German form is one of the word for a German passage only."""
    text = "Viele Häuser"
    german = matching_words("Haus", [text], analyzers=[*ENGLISH, get_analyzer("german")])
    assert shown(text, german[0]) == ["Häuser"]
    assert marks("Haus", [text]) == [[]]


def test_spans_are_apart() -> None:
    """A number and its parts, or what two languages find, are one span."""
    text = "Version 3.14 of it"
    for analyzers in (ENGLISH, [*ENGLISH, get_analyzer("german")]):
        (spans,) = matching_words("version 3.14", [text], analyzers=analyzers)
        assert shown(text, spans)[0] == "Version"
        assert all(spans[n][1] <= spans[n + 1][0] for n in range(len(spans) - 1))
    assert shown(text, marks("3.14", [text])[0]) == ["3.14"]


def test_meaning_is_found_in_other_words(encoder: LongEncoder) -> None:
    """Words of another sound and the same field are near; stopwords and the query's own are not."""
    passages = [
        "The funeral was yesterday, and the widow is already planning her next wedding with him.",
        "Sort the screws by length and keep them in the drawer below the bench.",
    ]
    query = "the mother married too soon after the funeral"
    near = nearest_words(query, passages, encoder, analyzers=ENGLISH)
    first = shown(passages[0], near[0])
    assert "wedding" in first
    assert not {"the", "The", "was", "funeral"} & set(first)
    assert near[1] == []
    assert all(0 < value <= 1.001 for _, _, value in near[0])


def test_a_query_of_stopwords_is_one_still(encoder: LongEncoder) -> None:
    """Where nothing else is asked, its stopwords are what is compared."""
    assert nearest_words("to be or not", ["Being, or not being."], encoder, analyzers=ENGLISH)


def test_any_model_will_do(load_encoder: EncoderFactory) -> None:
    """Spans are whole words of the passage, few, ascending and apart, whatever the model knows."""
    passage = "one two three four five six seven eight nine ten " * 4
    near = nearest_words("alpha beta", [passage, "", "?!"], load_encoder("bert"), analyzers=[])
    words = shown(passage, near[0])
    assert 0 < len(words) <= 6
    assert set(words) <= set(passage.split())
    assert [start for start, _, _ in near[0]] == sorted(start for start, _, _ in near[0])
    assert near[1:] == [[], []]
