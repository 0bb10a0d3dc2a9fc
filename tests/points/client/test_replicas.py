"""Collections with replicas, on a cluster of which a node may be away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qdrant_client.models import ReadConsistencyType

from longembed_rag.errors import CollectionMismatchError, SettingsError, StoreError
from longembed_rag.points.client.cluster import FRESH, Replicas
from longembed_rag.points.client.gateway import Gateway
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.points.spread import Spread
from longembed_rag.points.values import StorageOptions
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant, Fault
from tests.store.fakes import make_document
from tests.stores import ENCODER, find

NEAR, AWAY = "http://10.0.0.2:6335/", "http://10.0.0.3:6335/"
TOLD = "http://10.0.0.3:6335"


def made(store: DocumentStore, **spread: int) -> DocumentStore:
    store.ensure(
        fingerprint=ENCODER.fingerprint,
        dimension=ENCODER.dimension,
        description=ENCODER.describe(),
        options=IndexOptions(late_interaction="off"),
        storage=StorageOptions(**spread),
    )
    return store


@pytest.fixture
def store(server: FakeQdrant, policy: RetryPolicy) -> Iterator[DocumentStore]:
    """A collection of two replicas on a cluster of three nodes, with a document in it."""
    server.living = (NEAR,)
    with DocumentStore.open(url=server.url, retries=policy) as opened:
        made(opened, replicas=2).upsert(make_document("/a.txt", "tenants"))
        yield opened


def told(store: DocumentStore) -> str:
    """What is to be known of answers, asked for anew."""
    store.place.points.served._replicas._seen.clear()  # type: ignore[union-attr]
    return " ".join(store.place.remarks())


def test_how_a_collection_is_spread_reaches_the_server(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """Documents and passages get the shards, and the manifest one; all of them get the replicas."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        info = made(store, shards=3, replicas=2, write_consistency=2).info()
    assert (info.shards, info.replicas, info.write_consistency) == (3, 2, 2)
    names = ("shard_number", "replication_factor", "write_consistency_factor")
    bodies = {
        each.path.removeprefix("/collections/"): tuple(each.body.get(name) for name in names)
        for each in server.requests
        if each.method == "PUT" and each.path.count("/") == 2
    }
    assert bodies == {
        "documents": (3, 2, 2),
        "documents.passages": (3, 2, 2),
        "documents.manifest": (1, 2, 2),
        "documents.words": (1, 2, 2),
    }


def test_passages_that_were_lost_come_back_as_the_documents_are(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """Nobody says again how they are spread, and they are all the same."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        made(store, shards=2, replicas=2)
        store.client.delete_collection("documents.passages")
        made(store)
        made_again = server.requests[-1].path, server.of_one(("GET", ""), "documents.passages", {})
    params = made_again[1]["config"]["params"]
    assert (params["shard_number"], params["replication_factor"]) == (2, 2)


def test_another_spread_than_the_collections_is_refused(store: DocumentStore) -> None:
    """It cannot be had without a new collection, and who asks for it should know."""
    with pytest.raises(CollectionMismatchError, match="shards is 1 in the collection and 3 now"):
        made(store, shards=3)
    made(store, shards=1, replicas=2)  # what is so may be said


@pytest.mark.parametrize(
    ("spread", "told"),
    [
        ({"shards": 0}, "shards=0 must be from 1"),
        ({"replicas": True}, "replicas=True must be a whole number"),
        ({"replicas": 2, "write_consistency": 3}, "write_consistency=3 is more than replicas=2"),
    ],
)
def test_what_cannot_be_is_refused(spread: dict[str, int], told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(SettingsError, match=told):
        StorageOptions(**spread)


@pytest.mark.parametrize("leads", [True, False])
def test_a_search_goes_on_without_a_node_and_it_is_told(
    server: FakeQdrant, store: DocumentStore, leads: bool
) -> None:
    """Also where the node that is asked has not heard of it, as those that do not lead."""
    assert told(store) == ""
    server.missing, server.leads = {0: AWAY}, leads
    (found,) = find(store, "tenants")
    assert found.source == "/a.txt"
    assert f"2 of 4 replicas are missing (no answer from {TOLD})" in told(store)
    assert store.info().remarks[0].startswith("2 of 4 replicas are missing")
    server.missing = {}
    assert told(store) == ""


def test_a_replica_that_missed_a_write_is_missing(server: FakeQdrant, store: DocumentStore) -> None:
    """It is dead from then on, until the cluster has made it whole."""
    server.missing, server.leads = {0: AWAY}, False
    store.upsert(make_document("/b.txt", "leases"))
    assert len(find(store, "leases tenants", mode="sparse")) == 2
    assert "2 of 4 replicas are missing" in told(store)


def test_a_node_without_a_name_is_still_missing(server: FakeQdrant, store: DocumentStore) -> None:
    """No answer tells its address, and that some replica is silent is known all the same."""
    server.missing, server.leads, server.resolves = {0: AWAY}, False, False
    find(store, "tenants")
    assert told(store).startswith("2 of 4 replicas are missing: answers are whole")


def test_a_write_that_wants_all_replicas_says_which_node_is_away(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """With write_consistency as many as the replicas, nothing is written without each."""
    server.living = (NEAR,)
    with DocumentStore.open(url=server.url, retries=policy) as store:
        made(store, replicas=2, write_consistency=2)
        server.missing = {0: AWAY}
        with pytest.raises(StoreError, match=f"is incomplete: node {TOLD}"):
            store.upsert(make_document("/a.txt", "tenants"))


def test_nothing_is_asked_where_there_are_no_replicas(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """One of each shard: were it missing, there would be no answer."""
    remote.upsert(make_document("/a.txt", "tenants"))
    find(remote, "tenants")
    assert remote.place.remarks() == ()
    assert server.count("GET", "/cluster") == 0


def test_the_cluster_is_asked_once_in_a_while(server: FakeQdrant, store: DocumentStore) -> None:
    """However many searches there are; and a refusal is no answer, and no error."""
    now = [0.0]
    replicas = Replicas(store.client, clock=lambda: now[0])
    spreads = {"documents": Spread(replicas=2), "documents.manifest": Spread()}
    server.missing = {0: AWAY}
    for _ in range(3):
        assert replicas.missing(spreads) is not None
    assert server.count("GET", "/documents/cluster") == 1
    assert server.count("GET", "/documents.manifest/cluster") == 0
    now[0] = FRESH
    server.faults += [Fault("/cluster", 403), Fault("/documents/cluster", 500)]
    assert replicas.missing(spreads) is None


def test_a_shard_without_a_sound_replica_is_named(
    server: FakeQdrant, store: DocumentStore, policy: RetryPolicy
) -> None:
    """Where no node is known to be away, and a shard has nobody who may answer for it."""
    server.missing, server.leads = {0: AWAY}, False
    store.upsert(make_document("/b.txt", "leases"))  # which leaves a dead replica behind
    client, everybody = store.client, ReadConsistencyType.ALL
    gateway = Gateway(location="there", embedded=False, policy=policy)
    with pytest.raises(StoreError, match="incomplete: node of its shard 0 is missing") as caught:
        gateway.call(
            lambda: client.retrieve("documents", [1], consistency=everybody), what="reading"
        )
    assert "enough active replicas" in str(caught.value)
