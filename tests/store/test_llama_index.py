"""A collection of ours in LlamaIndex's own QdrantVectorStore, opened without options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.points.fake_qdrant import FakeQdrant
from tests.store.fakes import make_document, vector_of
from tests.stores import ENGINES, ensure, find, make_local

LEASE = "the tenant signs the lease every year"
PLUMS = "plums and pears ripen late"


def fill(store: DocumentStore) -> DocumentStore:
    """Write two documents."""
    ensure(store)
    store.upsert(make_document("/lease.txt", LEASE, metadata={"title": "Lease"}))
    store.upsert(make_document("/plums.txt", PLUMS))
    return store


@pytest.fixture(params=ENGINES)
def client(
    request: pytest.FixtureRequest, folder: Path, server: FakeQdrant
) -> Iterator[QdrantClient]:
    """A client of a collection that our store filled: the store's own, or any that is opened."""
    if request.param == "edge":
        with DocumentStore.open(path=folder) as store:
            yield fill(store).client
        return
    local = request.param == "local"
    place = {"path": make_local(folder)} if local else {"url": server.url}
    with DocumentStore.open(**place) as store:  # type: ignore[arg-type]
        fill(store)
    opened = (
        QdrantClient(path=str(folder))
        if local
        else QdrantClient(url=server.url, check_compatibility=False)
    )
    yield opened
    opened.close()


def test_llama_index_answers_from_our_collection(client: QdrantClient) -> None:
    """The right node comes back: text, metadata, id and document."""
    from llama_index.core.schema import MetadataMode, TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    theirs = QdrantVectorStore("documents", client=client)
    answer = theirs.query(
        VectorStoreQuery(query_embedding=vector_of(LEASE).tolist(), similarity_top_k=2)
    )
    assert answer.nodes is not None
    node = answer.nodes[0]
    assert isinstance(node, TextNode)
    assert node.text == LEASE
    assert node.metadata == {"title": "Lease"}
    assert node.node_id == document_id("/lease.txt")
    assert node.ref_doc_id == "/lease.txt"
    assert node.get_content(metadata_mode=MetadataMode.EMBED) == LEASE
    assert answer.similarities is not None
    assert answer.similarities[0] == pytest.approx(1.0, abs=1e-5)


def test_llama_index_deletes_by_document(client: QdrantClient) -> None:
    """Its delete(ref_doc_id) removes that document's point and no other."""
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    theirs = QdrantVectorStore("documents", client=client)
    theirs.delete("/lease.txt")
    with DocumentStore.open(client=client) as ours:
        assert list(ours.sources()) == ["/plums.txt"]
    theirs.delete_nodes([document_id("/plums.txt")])
    assert client.count("documents").count == 0


def test_our_store_reads_what_llama_index_adds(client: QdrantClient) -> None:
    """A node that LlamaIndex put beside ours is found by search, and left alone by the listing."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    text = "their own words"
    node = TextNode(
        id_=document_id("theirs"),
        text=text,
        embedding=vector_of(text).tolist(),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="theirs")},
    )
    QdrantVectorStore("documents", client=client).add([node])
    with DocumentStore.open(client=client) as ours:
        best = find(ours, text, mode="dense")[0]
        assert (best.source, best.text, best.passage) == ("theirs", text, None)
        assert len(find(ours, text)) == 3
        assert sorted(ours.sources()) == ["/lease.txt", "/plums.txt"]


def test_llama_index_keeps_our_points_when_it_rewrites_the_store(folder: Path) -> None:
    """A store that LlamaIndex has written to opens with us again, vectors and all."""
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    with DocumentStore.open(path=make_local(folder)) as store:
        fill(store)
    client = QdrantClient(path=str(folder))
    QdrantVectorStore("documents", client=client).delete("/plums.txt")
    client.set_payload("documents", {"note": "theirs"}, points=[document_id("/lease.txt")])
    client.close()
    with DocumentStore.open(path=folder) as store:
        (result,) = find(store, "the tenant signs the")
        assert result.passage == "the tenant signs the"
