"""Hard negatives: nearest first, by words and model in turn, and nothing that may be an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.mining import MiningOptions, mine, plain
from longembed_rag.training.texts import Pair
from longembed_rag.training.word_index import WordIndex
from longembed_rag.words.analyzer import get_analyzer


def words(texts: Sequence[str]) -> WordIndex:
    return WordIndex(texts, get_analyzer("none"))


class Known:
    """A model whose cosines to the query are given: those of other texts are 0."""

    def __init__(self, cosines: dict[str, float]) -> None:
        self._cosines = cosines

    def __call__(self, texts: Sequence[str], is_query: bool) -> np.ndarray:
        rows = [[1.0, 0.0] for _ in texts]
        if not is_query:
            near = [self._cosines.get(text, 0.0) for text in texts]
            rows = [[cosine, (1 - cosine**2) ** 0.5] for cosine in near]
        return np.array(rows, dtype=np.float32)


def mined(pairs: Sequence[Pair], cosines: dict[str, float], **options: Any) -> list[Pair]:
    return list(mine(pairs, words, Known(cosines), options=MiningOptions(**options)))


ASKED = Pair("amber birch", "amber birch cedar", "s")


def passages(*texts: str) -> list[Pair]:
    return [Pair("", text, "s") for text in texts]


def test_words_and_model_take_turns() -> None:
    """The best of each, each once; passages without a query go through as they are."""
    others = passages("amber birch elm", "amber oak", "far one", "far two")
    near = {"amber birch cedar": 0.9, "far two": 0.8, "far one": 0.7}
    found = mined([*others, ASKED], near, negatives=3)
    assert found[:4] == others
    assert found[4].negatives == ("amber birch elm", "far two", "amber oak")
    assert mined([ASKED, *others], near)[0].negatives == (
        *("amber birch elm", "far two", "amber oak", "far one"),
    )


def test_what_is_as_near_as_the_answer_is_left_out() -> None:
    """By the margin, however well its words fit."""
    others = passages("amber birch", "amber birch birch", "amber")
    near = {"amber birch cedar": 0.9, "amber birch birch": 0.86, "amber": 0.84}
    assert mined([ASKED, *others], near)[0].negatives == ()
    pairs = [ASKED, *passages("birch amber birch", "oak amber")]
    near = {"amber birch cedar": 0.9, "birch amber birch": 0.86, "oak amber": 0.84}
    assert mined(pairs, near)[0].negatives == ("oak amber",)
    assert mined(pairs, near, margin=0.0)[0].negatives == ("birch amber birch", "oak amber")
    assert mined(pairs, near, margin=0.1)[0].negatives == ()


def test_answers_and_their_likes_are_none() -> None:
    """The same but for case and spaces, what holds the answer, and what answers it elsewhere."""
    likes = passages("Amber  birch CEDAR", "yes: amber birch cedar", "birch elm", "birch  ELM")
    also = Pair("Amber birch", "amber oak", "other")
    found = mined([ASKED, *likes, also], {"amber birch cedar": 0.9, "amber oak": 0.9})
    assert found[0].negatives == ("birch elm",)
    assert found[-1].negatives == ("birch elm",)


def test_known_negatives_stay() -> None:
    """With their scores."""
    known = Pair("amber", "amber birch", "s", ("mine",), (2.0, 1.0))
    assert mined([known, *passages("amber elm")], {})[0] == known


@given(
    st.integers(1, 4), st.integers(0, 50), st.lists(st.floats(-0.9, 0.9), min_size=2, max_size=9)
)
def test_no_negative_may_be_an_answer(negatives: int, seed: int, cosines: list[float]) -> None:
    """Never more than asked for, never the answer, never nearer than the margin, each once."""
    random = np.random.default_rng(seed)
    names = ("amber", "birch", "cedar")
    texts = [f"{' '.join(random.choice(names, 3))} {row}" for row in range(len(cosines))]
    near = dict(zip(texts, cosines, strict=True))
    pairs = [Pair(f"{texts[0]}?", texts[0], "s"), *passages(*texts[1:])]
    (found, *_) = mined(pairs, near, negatives=negatives, margin=0.1)
    assert len(found.negatives) <= negatives
    assert len({plain(text) for text in found.negatives}) == len(found.negatives)
    assert texts[0] not in found.negatives
    assert all(near[text] <= near[texts[0]] - 0.1 + 1e-5 for text in found.negatives)
    if sum(near[text] < near[texts[0]] - 0.11 for text in texts[1:]) >= negatives:
        assert len(found.negatives) == negatives


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"negatives": 0}, "negatives=0 must be at least 1"),
        ({"negatives": 9, "candidates": 8}, "candidates=8 at least as many"),
        ({"margin": -0.1}, "margin=-0.1 is a difference of cosines"),
    ],
)
def test_wrong_numbers_are_named(values: Any, told: str) -> None:
    """With what they may be."""
    with pytest.raises(SettingsError, match=told):
        MiningOptions(**values)
