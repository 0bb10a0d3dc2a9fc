"""Where a server's rules are tighter than an embedded store's: the store keeps to them.

Like ``tests/points/test_real_server.py``, on the fake and, where there is one, on a real server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from longembed_rag.errors import LongEmbedError, StoreError
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.search.filters import parse_filters
from longembed_rag.search.search import MODES, search_documents
from longembed_rag.search.syntax import read_query
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import manifest_collection, passages_collection
from tests.points.fake_qdrant import FakeQdrant
from tests.points.real_qdrant import Json, Server, qdrant
from tests.store.corpora import WORDS, random_documents
from tests.store.fakes import DIMENSION, make_document
from tests.stores import ensure, find

__all__ = ["qdrant"]

WORDLESS = "the of and to be or not it is "


@pytest.fixture
def opened(qdrant: Server) -> Iterator[DocumentStore]:
    """A store with the fake encoder's collection, of names of this test's own."""
    with qdrant.open() as store:
        yield ensure(store)


def names(store: DocumentStore) -> list[str]:
    """The three collections of a store."""
    name = store.collection
    return [name, passages_collection(name), manifest_collection(name)]


def limit(qdrant: Server, store: DocumentStore, **limits: Any) -> None:
    """Turn on strict mode for all collections of a store."""
    for name in names(store):
        body = {"strict_mode_config": {"enabled": True, **limits}}
        qdrant.done("PATCH", f"/collections/{name}", body)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WORDLESS * 120, id="no-words"),
        pytest.param(f"{WORDLESS}lease", id="passage-without"),
        pytest.param("lease", id="no-pairs"),
    ],
)
def test_texts_without_words_are_weighed_again(opened: DocumentStore, text: str) -> None:
    """Passages and documents without a word that counts stand in no one's way."""
    opened.upsert(make_document("/few.txt", text))
    opened.upsert(make_document("/tenant.txt", "tenants sign leases every year"))
    assert opened.reweigh() > 0
    assert opened.reweigh() == 0
    assert find(opened, "tenant", mode="sparse")[0].source == "/tenant.txt"
    found = [each.source for each in find(opened, "lease", mode="sparse")]
    assert ("/few.txt" in found) is ("lease" in text)


def test_conditions_hold_as_many_values_as_they_may(qdrant: Server, opened: DocumentStore) -> None:
    """Of many documents and passages some are named in each condition, wanted or not."""
    documents = random_documents(12, seed=5, longest=24)
    for document in documents:
        opened.upsert(document)
    expected = {
        (mode, typed): {
            each.source for each in find(opened, read_query(typed), mode=mode, limit=20)
        }
        for mode in MODES
        for typed in ('w0 "w0"', "w0 w1 w2 -w9")
    }
    assert all(len(sources) > 4 for sources in expected.values())
    limit(qdrant, opened, **INDEXED, condition_max_size=4)
    for (mode, typed), sources in expected.items():
        found = find(opened, read_query(typed), mode=mode, limit=20)
        assert {each.source for each in found} == sources


INDEXED: Json = {"unindexed_filtering_retrieve": False, "unindexed_filtering_update": False}
CONTRACT: Json = {"kind": "contract", "year": 2003, "file_size": 35147, "due": "2026-03-01"}


def test_limits_and_indexes_go_together(qdrant: Server, opened: DocumentStore) -> None:
    """What a field holds is looked up within the limit, too."""
    for number in range(5):
        metadata = {"year": "2003"}
        opened.upsert(make_document(f"/{number}.txt", "the tenant signs", metadata=metadata))
    limit(qdrant, opened, **INDEXED, max_query_limit=4)
    assert len(find(opened, "tenant", filter=parse_filters(["year=2003"]))) == 5


def test_everything_works_where_filters_need_indexes(qdrant: Server, opened: DocumentStore) -> None:
    """Writing, all modes, replacing, removing, recovery and weighing filter by what is indexed."""
    limit(qdrant, opened, **INDEXED)
    documents = random_documents(8, seed=5)
    for document in [*documents, replace(documents[0], metadata={"kind": "new"})]:
        opened.upsert(document)
    for mode in MODES:
        assert find(opened, "w0 w1", mode=mode)
    assert opened.reweigh() > 0
    opened.delete([documents[1].source])
    assert opened.recover() == []
    assert len(opened.complete_sources()) == len(documents) - 1


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("year=2003", True),
        ("year!=2003", False),
        ("file_size=35147", True),
        ("absent=1", False),
        ("year>=2003", True),
        ("year<2003", False),
        ("kind=contract|note", True),
        ("due<2026-03-02", True),
        ("kind~contract", True),
        ("exists:year", True),
        ("path=/", True),
    ],
)
def test_filters_have_the_index_that_they_need(
    qdrant: Server, opened: DocumentStore, expression: str, found: bool
) -> None:
    """Whatever a filter asks for, a server that demands indexes answers it."""
    opened.upsert(make_document("/lease.txt", "the tenant signs", metadata=CONTRACT))
    limit(qdrant, opened, **INDEXED)
    for mode in MODES:
        results = find(opened, "tenant", mode=mode, filter=parse_filters([expression]))
        assert bool(results) is found, mode


@pytest.mark.parametrize(
    "expressions",
    [
        ["number=7", "number>=7"],
        ["number>=7", "number=7"],
        ["number~7", "number=7"],
    ],
)
def test_one_field_is_asked_for_in_two_ways(
    qdrant: Server, opened: DocumentStore, expressions: list[str]
) -> None:
    """A field has one index: who filters otherwise than the one before is answered, too."""
    for name, number in (("/number.txt", 7), ("/text.txt", "7")):
        opened.upsert(make_document(name, "the tenant signs", metadata={"number": number}))
    limit(qdrant, opened, **INDEXED)
    found = [
        {each.source for each in find(opened, "tenant", filter=parse_filters([expression]))}
        for expression in expressions
    ]
    # A field that holds both has one index, and is found by what that holds.
    both = {"/number.txt", "/text.txt"}
    equal = found[expressions.index("number=7")]
    assert equal
    assert equal <= both


def test_the_largest_number_of_points_is_kept_to(qdrant: Server, opened: DocumentStore) -> None:
    """Counting, listing and searching ask for no more at once, and miss nothing."""
    documents = random_documents(12, seed=3, longest=16)
    limit(qdrant, opened, max_query_limit=8)
    for document in documents:
        opened.upsert(document)
    assert len(opened.complete_sources()) == len(opened.entries()) == len(documents)
    assert opened.info().passages == sum(len(each.passages) for each in documents)
    assert opened.reweigh() > 0
    for mode in MODES:
        assert len(find(opened, "w0 w1", mode=mode, limit=8)) == 8


def test_more_documents_than_points_at_once_are_a_sentence_or_an_answer(
    qdrant: Server, opened: DocumentStore
) -> None:
    """Nobody is shown a server's refusal of a number that was never typed."""
    documents = random_documents(12, seed=3, longest=16)
    for document in documents:
        opened.upsert(document)
    limit(qdrant, opened, max_query_limit=8)
    found, refusal = [], ""
    try:
        found = find(opened, "w0", mode="dense", limit=10)
    except LongEmbedError as error:
        refusal = str(error)
    assert len(found) == 10 or ("max_query_limit" in refusal and "8" in refusal)


def test_the_largest_write_is_kept_to(qdrant: Server, opened: DocumentStore) -> None:
    """Documents with more passages than may be written at once are written, and weighed again."""
    limit(qdrant, opened, upsert_max_batchsize=5)
    documents = [make_document(f"/{each}.txt", "tenants sign " * (20 + each)) for each in (0, 60)]
    for document in documents:
        opened.upsert(document)
    assert opened.reweigh() > 0
    assert opened.recover() == []
    assert opened.info().passages == sum(len(each.passages) for each in documents)


def test_the_largest_batch_of_queries_is_kept_to(qdrant: Server, opened: DocumentStore) -> None:
    """A query of many words asks for each in requests that are no larger."""
    for document in random_documents(12, seed=3, longest=16):
        opened.upsert(document)
    query = " ".join(WORDS[:20])
    expected = find(opened, query)
    limit(qdrant, opened, search_max_batchsize=4)
    found = find(opened, query)
    assert [each.source for each in found] == [each.source for each in expected]
    assert [each.score for each in found] == pytest.approx([each.score for each in expected])


def test_an_alias_is_followed_or_refused(qdrant: Server, opened: DocumentStore) -> None:
    """Documents, passages and manifest are those of the collection, and none is made beside it."""
    for document in random_documents(4, seed=3):
        opened.upsert(document)
    action = {"collection_name": opened.collection, "alias_name": qdrant.name("alias")}
    qdrant.done("POST", "/collections/aliases", {"actions": [{"create_alias": action}]})
    refusal = f"alias of {opened.collection}"
    try:
        with qdrant.open("alias") as store:
            ensure(store)
            assert store.recover() == []
            assert store.entries() == opened.entries()
            assert list(store.complete_sources()) == list(opened.complete_sources())
            store.upsert(make_document("/new.txt", "tenants"))
            assert find(store, "tenants", mode="passages")[0].source == "/new.txt"
            assert "/new.txt" in opened.complete_sources()
    except LongEmbedError as error:
        refusal = str(error)
    assert "alias" in refusal.replace(qdrant.name("alias"), "")
    assert opened.collection in refusal
    made = {each["name"] for each in qdrant.done("GET", "/collections")["collections"]}
    assert {each for each in made if each.startswith(qdrant.prefix)} == set(names(opened))


def test_collections_are_made_of_one_shard(server: FakeQdrant, policy: RetryPolicy) -> None:
    """A cluster makes several unless it is told, and weighs words in each by themselves."""
    server.shards = 3
    with DocumentStore.open(url=server.url, retries=policy) as store:
        ensure(store)
        told = {name: server.shards_of(name) for name in names(store)}
    assert set(told.values()) == {1}


def test_a_cluster_answers_as_one_server_does(server: FakeQdrant, policy: RetryPolicy) -> None:
    """The same documents with the same scores, whatever the cluster makes unasked."""
    scores: list[dict[str, float]] = []
    for shards, collection in ((1, "one"), (3, "three")):
        server.shards = shards
        with DocumentStore.open(url=server.url, collection=collection, retries=policy) as store:
            ensure(store)
            for document in random_documents(20, seed=7, longest=24):
                store.upsert(document)
            found = find(store, "w0 w5 w9", mode="sparse", limit=20)
            scores.append({each.source: each.score for each in found})
    assert scores[0] == pytest.approx(scores[1])


NODE = "http://10.0.0.3:6335/"


@pytest.mark.parametrize("resolves", [True, False])
def test_a_missing_node_is_named(server: FakeQdrant, remote: DocumentStore, resolves: bool) -> None:
    """A collection of which a part cannot be reached is incomplete; its server does answer.

    A node whose name leads nowhere any more is only told by ``/cluster``.
    """
    remote.upsert(make_document("/a.txt", "tenants"))
    server.missing, server.resolves = {0: NODE}, resolves
    told = r"is incomplete: node .*10\.0\.0\.3:6335.* is missing"
    for call in (remote.record, remote.sources, lambda: find(remote, "tenants", mode="sparse")):
        with pytest.raises(StoreError, match=told) as caught:
            call()
        assert "does not answer" not in str(caught.value)
    with pytest.raises(StoreError, match=told):
        remote.upsert(make_document("/b.txt", "leases"))
    server.missing = {}
    assert list(remote.sources()) == ["/a.txt"]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_no_query_that_is_not_finite_is_sent(
    server: FakeQdrant, remote: DocumentStore, value: float
) -> None:
    """Refused in a sentence, as documents are that have such vectors."""
    remote.upsert(make_document("/a.txt", "tenants"))
    server.requests.clear()
    vector = np.full(DIMENSION, value, dtype=np.float32)
    with pytest.raises(LongEmbedError, match="finite"):
        search_documents(remote, "tenants", vector=vector)
    assert not [each for each in server.requests if "/query" in each.path]
