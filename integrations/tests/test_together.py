"""What is added through one framework is found through all the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from haystack import Document as HaystackDocument
from haystack.document_stores.types import DuplicatePolicy
from langchain_core.documents import Document as LangChainDocument
from llama_index.core import Document as LlamaIndexDocument
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.embeddings.longembed import LongEmbedding, WholeDocument
from llama_index.retrievers.longembed import LongRetriever as LlamaIndexRetriever

from haystack_integrations.components.retrievers.longembed import LongRetriever as HaystackRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore
from langchain_longembed import LongRetriever as LangChainRetriever
from langchain_longembed import LongVectorStore as LangChainStore
from longembed_rag import Document, Library, LongEncoder
from longembed_rag import LongVectorStore as LlamaIndexStore
from longembed_rag.cli import main
from longembed_rag.store.values import document_id

#: A text for each way in, and what to ask for it.
TEXTS = {
    "command": ("The harbour pilot boards every tanker at dawn.", "who boards the tanker?"),
    "library": ("A clockmaker repaired the cathedral bell.", "who repaired the bell?"),
    "langchain": ("Beekeepers smoke the hive before they open it.", "why is the hive smoked?"),
    "haystack": ("The glacier lost nine metres of ice in one summer.", "how much ice was lost?"),
    "llama_index": ("Violins are varnished in a dark, dry room.", "where are violins varnished?"),
}
Found = tuple[str, str]  # a document's id, and the passage or text


@pytest.fixture(scope="module", autouse=True)
def encoder() -> Iterator[LongEncoder]:
    """The default model, which everybody shares as long as it is held."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        embedding = LongEmbedding()
        yield embedding.encoder
        del embedding


def by_command(folder: Path, text: str) -> str:
    file = folder.parent / "harbour.txt"
    file.write_text(text)
    done = CliRunner().invoke(main, ["ingest", str(file), "--path", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return str(file.resolve())


def by_library(folder: Path, text: str) -> str:
    with Library.open(folder) as library:
        report = library.add(Document(id="bell", text=text, metadata={"topic": "bells"}))
        assert report.failed == ()
    return "bell"


def by_langchain(folder: Path, text: str) -> str:
    document = LangChainDocument(text, metadata={"topic": "bees"})
    with LangChainStore.open(folder) as store:
        (identity,) = store.add_documents([document])
    return identity


def by_haystack(folder: Path, text: str) -> str:
    document = HaystackDocument(content=text, meta={"topic": "ice"})
    store = LongDocumentStore(folder)
    assert store.write_documents([document], DuplicatePolicy.OVERWRITE) == 1
    store.close()
    return str(document.id)


def by_llama_index(folder: Path, text: str) -> str:
    with Library.open(folder) as library:
        VectorStoreIndex.from_documents(
            [LlamaIndexDocument(text=text, id_="violins", metadata={"topic": "violins"})],
            storage_context=StorageContext.from_defaults(vector_store=LlamaIndexStore(library)),
            transformations=[WholeDocument()],
            embed_model=LongEmbedding.from_encoder(library.encoder),
        )
    return "violins"


WAYS_IN: dict[str, Callable[[Path, str], str]] = {
    "command": by_command,
    "library": by_library,
    "langchain": by_langchain,
    "haystack": by_haystack,
    "llama_index": by_llama_index,
}


def command(folder: Path, query: str) -> Found:
    options = ["--path", str(folder), "--json", "-k", "1"]
    done = CliRunner().invoke(main, ["search", query, *options])
    assert done.exit_code == 0, done.output
    (hit,) = json.loads(done.stdout)["results"]
    return hit["source"], hit["passage"] or hit["snippet"].replace("**", "")


def library(folder: Path, query: str) -> Found:
    with Library.open(folder) as opened:
        (hit,) = opened.search(query, limit=1)
        assert opened.get(hit.source) is not None
        return hit.source, hit.passage or hit.text or ""


def langchain_retriever(folder: Path, query: str) -> Found:
    with LangChainRetriever.open(folder, k=1) as retriever:
        (found,) = retriever.invoke(query)
        return found.metadata["document_id"], found.page_content


def langchain_store(folder: Path, query: str) -> Found:
    with LangChainStore.open(folder) as store:
        (found,) = store.similarity_search(query, k=1)
        identity = found.metadata.get("document_id", found.id)
        assert [each.id for each in store.get_by_ids([identity])] == [identity]
        return identity, found.page_content


def haystack(folder: Path, query: str) -> Found:
    store = LongDocumentStore(folder)
    (found,) = HaystackRetriever(store, top_k=1).run(query)["documents"]
    store.close()
    return found.meta.get("document_id", found.id), found.content


def llama_index_retriever(folder: Path, query: str) -> Found:
    with LlamaIndexRetriever.open(path=folder, similarity_top_k=1) as retriever:
        (found,) = retriever.retrieve(query)
        return str(found.node.ref_doc_id), found.node.get_content()


def llama_index_store(folder: Path, query: str) -> Found:
    with Library.open(folder) as opened:
        store = LlamaIndexStore(opened)
        embedding = LongEmbedding.from_encoder(opened.encoder)
        index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
        retriever = index.as_retriever(similarity_top_k=1, vector_store_query_mode="hybrid")
        (found,) = retriever.retrieve(query)[:1]
        (node,) = store.get_nodes([document_id(str(found.node.ref_doc_id))])
        assert node.get_content() == found.node.get_content()
        return str(found.node.ref_doc_id), found.node.get_content()


WAYS_OUT: list[Callable[[Path, str], Found]] = [
    command,
    library,
    langchain_retriever,
    langchain_store,
    haystack,
    llama_index_retriever,
    llama_index_store,
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """One collection that every way in has added a document to, and the documents' ids."""
    folder = tmp_path_factory.mktemp("together") / "store"
    return folder, {name: add(folder, TEXTS[name][0]) for name, add in WAYS_IN.items()}


@pytest.mark.parametrize("way_out", WAYS_OUT)
@pytest.mark.parametrize("way_in", WAYS_IN)
def test_what_one_adds_the_other_finds(
    filled: tuple[Path, dict[str, str]], way_in: str, way_out: Callable[[Path, str], Found]
) -> None:
    """The document comes back under the id that it was added with, with the text that answers."""
    folder, ids = filled
    text, query = TEXTS[way_in]
    assert way_out(folder, query) == (ids[way_in], text)


def test_adding_the_same_again_changes_nothing(filled: tuple[Path, dict[str, str]]) -> None:
    """Every way in knows its document again: nothing is there twice."""
    folder, ids = filled
    with Library.open(folder) as opened:
        before = opened.info()
    assert {name: add(folder, TEXTS[name][0]) for name, add in WAYS_IN.items()} == ids
    with Library.open(folder) as opened:
        after = opened.info()
        assert (after.documents, after.passages) == (before.documents, before.passages)
        assert opened.verify(files=False).findings == ()
