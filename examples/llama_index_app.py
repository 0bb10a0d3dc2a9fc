"""Ask a folder of long documents, with LlamaIndex, an embedded Qdrant and no network.

    python examples/llama_index_app.py [FOLDER] [--query QUESTION] [--store STORE]

Every file is embedded whole and becomes one point in Qdrant. Without FOLDER the documents of the
demo are read. Without ``--store`` the points live in a temporary folder; with it they stay there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core import Settings, SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

from longembed_rag import LongEmbedding, WholeDocument

DEMO = Path(__file__).parent.parent / "demo" / "documents"
QUESTION = "Which software licence grants the freedom to change and share a program?"
# pip install llama-index-readers-file, and SimpleDirectoryReader reads PDF and DOCX as well.
SUFFIXES = [".txt", ".md"]


def build(folder: Path, client: QdrantClient) -> VectorStoreIndex:
    """Index every text of a folder whole."""
    whole = WholeDocument()
    reader = SimpleDirectoryReader(folder, recursive=True, required_exts=SUFFIXES)
    documents = whole.prepare(reader.load_data())
    # Embedded Qdrant has no payload indexes; leave index_doc_id out with a server.
    store = QdrantVectorStore("example", client=client, index_doc_id=False)
    return VectorStoreIndex.from_documents(
        documents,
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[whole],
    )


def report(index: VectorStoreIndex, question: str) -> None:
    """Print the documents that fit a question best, and what the query engine answers."""
    embedding = Settings.embed_model
    assert isinstance(embedding, LongEmbedding)
    print(f"\n{question}")
    for found in index.as_retriever(similarity_top_k=3).retrieve(question):
        read = embedding.encoder.coverage(found.node.get_content())
        name = Path(found.node.metadata["file_path"]).name
        print(f"  {found.score:.3f}  {name}  ({read.tokens_read:,} of {read.tokens:,} tokens read)")
    answer = index.as_query_engine(similarity_top_k=1).query(question)
    sources = [Path(source.node.metadata["file_path"]).name for source in answer.source_nodes]
    print(f"  answer from {', '.join(sources)}: {answer}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, build the index and ask it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--query", default=QUESTION)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args(arguments)

    Settings.embed_model = LongEmbedding()
    # Stands in for a language model, so that the example needs none; put your own here.
    Settings.llm = MockLLM(max_tokens=4)

    with TemporaryDirectory() as temporary:
        client = QdrantClient(path=str(options.store or temporary))
        index = build(options.folder, client)
        print(f"{client.count('example').count} documents from {options.folder}, one point each")
        report(index, options.query)
        client.close()


if __name__ == "__main__":
    main()
