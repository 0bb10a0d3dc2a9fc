"""Batches of short texts: the same each time, of one length, closed as texts are closed."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from longembed_rag.training import mixture as module
from longembed_rag.training.mixture import Mixture, MixtureOptions
from longembed_rag.training.opening import TextTokens
from tests.models import TinyModels
from tests.training.material import planner_of, some_texts


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few texts drawn at a time."""
    monkeypatch.setattr(module, "_POOL", 64)


@pytest.fixture
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert"), query_prompt="query "))


def drawn(tokens: TextTokens, count: int = 40, *, seed: int = 0, **options: Any) -> list[Any]:
    values = {"shortest": 8, "longest": 32, "batch_tokens": 100, **options}
    mixture = Mixture(some_texts(), tokens, options=MixtureOptions(**values), seed=seed)
    first, again = list(islice(mixture, count)), list(islice(mixture, count))
    assert all(np.array_equal(*each) for each in zip(first, again, strict=True))
    return first


def test_batches_are_the_same_each_time(tokens: TextTokens) -> None:
    """The seed decides, and nothing else."""
    one, same, other = drawn(tokens), drawn(tokens), drawn(tokens, seed=1)
    assert all(np.array_equal(*each) for each in zip(one, same, strict=True))
    assert not all(np.array_equal(*each) for each in zip(one, other, strict=True))


def test_texts_are_whole_and_within_the_limits(tokens: TextTokens) -> None:
    """Opened and closed by special tokens, none in between, no padding, no more than asked for."""
    opening, closing = tokens(["note"])[0][[0, -1]]
    lengths = set()
    for batch in drawn(tokens):
        rows, length = batch.shape
        lengths.add(length)
        assert length <= 32
        assert rows == 1 or rows * length <= 100
        assert (batch[:, 0] == opening).all()
        assert (batch[:, -1] == closing).all()
        assert not np.isin(batch[:, 1:-1], [0, opening, closing]).any()
    assert len(lengths) > 5


def test_joined_texts_reach_every_length(tokens: TextTokens) -> None:
    """Evenly on a logarithmic scale, from the shortest to the longest."""
    batches = drawn(tokens, queries=0.0, joined=1.0)
    lengths = [batch.shape[1] for batch in batches for _ in batch]
    assert 8 <= min(lengths) <= 9
    assert 28 <= max(lengths) <= 32
    assert 0.3 < np.mean([length < 16 for length in lengths]) < 0.7


def test_queries_alone(tokens: TextTokens) -> None:
    """A share of 1 draws nothing but queries; as texts to be read, they get no prompt."""
    found = {tuple(row) for batch in drawn(tokens, queries=1.0, joined=0.0) for row in batch}
    queries = tokens([pair.query for pair in some_texts().pairs])
    assert found <= {tuple(ids) for ids in queries}
    assert len(found) > 10


def test_passages_alone(tokens: TextTokens) -> None:
    """Those of pairs and those that nothing is asked of, cut to the longest."""
    batches = drawn(tokens, queries=0.0, joined=0.0, longest=12, batch_tokens=12)
    found = {tuple(row) for batch in batches for row in batch}
    texts = some_texts()
    passages = tokens([*(pair.passage for pair in texts.pairs), *texts.passages])
    assert found <= {(*ids[:11], ids[-1]) for ids in passages}
    without_query = {(*ids[:11], ids[-1]) for ids in tokens(texts.passages)}
    assert found & without_query
