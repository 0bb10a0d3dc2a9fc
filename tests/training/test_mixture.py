"""Updates of short texts: of all lengths, closed as texts are closed, the same each time."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens
from longembed_rag.training.texts import Pair, TrainingTexts
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of, some_texts

#: Every passage is shorter than the longest texts that are asked for: they have to be joined.
TEXTS = some_texts()
LENGTHS = (8, 16, 24, 32)
SHARES = (0.2, 0.5, 0.3)


@pytest.fixture(scope="module")
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert"), query_prompt="query "))


def mixture_of(tokens: TextTokens, *, seed: int = 0, texts: Any = TEXTS, **options: Any) -> Mixture:
    values = {"lengths": LENGTHS, "shares": SHARES, "batch_tokens": 100, **options}
    return Mixture(texts, tokens, options=MixtureOptions(**values), seed=seed)


def drawn(tokens: TextTokens, count: int, **options: Any) -> list[list[Any]]:
    return list(islice(mixture_of(tokens, **options), count))


def alike(ours: list[list[Any]], theirs: list[list[Any]]) -> bool:
    """Whether two lists of updates hold the same token ids in the same order."""
    if [len(batch) for batch in ours] != [len(batch) for batch in theirs]:
        return False
    pairs = zip((i for batch in ours for i in batch), (i for b in theirs for i in b), strict=True)
    return all(np.array_equal(*each) for each in pairs)


def test_updates_are_the_same_each_time(tokens: TextTokens) -> None:
    """The seed decides, and nothing else: not that they were drawn before."""
    mixture = mixture_of(tokens)
    first = list(islice(mixture, 150))
    assert alike(first, list(islice(mixture, 150)))
    assert alike(first, drawn(tokens, 150))
    assert not alike(first, drawn(tokens, 150, seed=1))


def test_texts_are_closed_and_within_the_limits(tokens: TextTokens) -> None:
    """Opened and closed by special tokens, none in between, no longer than asked for."""
    opening, closing = tokens(["note"])[0][[0, -1]]
    for batch in drawn(tokens, 60):
        for ids in batch:
            assert len(ids) <= 32
            assert (ids[0], ids[-1]) == (opening, closing)
            assert not np.isin(ids[1:-1], [0, opening, closing]).any()


@pytest.mark.parametrize("room", [1, 20, 33, 100])
def test_updates_are_filled_and_no_fuller(room: int, tokens: TextTokens) -> None:
    """No more tokens than asked for unless one text has more, and no text that still fitted."""
    batches = drawn(tokens, 80, batch_tokens=room)
    for batch, following in pairwise(batches):
        total = sum(map(len, batch))
        assert len(batch) == 1 or total <= room
        assert total + len(following[0]) > room


def test_an_update_has_texts_of_all_lengths(tokens: TextTokens) -> None:
    """Short and long ones beside one another, not sorted by length."""
    for batch in drawn(tokens, 10, batch_tokens=1000):
        lengths = [len(ids) for ids in batch]
        counts = np.histogram(lengths, bins=(1, *LENGTHS[1:-1], 33))[0]
        assert counts.min() >= 3
        assert lengths != sorted(lengths)


def test_each_range_has_its_share_of_all_tokens(tokens: TextTokens) -> None:
    """Of the tokens of passages; within a range lengths are spread evenly."""
    batches = drawn(tokens, 40, queries=0.0, batch_tokens=2000)
    lengths = np.array([len(ids) for batch in batches for ids in batch])
    assert lengths.min() == 8
    assert lengths.max() == 32
    total = lengths.sum()
    for low, high, share in zip(LENGTHS, LENGTHS[1:], SHARES, strict=False):
        # A text as long as a bound belongs to the ranges on both sides of it, half each.
        inside = lengths[(lengths > low) & (lengths < high)].sum()
        edges = lengths[(lengths == low) | (lengths == high)].sum() / 2
        if low == LENGTHS[0]:
            edges += lengths[lengths == low].sum() / 2
        if high == LENGTHS[-1]:
            edges += lengths[lengths == high].sum() / 2
        assert (inside + edges) / total == pytest.approx(share, abs=0.025)
    middle = np.bincount(lengths, minlength=33)[17:24]
    assert middle.min() > 0.8 * middle.mean()


def test_queries_are_read_as_queries_and_whole(tokens: TextTokens) -> None:
    """With their prompt, a quarter of all texts, and cut only where the longest text ends."""
    queries = {tuple(ids) for ids in tokens([pair.query for pair in TEXTS.pairs], "query")}
    batches = drawn(tokens, 60, batch_tokens=1000)
    texts = [tuple(ids) for batch in batches for ids in batch]
    found = [ids for ids in texts if ids in queries]
    assert set(found) == queries
    assert len(found) / len(texts) == pytest.approx(0.25, abs=0.02)
    assert all(any(tuple(ids) in queries for ids in batch) for batch in batches)
    prompt = tokens(["note"], "query")[0][1]
    assert all((ids[1] == prompt) == (ids in queries) for ids in texts)
    long = TrainingTexts((Pair(text_of(50), text_of(9), "s"),), (), (), ())
    (whole,) = tokens([text_of(50)], "query")
    for ids in (ids for batch in drawn(tokens, 9, texts=long) for ids in batch):
        if ids[1] == prompt:
            assert np.array_equal(ids, [*whole[:31], whole[-1]])


def test_without_queries(tokens: TextTokens) -> None:
    """A share of nothing draws passages alone, those that nothing is asked of too."""
    options = {"queries": 0.0, "lengths": (8, 9), "shares": (1.0,)}
    found = {tuple(ids[:-1]) for batch in drawn(tokens, 60, **options) for ids in batch}
    asked = {tuple(ids[:7]) for ids in tokens([pair.passage for pair in TEXTS.pairs])}
    others = {tuple(ids[:7]) for ids in tokens(TEXTS.passages)}
    starts = {ids[:7] for ids in found}
    assert starts <= asked | others
    assert starts & asked
    assert starts & others


def test_long_passages_are_joined_from_several(tokens: TextTokens) -> None:
    """What one passage does not fill is filled by others, token for token."""
    options = {"queries": 0.0, "lengths": (60, 61), "shares": (1.0,), "batch_tokens": 500}
    passages = [*(pair.passage for pair in TEXTS.pairs), *TEXTS.passages]
    known = {tuple(ids[1:-1]) for ids in tokens(passages)}

    def without_first(content: tuple[int, ...]) -> tuple[int, ...] | None:
        for length in {len(each) for each in known}:
            if content[:length] in known:
                return content[length:]
        return None

    for ids in (ids for batch in drawn(tokens, 5, **options) for ids in batch):
        assert len(ids) in (60, 61)
        rest: tuple[int, ...] | None = tuple(ids[1:-1])
        parts = 0
        while rest and not any(each[: len(rest)] == rest for each in known):
            rest = without_first(rest)
            parts += 1
        assert rest is not None
        assert parts >= 3


@given(st.integers(2, 700))
def test_up_to_a_limit(limit: int) -> None:
    """No text is longer than a model reads; the ranges below stay as they were."""
    plain = MixtureOptions(batch_tokens=77, queries=0.125)
    cut = plain.up_to(limit)
    assert cut.longest == min(limit, plain.longest)
    assert (cut.batch_tokens, cut.queries) == (77, 0.125)
    kept = [length for length in plain.lengths if length < limit]
    assert [*cut.lengths[: len(kept)]] == kept or not kept[1:]
    assert cut.shares == plain.shares[: len(cut.shares)]
    assert cut.up_to(limit) == cut


def test_up_to_by_hand() -> None:
    """Between two bounds, at one, beyond the last, and before the first."""
    plain = MixtureOptions(lengths=(16, 64, 160), shares=(0.6, 0.4))
    assert plain.up_to(100) == MixtureOptions(lengths=(16, 64, 100), shares=(0.6, 0.4))
    assert plain.up_to(64) == MixtureOptions(lengths=(16, 64), shares=(0.6,))
    assert plain.up_to(160) is plain
    assert plain.up_to(12) == MixtureOptions(lengths=(1, 12), shares=(0.6,))


@pytest.mark.parametrize(
    ("lengths", "shares"),
    [((8,), ()), ((), ()), ((8, 16), (0.5, 0.5)), ((16, 8), (1.0,)), ((8, 8), (1.0,))],
)
def test_bounds_and_shares_belong_together(
    lengths: tuple[int, ...], shares: tuple[float, ...]
) -> None:
    """Too few, too many, or bounds that do not rise are refused."""
    with pytest.raises(SettingsError, match=r"must rise, and have one more than shares="):
        MixtureOptions(lengths=lengths, shares=shares)
