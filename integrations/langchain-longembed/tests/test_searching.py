"""What a LongVectorStore finds: filters, scores, diversity, retrievers, and the event loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TOPICS, Frees
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_longembed import LongVectorStore
from langchain_longembed._searching import _cosines
from longembed_rag import Library, LongEncoder
from longembed_rag.errors import InputError, SettingsError

QUERY = "who signed the lease of the house?"
SHORT = {"year": {"$exists": True}}


def _names(documents: Any) -> list[str]:
    return [each.metadata["document_id"] for each in documents]


@pytest.mark.parametrize(
    ("matching", "expected"),
    [
        ({"topic": "ship"}, {"ship"}),
        ({"year": {"$gte": 2001, "$lt": 2003}}, {"garden", "ship"}),
        ({"$or": [{"topic": "ship"}, {"year": 2004}]}, {"ship", "bread"}),
        ("year>=2003", {"stars", "bread"}),
        (["year>=2003", "topic!=bread"], {"stars"}),
    ],
)
def test_filters_say_which_documents_are_looked_at(
    topics: Library, matching: Any, expected: set[str]
) -> None:
    """Dictionaries and expressions, in every search."""
    store = LongVectorStore(topics)
    options: dict[str, Any] = {"k": 9, "filter": matching}
    vector = store.embeddings.embed_query(QUERY)
    assert set(_names(store.similarity_search(QUERY, **options))) == expected
    assert set(_names(store.similarity_search_by_vector(vector, **options))) == expected
    assert set(_names(store.max_marginal_relevance_search(QUERY, **options))) == expected
    by_vector = store.max_marginal_relevance_search_by_vector(vector, **options)
    assert set(_names(by_vector)) == expected
    scored = store.similarity_search_with_relevance_scores(QUERY, **options)
    assert set(_names(each for each, _ in scored)) == expected


def test_qdrants_own_filter_is_taken(topics: Library) -> None:
    """A Filter of qdrant-client's, as it stands."""
    from qdrant_client.models import FieldCondition, Filter, MatchValue

    ships = Filter(must=[FieldCondition(key="topic", match=MatchValue(value="ship"))])
    assert _names(LongVectorStore(topics).similarity_search(QUERY, filter=ships)) == ["ship"]


def test_wrong_options_are_refused(topics: Library) -> None:
    """What is unknown or out of range says so, when a store is made or searched."""
    with pytest.raises(SettingsError, match="mode='magic' is not one of"):
        LongVectorStore(topics, mode="magic")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="returns='chunks' is not one of"):
        LongVectorStore(topics, returns="chunks")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="passages_per_document=0"):
        LongVectorStore(topics, passages_per_document=0)
    store = LongVectorStore(topics)
    with pytest.raises(SettingsError, match="unknown option where; known are: k, filter"):
        store.similarity_search(QUERY, where={})
    with pytest.raises(SettingsError, match="k=0"):
        store.similarity_search(QUERY, k=0)
    with pytest.raises(SettingsError, match="filter"):
        store.similarity_search(QUERY, filter={"year": {"$near": 2003}})
    with pytest.raises(InputError, match="empty"):
        store.similarity_search("  ")


@pytest.mark.parametrize("returns", ["passages", "documents"])
@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse", "passages", "late"])
def test_scores_are_the_documents_and_better_ones_come_first(
    topics: Library, mode: Any, returns: Any
) -> None:
    """As in the library's own search, in every mode."""
    store = LongVectorStore(topics, mode=mode, returns=returns, passages_per_document=1)
    expected = topics.search(QUERY, mode=mode, limit=6)
    found = store.similarity_search_with_score(QUERY, k=6)
    assert [score for _, score in found] == [each.score for each in expected]
    assert [(each.id or "").partition("#")[0] for each, _ in found] == [
        each.source for each in expected
    ]
    assert found[0][1] == max(score for _, score in found)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "passages"])
@pytest.mark.parametrize("returns", ["passages", "documents"])
def test_relevance_is_the_cosine_from_0_to_1(
    topics: Library, encoder: LongEncoder, mode: Any, returns: Any
) -> None:
    """Of the vector of what is returned, in hybrid too, whose own scores have no scale.

    Whole documents found by their passages are as relevant as the tokens of the best one match.
    """
    store = LongVectorStore(topics, mode=mode, returns=returns)
    query = encoder.encode([QUERY], kind="query").embeddings[0]
    relevant = store.similarity_search_with_relevance_scores(QUERY, k=5, filter=SHORT)
    texts = [each.page_content for each, _ in relevant]
    if returns == "documents" and mode == "passages":
        matches = [each.score for each in topics.search(QUERY, mode=mode, limit=5, filter=SHORT)]
        np.testing.assert_allclose([score for _, score in relevant], (1 + np.array(matches)) / 2)
        assert matches[0] == max(matches) > 0.2
        return
    if returns == "documents":
        vectors = encoder.encode(texts).embeddings
    else:  # of the one passage of each
        vectors = np.stack([encoder.encode_passages(text).embeddings[0] for text in texts])
    expected = (1 + _cosines(query, vectors)) / 2
    np.testing.assert_allclose([score for _, score in relevant], expected, atol=1e-5)
    assert relevant[0][1] > 0.8 > 0.7 > min(score for _, score in relevant)


async def test_relevance_of_a_passage_is_its_own(topics: Library) -> None:
    """Passages of one document differ, and a threshold drops those that say nothing of it."""
    store = LongVectorStore(topics, passages_per_document=20)
    options: dict[str, Any] = {"k": 20, "filter": {"page": 7}}
    found = store.similarity_search_with_relevance_scores(QUERY, **options)
    scores = [score for _, score in found]
    assert max(scores) - min(scores) > 0.1
    threshold = (max(scores) + min(scores)) / 2
    kept = await store.asimilarity_search_with_relevance_scores(
        QUERY, score_threshold=threshold, **options
    )
    assert kept == [(each, score) for each, score in found if score >= threshold]
    assert 0 < len(kept) < len(found)


def test_scores_without_a_scale_are_not_given_one(topics: Library) -> None:
    """Words have no relevance from 0 to 1; hybrid's own score is not mapped to one."""
    sparse, hybrid = LongVectorStore(topics, mode="sparse"), LongVectorStore(topics)
    with pytest.raises(SettingsError, match="mode='sparse'"):
        sparse.similarity_search_with_relevance_scores(QUERY)
    for store in (sparse, hybrid):
        with pytest.raises(SettingsError, match="no fixed scale"):
            store._select_relevance_score_fn()
    of_cosines = LongVectorStore(topics, mode="dense")._select_relevance_score_fn()
    assert [of_cosines(each) for each in (-1.0, 0.0, 1.0, 1.0000001)] == [0.0, 0.5, 1.0, 1.0]


def test_by_vector_finds_what_the_query_finds(topics: Library) -> None:
    """The vector that embed_query makes, in place of the query; it brings no tokens to compare."""
    for mode in ("dense", "passages"):
        store = LongVectorStore(topics, mode=mode)  # type: ignore[arg-type]
        vector = store.embeddings.embed_query(QUERY)
        found = store.similarity_search_by_vector(vector, k=5)
        by_query = store.similarity_search(QUERY, k=5)
        assert mode == "passages" or found == by_query
        assert found[0].metadata["document_id"] == by_query[0].metadata["document_id"]
    with pytest.raises(SettingsError, match="shape"):
        store.similarity_search_by_vector([1.0, 0.0])


@pytest.mark.parametrize("returns", ["passages", "documents"])
def test_diversity_changes_the_order(store: LongVectorStore, returns: Any) -> None:
    """Near-copies of the best come last where difference counts, first where it does not."""
    texts = [f"The lease of the house was signed by the tenant in {m}." for m in ("May", "June")]
    store.add_texts([*texts, TOPICS["ship"]], ids=["may", "june", "ship"])
    store = LongVectorStore(store.library, returns=returns)

    def order(found: Any) -> list[str]:
        return [(each.id or "").partition("#")[0] for each in found]

    alike = store.max_marginal_relevance_search(QUERY, k=3, lambda_mult=1.0)
    assert set(order(alike)[:2]) == {"may", "june"}
    diverse_ones = store.max_marginal_relevance_search(QUERY, k=2, lambda_mult=0.1)
    assert order(diverse_ones) == [order(alike)[0], "ship"]
    vector = store.embeddings.embed_query(QUERY)
    by_vector = store.max_marginal_relevance_search_by_vector(vector, k=2, lambda_mult=0.1)
    assert order(by_vector) == order(diverse_ones)
    # What is not looked at cannot be chosen.
    near = store.max_marginal_relevance_search(QUERY, k=2, fetch_k=2, lambda_mult=0.1)
    assert set(order(near)) == {"may", "june"}


def test_what_has_no_vector_is_like_nothing(store: LongVectorStore) -> None:
    """A vector without length has the cosine 0, and of nothing nothing is chosen."""
    query = np.ones(8, dtype=np.float32)
    nothing = np.zeros((1, 8), dtype=np.float32)
    assert _cosines(query, nothing).tolist() == [0.0]
    assert maximal_marginal_relevance(query, [*nothing.tolist(), query.tolist()], k=2) == [1, 0]
    assert store.max_marginal_relevance_search(QUERY, k=3) == []


async def test_as_retriever_takes_every_search_type(topics: Library) -> None:
    """Similarity, MMR and a threshold, sync and async, over passages."""
    store = LongVectorStore(topics)
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("similarity", {"k": 2}),
        ("mmr", {"k": 2, "fetch_k": 10, "lambda_mult": 0.3}),
        ("similarity_score_threshold", {"k": 4, "score_threshold": 0.6}),
    ]
    for kind, options in kinds:
        retriever = store.as_retriever(search_type=kind, search_kwargs={**options, "filter": SHORT})
        found = retriever.invoke(QUERY)
        assert _names(found)[0] == "lease"
        assert await retriever.ainvoke(QUERY) == found
        assert retriever.tags == ["LongVectorStore", "LongEmbeddings"]


def test_a_collection_without_passages_is_named(tmp_path: Path, encoder: LongEncoder) -> None:
    """Whole texts do not come in place of passages; as documents they do."""
    with Library.open(tmp_path / "store", encoder=encoder, passages=False) as library:
        store = LongVectorStore(library, mode="dense")
        store.add_texts([TOPICS["lease"]], ids=["lease"])
        with pytest.raises(SettingsError, match="'documents' keeps no passages: give returns="):
            store.similarity_search(QUERY)
        whole = LongVectorStore(library, returns="documents")
        assert [each.id for each in whole.similarity_search(QUERY)] == ["lease"]


async def test_async_twins_do_not_block_the_loop(
    topics: Library, leaves_the_loop_free: Frees
) -> None:
    """While the library searches or reads on another thread, the loop runs on."""
    store = LongVectorStore(topics)
    vector = store.embeddings.embed_query(QUERY)
    for searching in (
        store.asimilarity_search(QUERY),
        store.asimilarity_search_with_score(QUERY),
        store.asimilarity_search_with_relevance_scores(QUERY),
        store.asimilarity_search_by_vector(vector),
        store.amax_marginal_relevance_search(QUERY),
        store.amax_marginal_relevance_search_by_vector(vector),
        store.as_retriever().ainvoke(QUERY),
    ):
        assert await leaves_the_loop_free(topics, "search", searching)
    assert await leaves_the_loop_free(topics, "get", store.aget_by_ids(["lease"]))
