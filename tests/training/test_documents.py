"""Long documents: of the exact length, and with what is asked of them inside."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.documents import DocumentBatch, DocumentOptions, Documents
from longembed_rag.training.opening import TextTokens
from longembed_rag.training.texts import Pair
from tests.models import TinyModels
from tests.tokenizers_of_tests import WORDS, text_of
from tests.training.material import planner_of, some_pairs

PAIRS = (*some_pairs(30, source="one"), *some_pairs(45, source="two")[30:])
FILLERS = tuple(text_of(20, seed=9000 + number) for number in range(10))


@pytest.fixture(scope="module")
def tokens(tiny_models: TinyModels) -> TextTokens:
    return TextTokens(planner_of(tiny_models.folder("bert")))


def made(tokens: TextTokens, pairs: Any = PAIRS, passages: Any = FILLERS, **options: Any) -> Any:
    seed = options.pop("seed", 0)
    values = {"lengths": (64, 100), "weights": (1.0, 1.0), "batch_tokens": 300, "queries": 3}
    return Documents(
        pairs, passages, tokens=tokens, options=DocumentOptions(**{**values, **options}), seed=seed
    )


def holds(document: Any, part: Any) -> bool:
    """Whether a part stands in a document, token for token."""
    windows = np.lib.stride_tricks.sliding_window_view(document, len(part))
    return bool((windows == part).all(axis=1).any())


def check(
    batch: DocumentBatch, tokens: TextTokens, *, pairs: Any = PAIRS, queries: int = 3
) -> None:
    """Specials at both ends alone, and each query's passage whole in the document it is of."""
    opening, closing = tokens(["note"])[0][[0, -1]]
    assert (batch.documents[:, 0] == opening).all()
    assert (batch.documents[:, -1] == closing).all()
    assert not np.isin(batch.documents[:, 1:-1], [0, opening, closing]).any()
    counts = np.bincount(batch.asked_of, minlength=len(batch.documents))
    assert counts.min() >= 1
    assert counts.max() <= queries
    by_query = {tuple(tokens([pair.query], "query")[0]): pair.passage for pair in pairs}
    for ids, number in zip(batch.queries, batch.asked_of, strict=True):
        passage = tokens([by_query[tuple(ids)]])[0][1:-1]
        assert holds(batch.documents[number], passage)


@pytest.mark.parametrize("coherent", [0.0, 0.5, 1.0])
def test_documents_hold_what_is_asked_of_them(coherent: float, tokens: TextTokens) -> None:
    """At every share of coherent documents, in batches of both lengths."""
    lengths = set()
    for batch in islice(made(tokens, coherent=coherent), 8):
        check(batch, tokens)
        lengths.add(batch.documents.shape)
    assert lengths == {(4, 64), (3, 100)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), length=st.integers(24, 150), queries=st.integers(1, 6))
def test_any_length_is_exact(tokens: TextTokens, seed: int, length: int, queries: int) -> None:
    """Whatever the length and the seed."""
    documents = made(
        tokens, seed=seed, lengths=(length,), weights=(1.0,), queries=queries, batch_tokens=length
    )
    batch = next(iter(documents))
    assert batch.documents.shape == (2, length)
    check(batch, tokens, queries=queries)


def test_batches_are_the_same_each_time(tokens: TextTokens) -> None:
    """The seed decides, and nothing else."""
    documents = made(tokens)
    batches = [list(islice(each, 6)) for each in (documents, documents, made(tokens))]
    for other in batches[1:]:
        for one, two in zip(batches[0], other, strict=True):
            assert np.array_equal(one.documents, two.documents)
            assert all(np.array_equal(*each) for each in zip(one.queries, two.queries, strict=True))
            assert one.asked_of == two.asked_of
    different = next(iter(made(tokens, seed=1, lengths=(64,), weights=(1.0,))))
    same_length = next(iter(made(tokens, lengths=(64,), weights=(1.0,))))
    assert not np.array_equal(different.documents, same_length.documents)


def test_coherent_documents_are_of_one_source(tokens: TextTokens) -> None:
    """Neighbours follow one another; the others are from anywhere."""
    pairs = [
        Pair(p.query, f"{WORDS[0 if p.source == 'one' else 1]} " * 12, p.source) for p in PAIRS
    ]
    pairs = [
        Pair(p.query, f"{p.passage}{text_of(3, seed=n)}", p.source) for n, p in enumerate(pairs)
    ]
    first, second = (int(tokens([word])[0][1]) for word in WORDS[:2])

    def mixed(share: float) -> list[bool]:
        batches = islice(made(tokens, pairs, (), coherent=share), 6)
        documents = [document for batch in batches for document in batch.documents]
        return [bool((d == first).sum() > 6 and (d == second).sum() > 6) for d in documents]

    assert not any(mixed(1.0))
    assert any(mixed(0.0))


def test_a_small_source_is_filled_up_from_the_others(tokens: TextTokens) -> None:
    """A source of one short text cannot end a run after hours."""
    pairs = (Pair("able", text_of(10, seed=77), "tiny"), *PAIRS)
    documents = made(tokens, pairs, coherent=1.0)
    random = np.random.default_rng(0)
    for _ in range(30):
        check(documents.batch(2, 100, random), tokens, pairs=pairs)


def test_a_passage_longer_than_the_document_is_asked_for_all_the_same(tokens: TextTokens) -> None:
    """Where no pair fits whole, the first stands first, cut off, and its query is asked."""
    pairs = tuple(Pair(p.query, text_of(200, seed=n), "s") for n, p in enumerate(PAIRS[:5]))
    for batch in islice(made(tokens, pairs, FILLERS[:1], coherent=0.0), 4):
        for ids, number in zip(batch.queries, batch.asked_of, strict=True):
            query = next(p for p in pairs if np.array_equal(tokens([p.query], "query")[0], ids))
            room = batch.documents.shape[1] - 2
            start = tokens([query.passage])[0][1 : 1 + room]
            assert np.array_equal(batch.documents[number][1:-1], start)
        assert sorted(set(batch.asked_of)) == list(range(len(batch.documents)))


def test_a_text_stands_in_a_document_once(tokens: TextTokens) -> None:
    """However often it is among the pairs."""
    pairs = (*PAIRS, *PAIRS, *PAIRS)
    batch = next(iter(made(tokens, pairs, coherent=0.0)))
    for document in batch.documents:
        for pair in PAIRS:
            passage = tokens([pair.passage])[0][1:-1]
            windows = np.lib.stride_tricks.sliding_window_view(document, len(passage))
            assert (windows == passage).all(axis=1).sum() <= 1


def test_queries_are_no_longer_than_documents(tokens: TextTokens) -> None:
    """A model whose table ends with the documents can read them, closed as they should be."""
    pairs = [Pair(text_of(150, seed=n), p.passage, p.source) for n, p in enumerate(PAIRS)]
    batch = next(iter(made(tokens, pairs, lengths=(64,), weights=(1.0,))))
    assert {len(ids) for ids in batch.queries} == {64}
    assert {int(ids[-1]) for ids in batch.queries} == {int(batch.documents[0, -1])}


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_too_few_texts_are_refused(coherent: float, tokens: TextTokens) -> None:
    """With the length that they cannot fill."""
    documents = made(tokens, PAIRS[:2], (), coherent=coherent)
    with pytest.raises(SettingsError, match=r"too few or too short .* of 500 tokens"):
        documents.batch(1, 500, np.random.default_rng(0))


@pytest.mark.parametrize("changes", [{"lengths": ()}, {"weights": (1.0,)}])
def test_lengths_and_weights_belong_together(changes: dict[str, Any]) -> None:
    """None at all, or not as many, is refused."""
    with pytest.raises(SettingsError, match="must be as many, one at least"):
        DocumentOptions(**changes)
