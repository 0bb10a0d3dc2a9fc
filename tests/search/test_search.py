"""Search, in all modes and wherever the collection lies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.search.adaptive import adaptive_count
from longembed_rag.search.filters import parse_filters
from longembed_rag.search.results import SearchResult
from longembed_rag.search.search import MODES, SearchOptions, search_documents
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.store.corpora import Killed, killed_after, random_documents
from tests.store.fakes import make_document, tokens_of, vector_of
from tests.stores import ENGINES, Opener, ensure, filled_everywhere, find, in_places

DOCUMENTS = {each.source: each for each in random_documents(20, seed=50, longest=32)}
QUERIES = ["w0 w3 w17", "w2", "w1 w1 w40 w41 w42 w43", "zzz"]
LEASE = "The tenant signs the lease. The landlord keeps the other copy of the lease for a year."
#: Signals of each mode, and of its passages.
SIGNALS = {
    "hybrid": (
        {"terms", "pairs", "vector", "passage_terms", "passage_vector", "passage_late"},
        {"terms", "vector", "late"},
    ),
    "dense": ({"vector"}, {"vector"}),
    "sparse": ({"terms"}, {"terms"}),
    "passages": ({"passage_late"}, {"vector", "late"}),
    "late": ({"passage_late"}, {"terms", "vector", "late"}),
}
every_mode_somewhere = in_places(("filled", "mode"), MODES)


@pytest.fixture(scope="module")
def everywhere() -> Iterator[dict[str, DocumentStore]]:
    """The same collection in both engines and on a server."""
    with filled_everywhere(DOCUMENTS.values(), language="none") as stores:
        yield stores


@pytest.fixture(params=ENGINES)
def filled(request: pytest.FixtureRequest, everywhere: dict[str, DocumentStore]) -> DocumentStore:
    """That collection in one of the places, or where a test says; to read only."""
    return everywhere[request.param]


def plain(result: SearchResult) -> dict[str, object]:
    """All of a result but its numbers."""
    return {
        **{name: getattr(result, name) for name in ("source", "text", "metadata", "document_id")},
        "passages": [(each.start, each.end, each.text) for each in result.passages],
        "snippet": result.snippet and result.snippet.marked(),
    }


def numbers(result: SearchResult) -> dict[str, float]:
    """All of its numbers."""
    found = {"score": result.score}
    for kind in ("parts", "signals"):
        found.update({f"{kind} {name}": n for name, n in getattr(result, kind).items()})
    for place, passage in enumerate(result.passages):
        found[f"{place}"] = passage.score
        found.update({f"{place} {name}": score for name, score in passage.scores.items()})
    return found


@pytest.mark.parametrize(
    ("mode", "query"),
    [  # each mode with two queries, and the rest
        pytest.param(mode, query, marks=() if (turn - place) % 4 < 2 else pytest.mark.slow)
        for turn, mode in enumerate(MODES)
        for place, query in enumerate(QUERIES)
    ],
)
def test_all_places_answer_alike(
    everywhere: dict[str, DocumentStore], mode: str, query: str
) -> None:
    """The same documents, passages and snippets in the same order, with the same numbers."""
    answers = {
        engine: find(store, query, mode=mode, limit=20) for engine, store in everywhere.items()
    }
    expected = answers.pop("edge")
    assert expected or (mode, query) == ("sparse", "zzz")
    for found in answers.values():
        assert [plain(each) for each in found] == [plain(each) for each in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert numbers(ours) == pytest.approx(numbers(theirs), abs=1e-4)


@every_mode_somewhere
def test_results_explain_themselves(filled: DocumentStore, mode: str) -> None:
    """Parts sum up to the score, the best comes first, and spans index into the text."""
    found = find(filled, QUERIES[0], mode=mode, limit=30)
    of_documents, of_passages = SIGNALS[mode]
    assert len(found) > 10
    assert all(first.score >= second.score for first, second in pairwise(found))
    for result in found:
        assert set(result.parts) == set(result.signals) == of_documents
        assert sum(result.parts.values()) == pytest.approx(result.score, abs=1e-5)
        text = DOCUMENTS[result.source].text
        assert (result.text, result.document_id) == (text, document_id(result.source))
        assert len(result.passages) == min(3, len(DOCUMENTS[result.source].passages))
        assert all(a.score >= b.score for a, b in pairwise(result.passages))
        for passage in result.passages:
            assert text[passage.start : passage.end] == passage.text
            assert set(passage.scores) <= of_passages
            assert "vector" in passage.scores or mode == "sparse"
        first = result.passages[0]
        assert (result.passage, result.span, result.passage_score) == (
            first.text, (first.start, first.end), first.score,
        )  # fmt: skip


@pytest.mark.parametrize("mode", ["passages", "late"])
def test_tokens_are_compared(filled: DocumentStore, mode: str) -> None:
    """Scores are MaxSim of the signs of tokens: of the best passage, and of each."""
    query = tokens_of(QUERIES[0]).astype(np.float64)
    expected = {}
    for source, document in DOCUMENTS.items():
        for each in document.passages:
            signs = np.where(tokens_of(document.text[each.start : each.end]) > 0, 1, -1)
            expected[source, each.start] = (query @ signs.T / 4).max(axis=1).mean()
    found = find(filled, QUERIES[0], mode=mode, limit=30, passages=100)
    assert len(found) == len(DOCUMENTS)
    for result in found:
        scores = [score for (source, _), score in expected.items() if source == result.source]
        assert result.score == pytest.approx(max(scores), abs=1e-5)
        for passage in result.passages:
            assert passage.score == pytest.approx(expected[result.source, passage.start], abs=1e-5)


def test_without_its_tokens_a_query_compares_none(filled: DocumentStore) -> None:
    """Whoever brings a vector alone searches as in a collection that keeps none."""
    options = SearchOptions(mode="hybrid", limit=3)
    found = search_documents(filled, "w1", vector=vector_of("w1"), options=options)
    assert "passage_late" not in found[0].signals
    with pytest.raises(SettingsError, match="the vectors of the query's tokens"):
        search_documents(filled, "w1", vector=vector_of("w1"), options=SearchOptions(mode="late"))
    with pytest.raises(SettingsError, match="another model's"):
        search_documents(filled, "w1", vector=vector_of("w1"), tokens=np.ones((2, 3), np.float32))


def test_dense_and_passages_compare_vectors(filled: DocumentStore) -> None:
    """Where no tokens are compared scores are cosines: of documents, of best passages."""
    vector = vector_of(QUERIES[0])
    for mode, expected in (
        ("dense", {source: d.embedding @ vector for source, d in DOCUMENTS.items()}),
        ("passages", {s: (d.passage_embeddings @ vector).max() for s, d in DOCUMENTS.items()}),
    ):
        options = SearchOptions(mode=mode, limit=30, passages=100)  # type: ignore[arg-type]
        found = search_documents(filled, QUERIES[0], vector=vector, options=options)
        assert {each.source: each.score for each in found} == pytest.approx(expected, abs=1e-4)
        for result in found:
            document = DOCUMENTS[result.source]
            spans = {(p.start, p.end): i for i, p in enumerate(document.passages)}
            for passage in result.passages:
                cosine = document.passage_embeddings[spans[passage.start, passage.end]] @ vector
                assert passage.score == pytest.approx(cosine, abs=1e-4)


@every_mode_somewhere
def test_limits_cut_the_same_ranking_shorter(filled: DocumentStore, mode: str) -> None:
    """Fewer documents are the first of more; likewise of passages, and none is none."""
    whole = [each.source for each in find(filled, QUERIES[0], mode=mode, limit=30)]
    assert [each.source for each in find(filled, QUERIES[0], mode=mode, limit=3)] == whole[:3]
    assert [each.source for each in find(filled, QUERIES[0], mode=mode)] == whole[:5]
    many = find(filled, QUERIES[0], mode=mode, limit=1, passages=5)[0].passages
    (one,) = find(filled, QUERIES[0], mode=mode, limit=1, passages=1)
    assert [each.text for each in one.passages] == [each.text for each in many[:1]]
    assert 1 < len(many) <= 5
    (none,) = find(filled, QUERIES[0], mode=mode, limit=1, passages=0)
    assert (none.passages, none.passage, none.span) == ((), None, None)
    assert none.snippet is not None


@every_mode_somewhere
def test_adaptive_stops_at_the_largest_gap(filled: DocumentStore, mode: str) -> None:
    """As many documents, and passages of each, as the gaps between their scores say."""
    ranked = find(filled, QUERIES[0], mode=mode, limit=30, passages=100)
    found = find(filled, QUERIES[0], mode=mode, adaptive=True)
    count = adaptive_count([each.score for each in ranked])
    assert [each.source for each in found] == [each.source for each in ranked[:count]]
    for result, whole in zip(found, ranked, strict=False):
        scores = [each.score for each in whole.passages]
        assert len(result.passages) == adaptive_count(scores, most=min(10, len(scores)))
    assert len(find(filled, QUERIES[0], mode=mode, adaptive=True, limit=1)) == 1


@every_mode_somewhere
def test_filters_leave_the_rest_of_the_ranking(filled: DocumentStore, mode: str) -> None:
    """What passes is found, by one signal with the same scores in the same order."""
    whole = find(filled, QUERIES[0], mode=mode, limit=30)
    for expression, kinds in (("kind=k1", {"k1"}), ("kind!=k1", {"k0", "k2"}), ("kind=no", set())):
        matching = parse_filters([expression])
        found = find(filled, QUERIES[0], mode=mode, limit=30, filter=matching)
        expected = [each for each in whole if each.metadata["kind"] in kinds]
        assert {each.source for each in found} == {each.source for each in expected}
        # How far words are trusted is told by the best document that is looked at.
        if mode != "hybrid":
            assert [each.source for each in found] == [each.source for each in expected]
            assert [e.score for e in found] == pytest.approx([e.score for e in expected], abs=1e-4)


def test_what_is_filtered_by_is_indexed(everywhere: dict[str, DocumentStore]) -> None:
    """A server in strict mode refuses to filter by other fields; each index is made once."""
    store = everywhere["server"]
    find(store, "w1", filter=parse_filters(["kind=k1"]))
    for name in ("documents", "documents.passages"):
        assert "kind" in store.client.get_collection(name).payload_schema


def test_snippets_can_be_left_out(store: DocumentStore) -> None:
    """Without them, everything else is the same."""
    store.upsert(make_document("/lease.txt", LEASE))
    for mode in MODES:
        answers = [
            search_documents(
                store,
                "leases and tenants",
                vector=vector_of("lease"),
                tokens=tokens_of("lease"),
                options=SearchOptions(mode=mode, passages=0, snippets=snippets),  # type: ignore[arg-type]
            )
            for snippets in (True, False)
        ]
        with_snippets, without = answers
        assert with_snippets
        assert all(result.snippet is not None for result in with_snippets)
        for one, other in zip(without, with_snippets, strict=True):
            assert plain(one) == {**plain(other), "snippet": None}
            # The second search knows what the first one found out, which moves the last digits.
            assert numbers(one) == pytest.approx(numbers(other), rel=1e-5)


def test_snippets_mark_the_words_that_match(store: DocumentStore) -> None:
    """Of the best passage, by their stems."""
    store.upsert(make_document("/lease.txt", LEASE))
    (result,) = find(store, "leases and tenants", mode="sparse")
    assert result.snippet is not None
    assert result.passage == "The tenant signs the"
    assert result.snippet.marked() == "The **tenant** signs the"
    assert result.to_dict()["snippet"] == "The **tenant** signs the"


def test_a_query_of_stopwords_only_is_no_error(store: DocumentStore) -> None:
    """Words find nothing then; what is meant can still be compared."""
    store.upsert(make_document("/lease.txt", LEASE))
    for mode in MODES:
        found = find(store, "what is the", mode=mode)
        assert [each.source for each in found] == ([] if mode == "sparse" else ["/lease.txt"])
        for result in found:
            assert result.snippet is not None
            assert result.snippet.marks == ()
            assert result.signals.get("terms", 0.0) == 0.0


def test_nothing_there_is_found_as_nothing(store: DocumentStore) -> None:
    """An empty collection has no answers, adaptive or not."""
    for mode in MODES:
        assert find(store, "lease", mode=mode) == []
        assert find(store, "lease", mode=mode, adaptive=True) == []


def test_a_collection_without_passages_answers_with_documents(opener: Opener) -> None:
    """All modes but that of passages, which is refused by name."""
    with opener() as store:
        ensure(store, passages=False)
        for source, text in (("/lease.txt", LEASE), ("/plums.txt", "plums ripen late")):
            document = make_document(source, text)
            nothing = document.passage_embeddings[:0]
            store.upsert(make_document(source, text, passages=(), passage_embeddings=nothing))
        for mode in ("hybrid", "dense", "sparse"):
            first = find(store, "tenant signs a lease", mode=mode)[0]
            assert (first.source, first.passages) == ("/lease.txt", ())
            assert first.snippet is not None
            assert "**tenant**" in first.snippet.marked()
            assert not {"passage_terms", "passage_vector"} & set(first.parts)
        with pytest.raises(SettingsError, match=r"mode='passages'.*'documents' keeps no passages"):
            find(store, "lease", mode="passages")


def test_passages_of_another_version_are_not_shown(opener: Opener) -> None:
    """While a new version is being written, each answer shows one version only."""
    old, new = (make_document("/a.txt", f"{word} " * 12 + "lease") for word in ("old", "new"))
    with opener() as store:
        ensure(store).upsert(old)
        with pytest.raises(Killed), killed_after(store, 2):
            store.upsert(new)
        assert store.info().passages > len(old.passages)
        for mode in MODES:
            for result in find(store, "new lease", mode=mode, passages=100):
                assert result.text == old.text
                assert len(result.passages) <= len(old.passages)
                assert not any("new" in passage.text for passage in result.passages)
        # Nor do they lift the document that is not theirs yet.
        cosines = [float(row @ vector_of("new lease")) for row in old.passage_embeddings]
        options = SearchOptions(mode="passages")
        (result,) = search_documents(
            store, "new lease", vector=vector_of("new lease"), options=options
        )
        assert result.score == pytest.approx(max(cosines), abs=1e-5)
    with opener() as store:
        with pytest.raises(Killed), killed_after(store, 3):
            store.upsert(new)
        for mode in MODES:
            (result,) = find(store, "old new lease", mode=mode, passages=100)
            assert result.text == new.text
            assert not any("old" in passage.text for passage in result.passages)


def test_a_document_that_is_gone_meanwhile_is_passed_over(store: DocumentStore) -> None:
    """Passages that outlive their document for a moment are no answer."""
    store.upsert(make_document("/a.txt", "lease one"))
    store.upsert(make_document("/b.txt", "lease two"))
    store.client.delete("documents", points_selector=[document_id("/a.txt")], wait=True)
    for mode in MODES:
        assert [each.source for each in find(store, "lease one", mode=mode)] == ["/b.txt"]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "passages"])
def test_a_missing_vector_is_refused(filled: DocumentStore, mode: str) -> None:
    """Only the mode of words alone does without."""
    with pytest.raises(SettingsError, match=f"mode='{mode}' needs the query's vector"):
        search_documents(filled, "w1", options=SearchOptions(mode=mode))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="mode='hybrid' needs"):
        search_documents(filled, "w1")
    assert search_documents(filled, "w1", options=SearchOptions(mode="sparse"))
    assert SearchOptions(mode=mode).needs_vector  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "magic"}, "mode='magic' is not one of: hybrid, dense, sparse, passages"),
        ({"limit": 0}, "limit=0 must be at least 1"),
        ({"limit": -3}, "limit=-3 must be at least 1"),
        ({"passages": -1}, "passages=-1 must not be negative"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    """Asking for no results is a mistake, not an empty answer."""
    with pytest.raises(SettingsError, match=message):
        SearchOptions(**options)  # type: ignore[arg-type]


def test_adaptive_looks_further_unless_told() -> None:
    """Without a limit it may give 50 documents with 10 passages, else 5 with 3."""
    fixed, adaptive = SearchOptions(), SearchOptions(adaptive=True)
    assert (fixed.most, fixed.most_passages) == (5, 3)
    assert (adaptive.most, adaptive.most_passages) == (50, 10)
    told = SearchOptions(adaptive=True, limit=7, passages=0)
    assert (told.most, told.most_passages) == (7, 0)


def test_a_vector_of_another_length_is_refused(filled: DocumentStore) -> None:
    """A query of another model's is told as what it is."""
    with pytest.raises(SettingsError, match="another model's"):
        search_documents(filled, "w1", vector=np.ones(7, dtype=np.float32))


def test_a_filter_on_what_only_documents_say_holds_for_their_passages_too(
    filled: DocumentStore,
) -> None:
    """Excluding a document by LlamaIndex's fields excludes it in every mode."""
    from qdrant_client.models import FieldCondition, Filter, MatchValue

    everything = found_sources(filled, "w1 w2", None)
    named = FieldCondition(key="doc_id", match=MatchValue(value=everything[0]))
    for mode in MODES:
        left = found_sources(filled, "w1 w2", Filter(must_not=[named]), mode)
        assert everything[0] not in left
        assert found_sources(filled, "w1 w2", Filter(must=[named]), mode) == [everything[0]]


def found_sources(
    store: DocumentStore, text: str, matching: object, mode: str = "hybrid"
) -> list[str]:
    """Which documents a search gives, best first."""
    options = SearchOptions(mode=mode, limit=50, filter=matching)  # type: ignore[arg-type]
    return [
        each.source
        for each in search_documents(
            store, text, vector=vector_of(text), tokens=tokens_of(text), options=options
        )
    ]


def test_more_than_a_search_gives_is_refused() -> None:
    """A limit out of all bounds is told before it reaches an engine."""
    with pytest.raises(SettingsError, match="10,000"):
        SearchOptions(limit=10**30)


@every_mode_somewhere
def test_vectors_come_where_they_are_asked_for(filled: DocumentStore, mode: str) -> None:
    """They are those that documents and passages were written with, and change nothing else."""
    plainly, found = (find(filled, QUERIES[0], mode=mode, vectors=each) for each in (False, True))
    assert list(map(plain, found)) == list(map(plain, plainly))
    assert all(each.vector is None for each in plainly)
    assert all(passage.vector is None for each in plainly for passage in each.passages)
    for result in found:
        written = DOCUMENTS[result.source]
        assert result.vector is not None
        np.testing.assert_allclose(result.vector, written.embedding, atol=1e-6)
        spans = [(each.start, each.end) for each in written.passages]
        assert result.passages
        for passage in result.passages:
            expected = written.passage_embeddings[spans.index((passage.start, passage.end))]
            assert passage.vector is not None
            np.testing.assert_allclose(passage.vector, expected, atol=1e-6)


def test_vectors_of_a_document_without_passages(filled: DocumentStore) -> None:
    """None are asked for that are not shown."""
    (result,) = find(filled, QUERIES[0], limit=1, passages=0, vectors=True)
    assert (result.passages, result.vector is None) == ((), False)
    assert "vector" not in result.to_dict()
