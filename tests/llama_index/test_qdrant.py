"""Whole documents in embedded Qdrant, through LlamaIndex's own index, pipeline and store."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

from longembed_rag import LongEmbedding, WholeDocument
from longembed_rag.store.values import document_id
from tests.llama_index.fake import FakeEncoder

WHALE = "the white whale swims in the cold sea " * 50
TRIAL = "someone must have slandered the banker josef " * 50
GARDEN = "roses and tulips grow in a quiet garden " * 50


def store_of(client: QdrantClient) -> QdrantVectorStore:
    # A payload index does nothing in embedded Qdrant but warn.
    return QdrantVectorStore("documents", client=client, index_doc_id=False)


def texts_in(client: QdrantClient) -> dict[str, str]:
    """Every point's document id and text, as the store itself reads them back."""
    nodes = store_of(client).get_nodes()
    assert len(nodes) == client.count("documents").count
    return {str(node.ref_doc_id): node.get_content() for node in nodes}


def ids_in(client: QdrantClient) -> set[str]:
    points, _ = client.scroll("documents", limit=100)
    return {str(point.id) for point in points}


def books() -> list[Document]:
    metadata = {"author": "someone", "last_modified_date": "2024-01-01"}
    return [
        Document(text=text, id_=name, metadata=dict(metadata))
        for name, text in [("whale", WHALE), ("trial", TRIAL)]
    ]


@pytest.fixture
def index(client: QdrantClient, embedding: LongEmbedding) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(
        books(),
        storage_context=StorageContext.from_defaults(vector_store=store_of(client)),
        transformations=[WholeDocument()],
        embed_model=embedding,
    )


def test_one_point_per_document(
    index: VectorStoreIndex, client: QdrantClient, fake_encoder: FakeEncoder
) -> None:
    """Every document is one point under its uuid5, embedded without its metadata."""
    assert ids_in(client) == {document_id("whale"), document_id("trial")}
    assert texts_in(client) == {"whale": WHALE, "trial": TRIAL}
    assert [texts for _, texts, _ in fake_encoder.calls] == [[WHALE, TRIAL]]


def test_text_is_stored_once(index: VectorStoreIndex, client: QdrantClient) -> None:
    """The payload holds the text a single time, and names the document for deletes."""
    (point,) = client.retrieve("documents", [document_id("whale")])
    assert point.payload is not None
    assert str(point.payload).count(WHALE) == 1
    assert len(str(point.payload)) < len(WHALE) + 2000
    for key in ("doc_id", "document_id", "ref_doc_id"):
        assert point.payload[key] == "whale"
    assert point.payload["author"] == "someone"


def test_retrieval(index: VectorStoreIndex) -> None:
    """A query finds the whole document that fits it, with its id and metadata."""
    found = index.as_retriever(similarity_top_k=1).retrieve("a white whale in the sea")
    assert [node.node.ref_doc_id for node in found] == ["whale"]
    assert found[0].node.get_content() == WHALE
    assert found[0].node.metadata["author"] == "someone"


def test_insert_update_and_delete(index: VectorStoreIndex, client: QdrantClient) -> None:
    """A document is added, replaced and removed as one point."""
    index.insert(Document(text=GARDEN, id_="garden"))
    assert set(texts_in(client)) == {"whale", "trial", "garden"}
    index.update_ref_doc(Document(text="a grey whale", id_="whale"))
    assert texts_in(client) == {"whale": "a grey whale", "trial": TRIAL, "garden": GARDEN}
    index.delete_ref_doc("trial", delete_from_docstore=True)
    assert set(texts_in(client)) == {"whale", "garden"}
    assert ids_in(client) == {document_id("whale"), document_id("garden")}


def test_inserting_again_replaces(index: VectorStoreIndex, client: QdrantClient) -> None:
    """The same document inserted once more is the same point, with the new text."""
    index.insert(Document(text="a grey whale", id_="whale"))
    assert texts_in(client) == {"whale": "a grey whale", "trial": TRIAL}


def test_refresh(index: VectorStoreIndex, client: QdrantClient, fake_encoder: FakeEncoder) -> None:
    """Only what is new or has changed is embedded again."""
    fake_encoder.calls.clear()
    changed = [*books(), Document(text=GARDEN, id_="garden")]
    changed[1].set_content("a short trial")
    assert index.refresh_ref_docs(changed) == [False, True, True]
    assert texts_in(client) == {"whale": WHALE, "trial": "a short trial", "garden": GARDEN}
    assert [texts for _, texts, _ in fake_encoder.calls] == [["a short trial"], [GARDEN]]


def test_refresh_of_prepared_documents_ignores_dates(
    client: QdrantClient, embedding: LongEmbedding
) -> None:
    """A new modification date alone embeds nothing."""
    whole = WholeDocument()
    index = VectorStoreIndex.from_documents(
        whole.prepare(books()),
        storage_context=StorageContext.from_defaults(vector_store=store_of(client)),
        transformations=[whole],
        embed_model=embedding,
    )
    touched = books()
    for document in touched:
        document.metadata["last_modified_date"] = "2026-02-02"
    assert index.refresh_ref_docs(whole.prepare(touched)) == [False, False]
    touched[0].metadata["author"] = "Melville"
    assert index.refresh_ref_docs(whole.prepare(touched)) == [True, False]


async def test_async_index(embedding: LongEmbedding, tmp_path: Path) -> None:
    """Insert, update, delete and retrieval by their async names."""
    client = AsyncQdrantClient(":memory:")
    store = QdrantVectorStore("documents", aclient=client, index_doc_id=False)
    index = VectorStoreIndex(
        [],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[WholeDocument()],
        embed_model=embedding,
    )
    for document in [*books(), Document(text=GARDEN, id_="garden")]:
        await index.ainsert(document)
    await index.aupdate_ref_doc(Document(text="a grey whale", id_="whale"))
    await index.adelete_ref_doc("trial")
    assert (await client.count("documents")).count == 2
    found = await index.as_retriever(similarity_top_k=1).aretrieve("a grey whale")
    assert found[0].node.get_content() == "a grey whale"
    await client.close()


Ingest = Callable[[], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "whale.txt").write_text(WHALE)
    (folder / "trial.txt").write_text(TRIAL)
    (folder / "garden.txt").write_text(GARDEN)
    return folder


def pipeline_of(
    client: QdrantClient, embedding: LongEmbedding, strategy: DocstoreStrategy
) -> IngestionPipeline:
    return IngestionPipeline(
        transformations=[WholeDocument(), embedding],
        docstore=SimpleDocumentStore(),
        docstore_strategy=strategy,
        vector_store=store_of(client),
    )


def change(folder: Path) -> None:
    """One file changes, one is removed, one is only touched."""
    (folder / "whale.txt").write_text("a grey whale")
    (folder / "trial.txt").unlink()
    os.utime(folder / "garden.txt", (0, 0))


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("filename_as_id", [True, False])
def test_pipeline_with_upserts_and_deletes(
    client: QdrantClient,
    embedding: LongEmbedding,
    folder: Path,
    prepared: bool,
    filename_as_id: bool,
) -> None:
    """After a second run the collection is the folder: changed replaced, removed gone."""
    pipeline = pipeline_of(client, embedding, DocstoreStrategy.UPSERTS_AND_DELETE)

    def run() -> None:
        documents = SimpleDirectoryReader(folder, filename_as_id=filename_as_id).load_data()
        pipeline.run(documents=WholeDocument().prepare(documents) if prepared else documents)

    run()
    assert client.count("documents").count == 3
    change(folder)
    run()
    assert sorted(texts_in(client).values()) == sorted(["a grey whale", GARDEN])
    paths = [str(folder / name) for name in ("whale.txt", "garden.txt")]
    assert ids_in(client) == {document_id(path) for path in paths}
    assert all(UUID(name).version == 5 for name in ids_in(client))


def test_pipeline_with_upserts(
    client: QdrantClient, embedding: LongEmbedding, fake_encoder: FakeEncoder, folder: Path
) -> None:
    """Upserts replace the changed, leave the rest, and embed only what changed."""
    pipeline = pipeline_of(client, embedding, DocstoreStrategy.UPSERTS)
    whole = WholeDocument()
    pipeline.run(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    change(folder)
    fake_encoder.calls.clear()
    pipeline.run(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    assert [texts for _, texts, _ in fake_encoder.calls] == [["a grey whale"]]
    names = {Path(name).name: text for name, text in texts_in(client).items()}
    assert names == {"whale.txt": "a grey whale", "trial.txt": TRIAL, "garden.txt": GARDEN}


def test_pipeline_from_disk(
    client: QdrantClient, embedding: LongEmbedding, folder: Path, tmp_path: Path
) -> None:
    """A pipeline that was persisted and loaded again still knows what is unchanged."""
    whole = WholeDocument()
    first = pipeline_of(client, embedding, DocstoreStrategy.UPSERTS_AND_DELETE)
    first.run(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    first.persist(str(tmp_path / "pipeline"))
    change(folder)
    second = pipeline_of(client, embedding, DocstoreStrategy.UPSERTS_AND_DELETE)
    second.load(str(tmp_path / "pipeline"))
    nodes = second.run(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    assert [node.get_content() for node in nodes] == ["a grey whale"]
    assert client.count("documents").count == 2


async def test_async_pipeline(embedding: LongEmbedding, folder: Path) -> None:
    """arun() stores the same points."""
    client = AsyncQdrantClient(":memory:")
    pipeline = IngestionPipeline(
        transformations=[WholeDocument(), embedding],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        vector_store=QdrantVectorStore("documents", aclient=client, index_doc_id=False),
    )
    whole = WholeDocument()
    await pipeline.arun(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    assert (await client.count("documents")).count == 3
    change(folder)
    await pipeline.arun(documents=whole.prepare(SimpleDirectoryReader(folder).load_data()))
    assert (await client.count("documents")).count == 2
    await client.close()


def test_pages_of_one_file_change_together(client: QdrantClient, embedding: LongEmbedding) -> None:
    """When one page changes, the whole file is read again and stays one point."""
    whole = WholeDocument()
    pipeline = pipeline_of(client, embedding, DocstoreStrategy.UPSERTS_AND_DELETE)

    def pages(*texts: str) -> list[Document]:
        return [
            Document(text=text, metadata={"file_path": "/a.pdf", "page_label": str(number)})
            for number, text in enumerate(texts, start=1)
        ]

    pipeline.run(documents=whole.prepare(pages("one", "two", "three")))
    pipeline.run(documents=whole.prepare(pages("one", "zwei", "three")))
    assert texts_in(client) == {"/a.pdf": "one\n\nzwei\n\nthree"}


def test_a_pipelines_cache_is_the_way_to_cache_documents(
    client: QdrantClient, embedding: LongEmbedding, fake_encoder: FakeEncoder
) -> None:
    """What the refusal of embeddings_cache recommends works: a second run embeds nothing."""
    pipeline = IngestionPipeline(transformations=[WholeDocument(), embedding])
    first = pipeline.run(documents=books())
    second = pipeline.run(documents=books())
    assert len(fake_encoder.calls) == 1
    assert [node.embedding for node in first] == [node.embedding for node in second]


def test_without_warnings(client: QdrantClient, embedding: LongEmbedding) -> None:
    """Making, filling and asking an index in embedded Qdrant warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index = VectorStoreIndex.from_documents(
            books(),
            storage_context=StorageContext.from_defaults(vector_store=store_of(client)),
            transformations=[WholeDocument()],
            embed_model=embedding,
        )
        assert len(index.as_retriever().retrieve("whale")) == 2
