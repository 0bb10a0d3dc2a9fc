"""How a server is asked to compare dense vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.points.nearness import EXACT_BELOW, HNSW_EF, Comparing, Nearness
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR, TERMS_VECTOR
from tests.points.fake_qdrant import FakeQdrant
from tests.store.fakes import make_document
from tests.stores import ENCODER, ensure, find


def searches(server: FakeQdrant) -> Sequence[dict[str, Any]]:
    """Every query that came in, the dense ones and those of words."""
    asked = [each.body for each in server.requests if each.path.endswith("/query/batch")]
    return [search for body in asked for search in body["searches"]]


def params(server: FakeQdrant, *, using: str) -> list[dict[str, Any] | None]:
    """How vectors of a name are to be compared, each way once."""
    found: list[dict[str, Any] | None] = []
    for search in searches(server):
        if search["using"] == using and search.get("params") not in found:
            found.append(search.get("params"))
    return found


def asked(
    server: FakeQdrant, nearness: Nearness, *, storage: StorageOptions | None = None, **strict: Any
) -> list[dict[str, Any] | None]:
    """How the vectors of a small collection are compared in a hybrid search."""
    server.strict_mode = {"enabled": True, **strict} if strict else {}
    policy = RetryPolicy(sleep=lambda seconds: None)
    with DocumentStore.open(url=server.url, retries=policy, nearness=nearness) as store:
        store.ensure(
            fingerprint=ENCODER.fingerprint,
            dimension=ENCODER.dimension,
            description=ENCODER.describe(),
            storage=storage,
        )
        store.upsert(make_document("/a.txt", "tenants"))
        store.upsert(make_document("/b.txt", "leases"))
    with DocumentStore.open(url=server.url, retries=policy, nearness=nearness) as store:
        assert [each.source for each in find(store, "tenants", limit=1)] == ["/a.txt"]
    assert params(server, using=TERMS_VECTOR) == [None]
    return params(server, using=DENSE_VECTOR)


APPROXIMATE = Nearness(exact_below=0, hnsw_ef=77)
SCALAR = {"rescore": True, "oversampling": 2.0}


@pytest.mark.parametrize(
    ("nearness", "quantization", "expected"),
    [
        (Nearness(), "none", {"exact": True}),
        (APPROXIMATE, "none", {"hnsw_ef": 77}),
        (Nearness(exact_below=2), "none", {"hnsw_ef": HNSW_EF}),
        (APPROXIMATE, "scalar", {"hnsw_ef": 77, "quantization": SCALAR}),
        (Nearness(), "scalar", {"exact": True}),
    ],
)
def test_small_collections_are_compared_exactly_and_large_ones_widely(
    server: FakeQdrant, nearness: Nearness, quantization: Any, expected: dict[str, Any]
) -> None:
    """Documents and passages alike; words are asked for as ever."""
    storage = StorageOptions(quantization=quantization)
    assert asked(server, nearness, storage=storage) == [expected]


@pytest.mark.parametrize(
    ("nearness", "strict", "expected"),
    [
        (Nearness(), {"search_allow_exact": False}, {"hnsw_ef": HNSW_EF}),
        (APPROXIMATE, {"search_max_hnsw_ef": 50}, {"hnsw_ef": 50}),
        (
            Nearness(),
            {"search_allow_exact": False, "search_max_hnsw_ef": 50},
            {"hnsw_ef": 50},
        ),
    ],
)
def test_a_collections_rules_are_kept(
    server: FakeQdrant, nearness: Nearness, strict: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Qdrant's strict mode may forbid exact comparison, and bound the search through the graph."""
    assert asked(server, nearness, **strict) == [expected]


def test_what_is_asked_for_is_told(server: FakeQdrant, policy: RetryPolicy) -> None:
    """The collection's numbers and options say how vectors are compared."""
    nearness = Nearness(exact_below=1)
    with DocumentStore.open(url=server.url, retries=policy, nearness=nearness) as store:
        store.ensure(fingerprint="f", dimension=16, description={})
        assert store.info().comparing == Comparing(points=0)
        store.upsert(make_document("/a.txt", "tenants"))
    with DocumentStore.open(url=server.url, retries=policy, nearness=nearness) as store:
        compared = store.info().comparing
    assert compared == Comparing(points=1, hnsw_ef=HNSW_EF)
    assert compared.told == f"by HNSW, approximately (1 points): hnsw_ef {HNSW_EF}"
    assert Comparing(points=1200).told == "with every vector (1,200 points)"


def test_the_size_of_a_collection_is_read_once_a_minute(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """No search is dearer for it but the first."""
    remote.upsert(make_document("/a.txt", "tenants"))
    find(remote, "tenants")
    before = server.count("GET", "/collections/documents.passages")
    for _ in range(5):
        find(remote, "tenants", mode="passages")
    assert server.count("GET", "/collections/documents.passages") == before


def test_vectors_on_disk_are_compared_exactly_only_where_there_are_few() -> None:
    """Each would have to be read; whoever names a number means it."""
    assert Nearness().of(EXACT_BELOW - 1).exact
    assert not Nearness().of(EXACT_BELOW - 1, on_disk=True).exact
    assert Nearness(exact_below=EXACT_BELOW).of(EXACT_BELOW - 1, on_disk=True).exact


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"exact_below": -1}, "exact_below=-1 must be from 0"),
        ({"hnsw_ef": 0}, "hnsw_ef=0 must be from 1"),
        ({"hnsw_ef": 2.5}, "hnsw_ef=2.5 must be a whole number"),
    ],
)
def test_a_nearness_that_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    """By name, with what may be."""
    with pytest.raises(SettingsError, match=told):
        Nearness(**given)


def test_an_embedded_store_compares_with_every_vector(folder: Path) -> None:
    """Whatever is asked of servers."""
    with DocumentStore.open(path=folder, nearness=APPROXIMATE) as store:
        info = ensure(store).info()
    assert info.comparing == Comparing()
    assert info.to_dict()["comparing"]["exact"] is True
    assert (info.shards, info.remarks) == (None, ())
