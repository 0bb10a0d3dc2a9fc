"""Ask a folder of long documents, by words and meaning, without a network.

    python examples/ask_reports.py [FOLDER] [--query QUESTION]

The files, text, Markdown, HTML, PDF or DOCX, are read whole into a collection in a temporary
folder. A language model would answer from the passages that are printed. Without FOLDER two short
reports are made up.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.retrievers.longembed import LongRetriever

from longembed_rag import Library

REPORTS = {
    "lease.txt": "The lease was signed by the tenant.",
    "garden.txt": "Apples and pears grow in the garden.",
}


def ask(folder: Path, question: str) -> None:
    """Take a folder in, and print the passages that a query engine answers from, best first."""
    with TemporaryDirectory() as place, Library.open(place) as library:
        library.ingest(folder)
        retriever = LongRetriever(library, similarity_top_k=2, passages_per_document=1)
        # Stands in for a language model, so that the example needs none; put your own here.
        engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM(max_tokens=8))
        for found in engine.query(question).source_nodes:
            name = found.node.metadata["file_name"]
            start = found.node.metadata["start_index"]
            print(f"{found.score:.3f}  {name}, from character {start}: {found.node.get_content()}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and ask."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--query", default="Who signed the lease?")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as made:
        for name, text in REPORTS.items():
            (Path(made) / name).write_text(text, encoding="utf-8")
        ask(options.folder or Path(made), options.query)


if __name__ == "__main__":
    main()
