"""The three collections as a server is asked to make them."""

from __future__ import annotations

import pytest

from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.points.values import StorageOptions
from longembed_rag.search.filters import parse_filters
from longembed_rag.store.claims import MANIFEST_INDEXES
from longembed_rag.store.naming import require_name
from longembed_rag.store.place import DOCUMENT_INDEXES, PASSAGE_INDEXES
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import DENSE_VECTOR, PAIRS_VECTOR, TERMS_VECTOR
from tests.points.fake_qdrant import FakeQdrant, Fault
from tests.store.fakes import make_document
from tests.stores import ENCODER, ensure


def test_the_collections_are_made_for_what_they_are_used_for(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Words have their rarity put in by the server; what is filtered by has its index, once."""
    made = {
        each.path.removeprefix("/collections/"): each.body
        for each in server.requests
        if each.method == "PUT" and each.path.count("/") == 2
    }
    # The documents, with the record, come last: where they are, the others are.
    assert list(made) == ["documents.passages", "documents.manifest", "documents"]
    assert made["documents"]["vectors"] == {DENSE_VECTOR: {"size": 16, "distance": "Cosine"}}
    assert made["documents"]["sparse_vectors"] == {
        TERMS_VECTOR: {"modifier": "idf"},
        PAIRS_VECTOR: {"modifier": "idf"},
    }
    assert list(made["documents.passages"]["sparse_vectors"]) == [TERMS_VECTOR]
    assert made["documents.manifest"]["vectors"] == {}
    kinds = {name: index["data_type"] for name, index in server.indexes["documents"].items()}
    assert {name: (kind,) for name, kind in kinds.items()} == DOCUMENT_INDEXES
    assert set(server.indexes["documents.passages"]) == set(PASSAGE_INDEXES)
    count = server.count("PUT", "/index")
    ensure(remote)
    every = (DOCUMENT_INDEXES, PASSAGE_INDEXES, MANIFEST_INDEXES)
    assert server.count("PUT", "/index") == count == sum(map(len, every))


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        (StorageOptions(), {}),
        (
            StorageOptions(quantization="scalar"),
            {"quantization_config": {"scalar": {"type": "int8", "always_ram": True}}},
        ),
        (
            StorageOptions(quantization="binary", on_disk=True),
            {
                "quantization_config": {"binary": {"always_ram": True}},
                "hnsw_config": {"on_disk": True},
            },
        ),
    ],
)
def test_storage_options_reach_the_server(
    server: FakeQdrant, policy: RetryPolicy, storage: StorageOptions, expected: dict[str, object]
) -> None:
    """Quantization and disk are asked for of documents and passages, and nothing unasked."""
    with DocumentStore.open(url=server.url, retries=policy) as store:
        store.ensure(fingerprint="f", dimension=16, description={}, storage=storage)
    for name in ("documents", "documents.passages"):
        (body,) = [
            each.body
            for each in server.requests
            if (each.method, each.path) == ("PUT", f"/collections/{name}")
        ]
        asked = {key: body[key] for key in ("quantization_config", "hnsw_config") if key in body}
        assert asked == expected
        assert body["vectors"][DENSE_VECTOR].get("on_disk", False) is storage.on_disk
        index = body["sparse_vectors"][TERMS_VECTOR].get("index", {})
        assert index.get("on_disk", False) is storage.on_disk


def test_an_index_that_was_not_made_is_made_later(server: FakeQdrant, policy: RetryPolicy) -> None:
    """A process killed between collection and index leaves nothing that stays undone."""
    server.faults += [Fault("/index", 400)]
    with DocumentStore.open(url=server.url, retries=policy) as store:
        with pytest.raises(StoreError, match="index"):
            ensure(store)
        ensure(store)
    assert "doc_id" in server.indexes["documents"]


def test_two_that_make_the_collection_at_once_get_along(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """Who comes second finds the collection there and checks it; so does a repeated request."""
    remote.client.delete_collection("documents")
    server.faults.append(Fault("/collections/documents", None, method="PUT", applied=True))
    ensure(remote)
    assert remote.check(fingerprint=ENCODER.fingerprint, description={}).dimension == 16


def test_a_server_that_forgets_the_settings_is_refused(
    server: FakeQdrant, policy: RetryPolicy
) -> None:
    """Before 1.16 a server drops collection metadata; nothing is left behind there."""
    server.keeps_metadata = False
    opened = DocumentStore.open(url=server.url, retries=policy)
    with opened as store, pytest.raises(StoreError, match=r"Qdrant 1\.16"):
        ensure(store)
    assert not server.client.collection_exists("documents")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", "x" * 247])
def test_names_that_qdrant_would_not_take_are_refused(name: str) -> None:
    """Also those that leave no room for the names of the collections beside it."""
    with pytest.raises(SettingsError, match="collection="):
        require_name(name)
    require_name("x" * 246)
    require_name("docs 2026 \u6f22")


def test_a_lost_manifest_is_made_again(server: FakeQdrant, remote: DocumentStore) -> None:
    """Somebody deleted it: the next ensure makes it, and documents are still there."""
    remote.upsert(make_document("/a.txt", "one two"))
    server.client.delete_collection("documents.manifest")
    ensure(remote)
    assert remote.entries() == {}
    assert list(remote.complete_sources()) == ["/a.txt"]
    remote.upsert(make_document("/a.txt", "three"))
    assert remote.entries()["/a.txt"].state == "stored"
    assert remote.info().passages == 1


def test_fields_of_filters_are_indexed_once(server: FakeQdrant, remote: DocumentStore) -> None:
    """By the kind that serves the filter, of documents and passages, not again and again."""
    matching = parse_filters(["page_count>=10", "file_type=pdf"])
    for _ in range(2):
        remote.make_filterable(matching)
    remote.make_filterable(None)
    for name in ("documents", "documents.passages"):
        assert server.indexes[name]["page_count"]["data_type"] == "float"
        assert server.indexes[name]["file_type"]["data_type"] == "keyword"
    made = [each for each in server.requests if each.body.get("field_name") == "page_count"]
    assert len(made) == 2


@pytest.mark.parametrize("name", ["x.passages", "x.manifest", "漢" * 100, "new\nline", "\x01"])
def test_names_that_would_get_in_the_way_are_refused(name: str) -> None:
    """Those of the collections beside another one, too long ones in bytes, unprintable ones."""
    with pytest.raises(SettingsError, match="collection="):
        require_name(name)


def test_a_key_that_may_only_read_searches_without_an_index(
    server: FakeQdrant, remote: DocumentStore
) -> None:
    """A filter needs no right to write; any other trouble with the index is told."""
    remote.upsert(make_document("/a.txt", "one two"))
    matching = parse_filters(["page_count>=10"])
    server.faults.append(Fault("/index", 403))
    remote.make_filterable(matching)
    assert "page_count" not in server.indexes["documents"]
    server.faults.append(Fault("/index", 400))
    with pytest.raises(StoreError, match="index"):
        remote.make_filterable(parse_filters(["page_count>=10", "file_size>1"]))
