"""What the tasks that hide text have in common."""

from __future__ import annotations

import random
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_eval.tasks.synthetic import (
    LENGTHS,
    LONGEST,
    LONGEST_SENTENCE,
    SHORTEST,
    Sentence,
    hide,
    random_for,
    require_counts,
    require_length,
    sentences,
    words_of,
)
from longembed_rag.errors import SettingsError

PIECE = "Needle here."


class FixedChance(random.Random):
    """A source of chance that always gives one number."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value


def texts_of(text: str) -> list[str]:
    return [sentence.text for sentence in sentences(text)]


@pytest.mark.parametrize("length", [SHORTEST, *LENGTHS, 1000, LONGEST])
def test_lengths_within_bounds_are_taken(length: int) -> None:
    """The usual lengths and both bounds are allowed."""
    require_length(length)
    assert words_of(length) == length * 3 // 4


@pytest.mark.parametrize("length", [63, 0, -256, LONGEST + 1, 256.0, "256", True, None])
def test_other_lengths_are_refused(length: object) -> None:
    """A length that is out of bounds or no whole number is refused with the usual ones named."""
    with pytest.raises(SettingsError, match=r"from 64 to 1,048,576.*256, 512"):
        require_length(length)  # type: ignore[arg-type]


@pytest.mark.parametrize("documents", [0, -1, 8, 2.0, True])
def test_impossible_numbers_of_documents_are_refused(documents: object) -> None:
    """Every document needs a piece of its own."""
    with pytest.raises(SettingsError, match=r"from 1 to 7.*7 names"):
        require_counts(documents, 1, available=7, what="names")  # type: ignore[arg-type]


@pytest.mark.parametrize("queries", [0, 4, 1.0, False])
def test_impossible_numbers_of_queries_are_refused(queries: object) -> None:
    """Every query needs a document of its own."""
    with pytest.raises(SettingsError, match="from 1 to documents=3"):
        require_counts(3, queries, available=7, what="names")  # type: ignore[arg-type]


def test_every_task_has_its_own_chance() -> None:
    """Kind, length and seed lead to other numbers, and the same ones to the same anywhere."""
    first = {
        random_for(kind, length, seed).random()
        for kind in ("passkey", "needle")
        for length in LENGTHS
        for seed in range(3)
    }
    assert len(first) == 2 * len(LENGTHS) * 3
    assert random_for("passkey", 256, 0).random() == pytest.approx(0.238555434807)


def test_sentences_end_at_full_stops_and_the_like() -> None:
    """Full stops, question marks, quotation marks and paragraphs end sentences."""
    text = "One is\n  here. Two?  'Three!' Said she. \n \nFour has no stop\n\n\n5 is a number."
    assert texts_of(text) == [
        "One is here.",
        "Two?",
        "'Three!'",
        "Said she.",
        "Four has no stop",
        "5 is a number.",
    ]
    assert [part.gap for part in sentences(text)] == [" ", " ", " ", "\n\n", "\n\n", "\n\n"]
    assert all(part.closed for part in sentences(text))


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Dr. J. Brown.",
        "See e.g. Fig. 3 and Vol. 2 of it.",
        "`Well!' thought she, and 3.5 is more than 2.",
        "It went on... and on.",
    ],
)
def test_other_points_do_not_end_sentences(text: str) -> None:
    """Abbreviations, initials, numbers and what goes on in lower case stay whole."""
    assert texts_of(text) == [text]


def test_sentences_of_scripts_without_spaces() -> None:
    """The full stop of Chinese and Japanese ends a sentence."""
    assert texts_of("一つ。二つ！三つ") == ["一つ。", "二つ！", "三つ"]


def test_long_sentences_are_cut_after_clauses() -> None:
    """A semicolon is preferred and closed; a comma is the next best, and open."""
    long = " ".join(["word"] * 20 + ["end;"] + ["word"] * 10 + ["pause,"] + ["word"] * 30 + ["x."])
    found = sentences(long)
    assert [(part.words, part.text.split()[-1], part.closed) for part in found] == [
        (21, "end;", True),
        (11, "pause,", False),
        (31, "x.", True),
    ]


def test_lists_are_cut_anywhere() -> None:
    """What goes on for hundreds of words without a full stop may be parted at every cut."""
    found = sentences(" ".join(["item,"] * 1000))
    assert max(part.words for part in found) == LONGEST_SENTENCE
    assert all(part.closed for part in found)


@given(st.text(alphabet=" \n\tabCD.;:,!?'-é。1", max_size=400))
def test_sentences_lose_and_add_nothing(text: str) -> None:
    """Every character that is no white space is in one sentence, in order, and the words agree."""
    found = sentences(text)
    assert "".join("".join(part.text.split()) for part in found) == "".join(text.split())
    for part in found:
        assert 1 <= part.words == len(part.text.split()) <= LONGEST_SENTENCE
        assert part.text == " ".join(part.text.split())


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    words=st.integers(2, 200),
    seed=st.integers(0, 100),
)
def test_documents_are_filled_and_depths_are_right(
    counts: list[int], words: int, seed: int
) -> None:
    """A document is filled up to a sentence, and its depth is where the piece stands."""
    filler = [Sentence(" ".join(["w"] * n), n, " ", True) for n in counts]
    found = hide(PIECE, cycle(filler), words=words, rng=random.Random(seed))
    assert words - max(counts) < len(found.text.split()) <= words
    assert found.text.count(PIECE) == 1
    assert found.text.index(PIECE) == round(found.depth * len(found.text))
    assert found.text == found.text.strip()


@pytest.mark.parametrize(
    ("chance", "text"),
    [
        (0.0, "Needle here. Aaa bbb. Ccc ddd,\n\neee fff."),
        (0.3, "Aaa bbb. Needle here. Ccc ddd,\n\neee fff."),
        (0.6, "Aaa bbb. Needle here. Ccc ddd,\n\neee fff."),
        (0.99, "Aaa bbb. Ccc ddd,\n\neee fff. Needle here."),
    ],
)
def test_the_piece_stands_at_the_nearest_open_place(chance: float, text: str) -> None:
    """Places are the beginning and those after closed sentences; all else stays as it is."""
    filler = [
        Sentence("Aaa bbb.", 2, " ", True),
        Sentence("Ccc ddd,", 2, "\n\n", False),
        Sentence("eee fff.", 2, " ", True),
    ]
    assert hide(PIECE, filler, words=8, rng=FixedChance(chance)).text == text


def test_no_room_for_filler() -> None:
    """A piece that fills the document stands alone."""
    filler = [Sentence("Aaa bbb.", 2, " ", True)]
    assert hide(PIECE, filler, words=3, rng=random.Random(0)) == (PIECE, 0.0)


def test_no_room_for_the_piece() -> None:
    """A piece longer than the document is refused."""
    with pytest.raises(SettingsError, match="a document of 1 words has no room for 2"):
        hide(PIECE, [], words=1, rng=random.Random(0))
