"""Ask documents with words and meaning, with LongRetriever, a query engine and no network.

    python examples/retriever_app.py [PATH ...] [--query QUESTION]

Files and folders, two documents of the demo unless told, are read whole into a collection in a
temporary folder, as ``longembed-rag ingest`` reads them. The answers are the passages that fit,
from which a language model would answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from longembed_rag import Library, LongRetriever

DEMO = Path(__file__).parent.parent / "demo" / "documents"
SMALL = [DEMO / "gpl-3.txt", DEMO / "us-constitution.txt"]
QUESTION = "How can the Constitution be amended?"


def ask(retriever: LongRetriever, question: str) -> None:
    """Print the passages that a query engine answers from, best first."""
    # Stands in for a language model, so that the example needs none; put your own here.
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM(max_tokens=8))
    answer = engine.query(question)
    print(question)
    for found in answer.source_nodes:
        told = found.node.metadata["longembed"]
        start, end = told["span"]
        name = found.node.metadata["file_name"]
        print(f"  {found.score:.3f}  {name}, characters {start:,} to {end:,}")
        print(f"         {told['snippet']}")
    print(f"  answer: {answer}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and the documents, and ask."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=SMALL, metavar="PATH")
    parser.add_argument("--query", default=QUESTION)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder, Library.open(folder) as library:
        report = library.ingest(options.paths)
        print(f"{report.added} documents, {report.tokens_read:,} tokens read")
        # Queries are read by the model that has just read the documents.
        ask(LongRetriever(library, similarity_top_k=2, passages_per_document=2), options.query)


if __name__ == "__main__":
    main()
