"""Evidence: what each signal says of each document, compared with brute force."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from uuid import UUID, uuid5

import numpy as np
import pytest
from numpy.typing import NDArray

from longembed_rag.points.filters import Filter, matches
from longembed_rag.search import best_passages as best_module
from longembed_rag.search import evidence as module
from longembed_rag.search import passage_evidence as passage_module
from longembed_rag.search.evidence import gather
from longembed_rag.search.fusion import WEIGHTS, Evidence
from longembed_rag.search.known import known_of
from longembed_rag.search.requests import Question, Scope, sample_filter
from longembed_rag.search.steps import run
from longembed_rag.store.kept import Kept
from longembed_rag.store.payload import BUCKETS, bucket
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import TERMS_VECTOR, IndexedDocument, document_id
from longembed_rag.words import terms
from longembed_rag.words.query import QueryWords
from tests.store.corpora import fill, random_documents
from tests.store.fakes import vector_of
from tests.stores import ENGINES, ensure, opening, scratch

DOCUMENTS = random_documents(24, seed=4, longest=32)
QUERY = "w0 w3 w3 w17 w44"
ONE_KIND = Filter(must=[matches("kind", "k1")])


@pytest.fixture(scope="module", params=ENGINES)
def filled(request: pytest.FixtureRequest) -> Iterator[DocumentStore]:
    """A small collection, all of it weighed by the same averages."""
    with scratch() as folder, opening(request.param, folder) as opener, opener() as store:
        yield fill(ensure(store, language="none"), DOCUMENTS)


def ask(store: DocumentStore, query: str = QUERY, **options: object) -> Evidence:
    """The evidence for a query; the same when it is the first one and when it is the hundredth."""
    first, later = (gathered(store, query, searches=number, **options) for number in (1, 100))
    assert sorted(first.documents) == sorted(later.documents)
    order = [later.documents.index(each) for each in first.documents]
    for field in fields(Evidence):
        one, other = getattr(first, field.name), getattr(later, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, other[order], rtol=1e-5, atol=1e-6)
        elif field.name != "documents":
            assert one == (other if one is None else pytest.approx(other, rel=1e-5))
    return first


def gathered(
    store: DocumentStore, query: str = QUERY, *, searches: int = 1, **options: object
) -> Evidence:
    """The evidence for a query, of which there have been so many."""
    place = replace(store.place, kept=Kept())
    known_of(place).searches = searches
    given = {"with_passages": True, "scope": Scope(), **options}
    question = Question(QueryWords.plain(query.split()), vector_of(query))
    return run(gather(question, place=place, **given), place)  # type: ignore[arg-type]


def bm25(
    texts: list[list[str]], query: list[str], lengths: list[int], k1: float = 1.5
) -> NDArray[np.float64]:
    """BM25 of every text, with its formula written out."""
    average = sum(lengths) / len(lengths)
    scores = []
    for text, length in zip(texts, lengths, strict=True):
        score = 0.0
        for word in query:
            holding = sum(word in each for each in texts)
            rarity = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            count = text.count(word)
            score += rarity * count / (count + k1 * (0.25 + 0.75 * length / average))
        scores.append(score)
    return np.array(scores)


def joined(words: list[str]) -> list[str]:
    """Word pairs."""
    return [" ".join(pair) for pair in pairwise(words)]


class BruteForce:
    """Every signal of every document and passage, from their texts and vectors."""

    def __init__(self, documents: list[IndexedDocument], query: str) -> None:
        words, vector = query.split(), vector_of(query).astype(np.float64)
        texts = [document.text.split() for document in documents]
        lengths = [len(text) for text in texts]
        self.terms = bm25(texts, words, lengths)
        self.pairs = bm25([joined(text) for text in texts], joined(words), lengths)
        self.vector = np.array([document.embedding @ vector for document in documents])
        passages = [d.text[p.start : p.end].split() for d in documents for p in d.passages]
        self.owners = np.array([i for i, d in enumerate(documents) for _ in d.passages])
        self.of_passages = {
            "terms": bm25(passages, words, [len(passage) for passage in passages]),
            "vector": np.array([row @ vector for d in documents for row in d.passage_embeddings]),
        }

    def best(self, name: str) -> NDArray[np.float64]:
        """The best of each document's passages."""
        scores = self.of_passages[name]
        return np.array([scores[self.owners == i].max() for i in range(len(self.terms))])


BRUTE = BruteForce(DOCUMENTS, QUERY)


def in_order(seen: Evidence, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of all documents as those of the candidates."""
    index = {document_id(each.source): i for i, each in enumerate(DOCUMENTS)}
    return np.array([values[index[document]] for document in seen.documents])


def test_signals_are_those_of_all_documents(filled: DocumentStore) -> None:
    """In a collection that is smaller than the limits, every document is seen as it is."""
    seen = ask(filled)
    assert sorted(seen.documents) == sorted(document_id(each.source) for each in DOCUMENTS)
    assert seen.passage_terms is not None
    assert seen.passage_vector is not None
    counts = np.array([float(len(each.passages)) for each in DOCUMENTS])
    for ours, brute in (
        (seen.terms, BRUTE.terms),
        (seen.pairs, BRUTE.pairs),
        (seen.vector, BRUTE.vector),
        (seen.passage_terms, BRUTE.best("terms")),
        (seen.passage_vector, BRUTE.best("vector")),
        (seen.passages, counts),
    ):
        assert np.ptp(brute) > 0
        np.testing.assert_allclose(ours, in_order(seen, brute), atol=1e-4)


def test_scales_are_standard_deviations_over_the_collection(filled: DocumentStore) -> None:
    """Those without any of the words count, too."""
    seen = ask(filled)
    assert seen.words_scale == pytest.approx(
        (BRUTE.terms + WEIGHTS.pairs * BRUTE.pairs).std(), abs=1e-4
    )
    assert seen.vector_scale == pytest.approx(BRUTE.vector.std(), abs=1e-4)
    assert seen.passage_terms_scale == pytest.approx(BRUTE.of_passages["terms"].std(), abs=1e-4)
    assert seen.passage_vector_scale == pytest.approx(BRUTE.of_passages["vector"].std(), abs=1e-4)


def test_coverage_is_the_best_documents_share(filled: DocumentStore) -> None:
    """An ideal document would hold each word of the query as much as any document does."""
    texts = [each.text.split() for each in DOCUMENTS]
    lengths = [len(text) for text in texts]
    ideal = sum(bm25(texts, [word], lengths).max() for word in QUERY.split())
    seen = ask(filled)
    assert seen.words == 5
    assert seen.coverage == pytest.approx(BRUTE.terms.max() / ideal, abs=1e-4)
    assert (
        0
        < ask(filled, "w0 zzz yyy xxx").coverage
        < ask(filled, "w0").coverage
        == pytest.approx(1.0)
    )
    assert ask(filled, "zzz yyy").coverage == 0.0


@pytest.mark.parametrize(
    "engine", ["edge", *(pytest.param(engine, marks=pytest.mark.slow) for engine in ENGINES[1:])]
)
def test_words_of_long_documents_count_longer(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their k1 follows from the average length, coverage is measured by it, passages keep 1.5."""
    monkeypatch.setattr(terms, "LONG", 2)
    texts = [each.text.split() for each in DOCUMENTS]
    lengths = [len(text) for text in texts]
    k1 = 1.5 * math.sqrt(sum(lengths) / len(lengths) / 2)
    by_rule = bm25(texts, QUERY.split(), lengths, k1)
    ideal = sum(bm25(texts, [word], lengths, k1).max() for word in QUERY.split())
    with scratch() as folder, opening(engine, folder) as opener, opener() as store:
        fill(ensure(store, language="none", k1=1.5, b=0.75), DOCUMENTS)
        seen = ask(store)
        before = ask(store, words_vector=TERMS_VECTOR)
    assert k1 > 3
    np.testing.assert_allclose(seen.terms, in_order(seen, by_rule), atol=1e-4)
    np.testing.assert_allclose(seen.pairs, in_order(seen, BRUTE.pairs), atol=1e-4)
    np.testing.assert_allclose(before.terms, in_order(before, BRUTE.terms), atol=1e-4)
    assert seen.coverage == pytest.approx(by_rule.max() / ideal, abs=1e-4)
    assert seen.words_scale == pytest.approx(
        (by_rule + WEIGHTS.pairs * BRUTE.pairs).std(), abs=1e-4
    )
    assert seen.passage_terms is not None
    np.testing.assert_allclose(seen.passage_terms, in_order(seen, BRUTE.best("terms")), atol=1e-4)


def test_a_filter_chooses_candidates_and_changes_nothing_else(filled: DocumentStore) -> None:
    """Scales, coverage's measure and the signals of those that are let through stay."""
    whole, part = ask(filled), ask(filled, scope=Scope(documents=ONE_KIND, passages=ONE_KIND))
    assert sorted(part.documents) == sorted(document_id(d.source) for d in DOCUMENTS[1::3])
    for name in ("words_scale", "vector_scale", "passage_terms_scale", "passage_vector_scale"):
        assert getattr(part, name) == pytest.approx(getattr(whole, name), rel=1e-6)
    np.testing.assert_allclose(part.terms, in_order(part, BRUTE.terms), atol=1e-4)
    np.testing.assert_allclose(part.passage_vector, in_order(part, BRUTE.best("vector")), atol=1e-4)  # type: ignore[arg-type]


def test_what_is_not_among_the_best_is_asked_for_or_taken_as_the_last(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidates are the best by any signal; of passages only those of the best are known."""
    monkeypatch.setattr(module, "CANDIDATES", 2)
    monkeypatch.setattr(best_module, "PASSAGES", 9)
    monkeypatch.setattr(passage_module, "_ENOUGH_DOCUMENTS", 1)
    seen = ask(filled)
    best = {
        document_id(DOCUMENTS[i].source)
        for values in (
            BRUTE.terms,
            BRUTE.pairs,
            BRUTE.vector,
            BRUTE.best("terms"),
            BRUTE.best("vector"),
        )
        for i in np.argsort(-values, kind="stable")[:2]
    }
    assert set(seen.documents) == best
    assert len(best) < len(DOCUMENTS)
    np.testing.assert_allclose(seen.terms, in_order(seen, BRUTE.terms), atol=1e-4)
    np.testing.assert_allclose(seen.vector, in_order(seen, BRUTE.vector), atol=1e-4)
    for ours, name in ((seen.passage_terms, "terms"), (seen.passage_vector, "vector")):
        floor = np.sort(BRUTE.of_passages[name])[-9]
        known = in_order(seen, BRUTE.best(name))
        np.testing.assert_allclose(ours, np.maximum(known, floor), atol=1e-4)  # type: ignore[arg-type]
        assert (known < floor).any()


def test_one_long_document_does_not_hide_the_others(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the best passages are of few documents, those of the others are asked for."""
    monkeypatch.setattr(best_module, "PASSAGES", 5)
    monkeypatch.setattr(best_module, "_MOST_ROUNDS", 100)
    monkeypatch.setattr(passage_module, "_ENOUGH_DOCUMENTS", len(DOCUMENTS))
    seen = ask(filled)
    for ours, name in ((seen.passage_terms, "terms"), (seen.passage_vector, "vector")):
        np.testing.assert_allclose(ours, in_order(seen, BRUTE.best(name)), atol=1e-4)  # type: ignore[arg-type]


def test_scales_come_from_a_sample_of_larger_collections(
    filled: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same one for every query and filter, and large collections are not read whole."""
    monkeypatch.setattr(module, "SAMPLE", 10)
    monkeypatch.setattr(module, "PASSAGE_SAMPLE", 20)
    monkeypatch.setattr(passage_module, "SAMPLE", 20)
    whole, part = ask(filled), ask(filled, scope=Scope(documents=ONE_KIND, passages=ONE_KIND))
    chosen = [bucket(document_id(d.source)) < BUCKETS * 10 / len(DOCUMENTS) for d in DOCUMENTS]
    assert 2 < sum(chosen) < 20
    assert whole.vector_scale == pytest.approx(BRUTE.vector[chosen].std(), abs=1e-4)
    assert whole.vector_scale == part.vector_scale
    assert whole.passage_terms_scale != pytest.approx(BRUTE.of_passages["terms"].std(), abs=1e-4)


def test_without_passages_only_documents_are_asked(filled: DocumentStore) -> None:
    """A collection that keeps none has no such signals."""
    seen = ask(filled, with_passages=False)
    assert (seen.passage_terms, seen.passage_vector) == (None, None)
    np.testing.assert_allclose(seen.terms, in_order(seen, BRUTE.terms), atol=1e-4)


def test_a_query_without_words_is_all_meaning(filled: DocumentStore) -> None:
    """Stopwords only: no terms, no coverage, scales that can be divided by."""
    steps = gather(
        Question(QueryWords.plain([]), vector_of("x")),
        with_passages=True,
        scope=Scope(),
        place=filled.place,
    )
    seen = run(steps, filled.place)
    assert not seen.terms.any()
    assert not seen.pairs.any()
    assert (seen.words, seen.coverage, seen.words_scale, seen.passage_terms_scale) == (0, 0, 1, 1)
    assert len(seen.documents) == len(DOCUMENTS)


def test_an_empty_collection_has_no_evidence(store: DocumentStore) -> None:
    """Nothing is found, and nothing divided by zero."""
    seen = ask(store)
    assert seen.documents == ()
    assert len(seen.terms) == len(seen.passages) == 0
    assert seen.words_scale == seen.vector_scale == 1.0
    assert seen.coverage == 0.0


def test_a_vector_is_needed(filled: DocumentStore) -> None:
    """Evidence of words alone is not what the weights were chosen for."""
    steps = gather(
        Question(QueryWords.plain(["a"]), None),
        with_passages=True,
        scope=Scope(),
        place=filled.place,
    )
    with pytest.raises(ValueError, match="vector"):
        run(steps, filled.place)


@pytest.mark.parametrize(("total", "wanted"), [(4000, 512), (4000, 1000), (3000, 1499)])
def test_about_the_wanted_share_is_drawn(total: int, wanted: int) -> None:
    """Ids are as good as random; the bounds are five standard deviations."""
    drawn = sample_filter(total, wanted)
    assert isinstance(drawn, Filter)
    below = drawn.must[0].range.lt  # type: ignore[index,union-attr]
    ids = (str(uuid5(UUID(int=7), str(number))) for number in range(total))
    count = sum(bucket(each) < below for each in ids)
    spread = math.sqrt(total * wanted / total * (1 - wanted / total))
    assert abs(count - wanted) <= 5 * spread + 1


def test_all_of_a_small_collection_is_drawn() -> None:
    """No filter where there are no more points than are wanted."""
    assert sample_filter(512, 512) is None
    assert sample_filter(0, 512) is None
