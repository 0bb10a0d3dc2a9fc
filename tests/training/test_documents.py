"""Long documents: of the exact length, and with what is asked of them inside."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.training.document_batch import DocumentBatch, DocumentOptions, passage_id
from longembed_rag.training.documents import Documents
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
    values = {
        "lengths": (64, 100),
        "batch_tokens": 300,
        "queries": 3,
        "alike": 0.0,
        "odd": 0.0,
        "crops": 0.0,
    }
    return Documents(
        pairs, passages, tokens=tokens, options=DocumentOptions(**{**values, **options}), seed=seed
    )


def holds(document: Any, part: Any) -> bool:
    """Whether a part stands in a document, token for token."""
    windows = np.lib.stride_tricks.sliding_window_view(document, len(part))
    return bool((windows == part).all(axis=1).any())


def texts_of(pairs: Any, passages: Any = FILLERS) -> dict[int, str]:
    """Every passage by its number."""
    return {passage_id(text): text for text in (*(pair.passage for pair in pairs), *passages)}


def check(
    batch: DocumentBatch, tokens: TextTokens, *, pairs: Any = PAIRS, queries: int = 3
) -> None:
    """Specials at both ends alone, and each query's passage whole in the document it is of."""
    check_spans(batch, tokens, texts_of(pairs))
    opening, closing = tokens(["note"])[0][[0, -1]]
    assert (batch.documents[:, 0] == opening).all()
    assert (batch.documents[:, -1] == closing).all()
    assert not np.isin(batch.documents[:, 1:-1], [0, opening, closing]).any()
    counts = np.bincount(batch.asked_of, minlength=len(batch.documents))
    assert counts.min() >= 1
    assert counts.max() <= queries
    by_query = {tuple(tokens([pair.query], "query")[0]): pair.passage for pair in pairs}
    whole = {(span.document, span.passage) for span in batch.spans}
    for ids, number, answer in zip(batch.queries, batch.asked_of, batch.answers, strict=True):
        text = by_query[tuple(ids)]
        assert holds(batch.documents[number], tokens([text])[0][1:-1])
        assert answer == passage_id(text)
        assert (number, answer) in whole


def check_spans(batch: DocumentBatch, tokens: TextTokens, texts: dict[int, str]) -> None:
    """Passages follow one another, each with its own tokens; what is left is of one cut off."""
    length = batch.documents.shape[1]
    assert {span.document for span in batch.spans} <= set(range(len(batch.documents)))
    assert len(batch.contents) == len(batch.documents)
    for number, document in enumerate(batch.documents):
        spans = [span for span in batch.spans if span.document == number]
        assert [span.start for span in spans] == [1, *(span.stop for span in spans)][: len(spans)]
        for span in spans:
            content = tokens([texts[span.passage]])[0][1:-1]
            assert np.array_equal(document[span.start : span.stop], content)
        known = {span.passage for span in spans}
        assert len(known) == len(spans)
        end = spans[-1].stop if spans else 1
        others = batch.contents[number] - known
        assert len(others) == int(end < length - 1)
        for other in others:
            content = tokens([texts[other]])[0][1:-1]
            assert np.array_equal(document[end:-1], content[: length - 1 - end])


@pytest.mark.parametrize("coherent", [0.0, 0.5, 1.0])
def test_documents_hold_what_is_asked_of_them(coherent: float, tokens: TextTokens) -> None:
    """At every share of coherent documents, in batches of both lengths."""
    lengths = set()
    for batch in islice(made(tokens, coherent=coherent), 8):
        check(batch, tokens)
        lengths.add(batch.documents.shape)
    assert lengths == {(4, 64), (3, 100)}


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), length=st.integers(24, 150), queries=st.integers(1, 6))
def test_any_length_is_exact(tokens: TextTokens, seed: int, length: int, queries: int) -> None:
    """Whatever the length and the seed."""
    documents = made(tokens, seed=seed, lengths=(length,), queries=queries, batch_tokens=length)
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
            assert (one.asked_of, one.answers) == (two.asked_of, two.answers)
            assert (one.spans, one.contents) == (two.spans, two.contents)
    different = next(iter(made(tokens, seed=1, lengths=(64,))))
    same_length = next(iter(made(tokens, lengths=(64,))))
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


def test_documents_that_are_alike_differ_in_what_is_asked(tokens: TextTokens) -> None:
    """Each has a passage that no other has, which is asked; all else it shares, in one order."""
    places = set()
    for batch in islice(made(tokens, alike=1.0, lengths=(100,), batch_tokens=600), 6):
        check(batch, tokens)
        assert batch.asked_of == list(range(6))
        assert len(set(batch.answers)) == 6
        rests = []
        for number, answer in enumerate(batch.answers):
            spans = [span.passage for span in batch.spans if span.document == number]
            places.add(spans.index(answer))
            rests.append([each for each in spans if each != answer])
            assert answer not in frozenset().union(*batch.contents[:number])
            assert answer not in frozenset().union(*batch.contents[number + 1 :])
        longest = max(rests, key=len)
        assert all(rest == longest[: len(rest)] for rest in rests)
        assert min(map(len, rests)) >= len(longest) - 1 > 0
    assert len(places) > 1


def hard_pairs(*, scores: bool = False) -> list[Pair]:
    """Pairs with two negatives each that stand nowhere else."""
    return [
        replace(
            pair,
            negatives=tuple(text_of(8, seed=70_000 + 2 * at + number) for number in range(2)),
            scores=(3.0, 1.0, float(at)) if scores else (),
        )
        for at, pair in enumerate(PAIRS)
    ]


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_negatives_stand_in_the_next_document(coherent: float, tokens: TextTokens) -> None:
    """Those of what is asked of the one before it; they are no more than half of it."""
    pairs = hard_pairs()
    of = {passage_id(pair.passage): {*map(passage_id, pair.negatives)} for pair in pairs}
    every = {number for each in of.values() for number in each}
    options = {"coherent": coherent, "lengths": (100,), "batch_tokens": 400}
    reached = 0
    for batch in islice(made(tokens, pairs, **options), 12):
        both = [*zip(batch.answers, batch.asked_of, strict=True)]
        for number, contents in enumerate(batch.contents):
            asked = [each for each, at in both if at == number - 1]
            wanted = {negative for answer in asked for negative in of[answer]}
            held = contents & every
            assert number or not held
            # Where passages stand in any order, some are cut off.
            assert held or not number or not coherent
            reached += bool(held)
            assert held <= wanted
            spans = [span for span in batch.spans if span.document == number]
            hard = [span.stop - span.start for span in spans if span.passage in every]
            assert sum(hard) <= 60
        assert batch.labels == [{}] * len(batch.queries)
    assert reached > 24


def test_scores_come_with_queries_that_are_asked_whole(tokens: TextTokens) -> None:
    """A few words of the passage in a query's place are another question."""
    pairs = hard_pairs(scores=True)
    of = {passage_id(pair.passage): pair for pair in pairs}
    batches = [*islice(made(tokens, pairs), 5)]
    asked = [each for batch in batches for each in zip(batch.answers, batch.labels, strict=True)]
    for answer, labels in asked:
        pair = of[answer]
        ids = map(passage_id, (pair.passage, *pair.negatives))
        assert labels == dict(zip(ids, pair.scores, strict=True))
    cropped = next(iter(made(tokens, pairs, crops=1.0)))
    assert cropped.labels == [{}] * len(cropped.queries)


def test_a_passage_too_long_for_its_place_comes_first(tokens: TextTokens) -> None:
    """Whole where it fits at all, and cut off where it does not."""
    pairs = [Pair(f"able {n}", text_of(n, seed=n), "s") for n in (70, 71, 72, 140, 141)]
    for batch in islice(made(tokens, pairs, alike=1.0, lengths=(100,), batch_tokens=300), 12):
        check_spans(batch, tokens, texts_of(pairs))
        for number, answer in zip(batch.asked_of, batch.answers, strict=True):
            assert answer in batch.contents[number]
            content = tokens([texts_of(pairs)[answer]])[0][1:-1]
            assert holds(batch.documents[number], content[:98])


def test_documents_are_not_alike_where_there_are_too_few_pairs(tokens: TextTokens) -> None:
    """A pair or two of the user's own still make documents."""
    batch = next(iter(made(tokens, PAIRS[:1], alike=1.0, lengths=(64,), batch_tokens=200)))
    assert batch.documents.shape == (3, 64)
    check(batch, tokens, pairs=PAIRS[:1])


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 8, 32), (1.0, 40, 40)])
def test_a_share_of_batches_is_alike(share: float, least: int, most: int, tokens: Any) -> None:
    """As often as asked."""
    batches = islice(made(tokens, alike=share, lengths=(100,), coherent=0.0, queries=9), 40)
    alike = [len(batch.asked_of) == len(batch.documents) for batch in batches]
    assert least <= sum(alike) <= most


def test_odd_documents_are_of_one_source_but_for_what_is_asked(tokens: TextTokens) -> None:
    """Neighbours, or passages that nothing is asked of, around the head of one from elsewhere."""
    texts, sources = texts_of(PAIRS), {passage_id(p.passage): p.source for p in PAIRS}
    places, around, cut = set(), set(), 0
    for batch in islice(made(tokens, odd=1.0, lengths=(140,), batch_tokens=560), 12):
        assert batch.odd
        assert batch.asked_of == [0, 1, 2, 3]
        for number, answer in enumerate(batch.answers):
            others = batch.contents[number] - {answer}
            found = {sources.get(each, "filler") for each in others}
            assert sources[answer] not in found
            # Fillers alone, or one source, filled up from anywhere where it is too small.
            around.add(tuple(sorted(found))[-1])
            content = tokens([texts[answer]])[0][1:-1]
            head = content[:24]
            assert holds(batch.documents[number], head)
            whole = (number, answer) in {(s.document, s.passage) for s in batch.spans}
            cut += not whole
            windows = np.lib.stride_tricks.sliding_window_view(batch.documents[number], len(head))
            places.add(int(np.flatnonzero((windows == head).all(axis=1))[0]))
    assert around >= {"filler", "one", "two"}
    assert len(places) > 4
    assert cut == 0, "passages of these pairs are no longer than what is kept of one"


def test_an_odd_passage_is_cut_to_its_head(tokens: TextTokens) -> None:
    """Between 24 and 128 tokens of it stand there, and it is no whole passage."""
    pairs = [Pair(f"able {n}", text_of(300, seed=n), f"s{n % 2}") for n in range(6)]
    counts = set()
    for batch in islice(made(tokens, pairs, odd=1.0, lengths=(200,), batch_tokens=800), 10):
        for number, answer in enumerate(batch.answers):
            content = tokens([texts_of(pairs)[answer]])[0][1:-1]
            held = [n for n in range(1, 199) if holds(batch.documents[number], content[:n])]
            counts.add(held[-1])
            assert (number, answer) not in {(s.document, s.passage) for s in batch.spans}
    assert 24 <= min(counts) < max(counts) <= 130


def test_odd_documents_of_one_source_alone(tokens: TextTokens) -> None:
    """A user with a single source gets the passage from there."""
    pairs = [pair for pair in PAIRS if pair.source == "one"]
    batch = next(iter(made(tokens, pairs, (), odd=1.0, lengths=(64,), batch_tokens=200)))
    assert batch.documents.shape == (3, 64)
    assert all(answer in batch.contents[n] for n, answer in enumerate(batch.answers))


@pytest.mark.parametrize("sort", ["any", "alike", "odd"])
def test_a_few_words_stand_in_a_query_s_place(sort: Any, tokens: TextTokens) -> None:
    """Of the passage as far as it is in the document, opened and closed as queries are."""
    documents = made(tokens, crops=1.0)
    opening, closing = tokens(["note"], "query")[0][[0, -1]]
    lengths = set()
    for _ in range(12):
        batch = documents.batch(4, 64, np.random.default_rng(len(lengths)), sort=sort)
        for ids, number, answer in zip(batch.queries, batch.asked_of, batch.answers, strict=True):
            assert (ids[0], ids[-1]) == (opening, closing)
            assert holds(batch.documents[number], ids[1:-1])
            assert holds(tokens([texts_of(PAIRS)[answer]])[0], ids[1:-1])
            lengths.add(len(ids) - 2)
    assert 4 <= min(lengths) < max(lengths) <= 24


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_a_share_of_queries_is_cropped(share: float, least: int, most: int, tokens: Any) -> None:
    """As often as asked."""
    asked = {tuple(ids) for ids in tokens([pair.query for pair in PAIRS], "query")}
    batches = islice(made(tokens, crops=share, lengths=(100,)), 100)
    queries = [tuple(ids) for batch in batches for ids in batch.queries][:200]
    assert least <= sum(ids not in asked for ids in queries) <= most


def test_a_passage_longer_than_the_document_is_asked_for_all_the_same(tokens: TextTokens) -> None:
    """Where no pair fits whole, the first stands first, cut off, and its query is asked."""
    pairs = tuple(Pair(p.query, text_of(200, seed=n), "s") for n, p in enumerate(PAIRS[:5]))
    for batch in islice(made(tokens, pairs, FILLERS[:1], coherent=0.0), 4):
        check_spans(batch, tokens, texts_of(pairs))
        assert not batch.spans
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
    batch = next(iter(made(tokens, pairs, lengths=(64,))))
    assert {len(ids) for ids in batch.queries} == {64}
    assert {int(ids[-1]) for ids in batch.queries} == {int(batch.documents[0, -1])}


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_too_few_texts_are_refused(coherent: float, tokens: TextTokens) -> None:
    """With the length that they cannot fill."""
    documents = made(tokens, PAIRS[:2], (), coherent=coherent)
    with pytest.raises(SettingsError, match=r"too few or too short .* of 500 tokens"):
        documents.batch(1, 500, np.random.default_rng(0))


def spaced(seed: int) -> str:
    """A text of two tokens and many letters."""
    return (" " * 90).join(text_of(3, seed=seed).split()[1:])


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_texts_of_few_tokens_are_drawn_again(coherent: float, tokens: TextTokens) -> None:
    """What eight letters a token do not fill, many more do."""
    texts = list(dict.fromkeys(spaced(seed) for seed in range(300)))
    pairs = [Pair(f"able {text_of(4, seed=at)}", text, "s") for at, text in enumerate(texts)]
    batch = made(tokens, pairs, (), coherent=coherent).batch(3, 100, np.random.default_rng(0))
    assert batch.documents.shape == (3, 100)
    check_spans(batch, tokens, texts_of(pairs))
    assert len(batch.spans) == 3 * 49


def test_many_queries_are_asked(tokens: TextTokens) -> None:
    """Up to 16 unless asked otherwise, each once, and fewer where fewer are answered."""
    pairs = [
        Pair(f"{text_of(5, seed=at)} {WORDS[at % len(WORDS)]}", text_of(5, seed=500 + at), "s")
        for at in range(60)
    ]
    options = DocumentOptions(lengths=(62, 152), crops=0.0)
    documents = Documents(pairs, (), tokens=tokens, options=options, seed=0)
    for length, wanted in ((62, 12), (152, 16)):
        batch = documents.batch(3, length, np.random.default_rng(0))
        assert np.bincount(batch.asked_of).tolist() == [wanted] * 3
        asked = set(zip(batch.asked_of, batch.answers, strict=True))
        assert len(asked) == 3 * wanted


def test_answering_by_hand() -> None:
    """Any contents, also of documents of another batch."""
    batch = DocumentBatch(np.zeros((2, 4), dtype=np.int64), [], [], [0, 1, 1], [5, 6, 5], [])
    contents = [frozenset({5}), frozenset({6, 7}), frozenset(), frozenset({5, 6})]
    assert batch.answering(contents).tolist() == [
        [True, False, False, True],
        [False, True, False, True],
        [True, False, False, True],
    ]


@given(st.text(max_size=30))
def test_passages_have_numbers(text: str) -> None:
    """The same each time, for checkpoints hold them, and another for another text."""
    number = passage_id(text)
    assert 0 <= number < 2**63
    assert number == passage_id(text)
    assert number != passage_id(text + "\ud800")
    assert passage_id("able") == 8858352547986596238


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_sources_are_drawn_by_the_root_of_their_size(coherent: float, tokens: TextTokens) -> None:
    """One of 4 pairs and one of 100: a document has a passage of the small one in one of six."""
    texts = [text_of(40, seed=at) for at in range(204)]
    named = [*(["few"] * 4), *(["many"] * 100)]
    pairs = [Pair("able", text, name) for text, name in zip(texts, named, strict=False)]
    # One passage fills a document; where it is a filler, the pair drawn first takes its place.
    options = {"lengths": (42,), "batch_tokens": 42 * 400, "coherent": coherent}
    batch = next(iter(made(tokens, pairs, texts[104:], **options)))
    few = {passage_id(text) for text in texts[:4]}
    shares = np.mean([bool(each & few) for each in batch.contents])
    assert shares == pytest.approx(1 / 6, abs=0.06)


def test_lengths_are_drawn_by_their_weights(tokens: TextTokens) -> None:
    """Three of four documents are long where that is asked for; without weights every other."""
    for weights, share in (((1.0, 3.0), 0.75), ((), 0.5), ((0.0, 2.0), 1.0)):
        documents = made(tokens, lengths=(24, 30), weights=weights, batch_tokens=2)
        found = [batch.documents.shape[1] for batch in islice(documents, 200)]
        assert np.mean([length == 30 for length in found]) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("changes", [{"lengths": ()}, {"weights": (1.0,)}])
def test_lengths_and_weights_belong_together(changes: dict[str, Any]) -> None:
    """None at all, or not as many, is refused."""
    with pytest.raises(SettingsError, match=r"must be one at least, and weights=.* as many"):
        DocumentOptions(**changes)


@pytest.mark.parametrize("shares", [(-0.1, 0.2), (0.2, -0.1), (0.6, 0.5)])
def test_shares_of_batches_are_shares(shares: tuple[float, float]) -> None:
    """Below zero, or more than all together, is refused."""
    with pytest.raises(SettingsError, match=r"alike=.* and odd=.* are shares of all batches"):
        DocumentOptions(alike=shares[0], odd=shares[1])


@pytest.mark.parametrize("crops", [-0.1, 1.5])
def test_crops_are_a_share_of_queries(crops: float) -> None:
    """Below zero, or more than all, is refused."""
    with pytest.raises(SettingsError, match=r"crops=.* is a share of queries: 0 to 1"):
        DocumentOptions(crops=crops)


@pytest.mark.parametrize("weights", [(1.0, -1.0), (0.0, 0.0), (1.0, float("inf"))])
def test_weights_that_draw_nothing_are_refused(weights: tuple[float, ...]) -> None:
    """Below zero, all zero, or without an end."""
    with pytest.raises(SettingsError, match="must not be negative, nor all zero"):
        DocumentOptions(lengths=(32, 64), weights=weights)
