"""Find whole documents in a folder by what they mean, without a network and without a database.

    python examples/whole_documents.py [FOLDER] [--query QUESTION]

Every text file is embedded whole, by the model that comes with longembed-rag. Without FOLDER three
short reports are made up.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core import Settings, SimpleDirectoryReader, VectorStoreIndex
from llama_index.embeddings.longembed import LongEmbedding, WholeDocument

REPORTS = {
    "lease.txt": "The lease was signed by the tenant.",
    "garden.txt": "Apples and pears grow in the garden.",
    "boat.txt": "The boat needs a new sail before it goes on the lake again.",
}


def ask(folder: Path, question: str) -> None:
    """Index the texts of a folder and print those that fit a question, best first."""
    whole = WholeDocument()
    reader = SimpleDirectoryReader(folder, recursive=True, required_exts=[".txt", ".md"])
    documents = whole.prepare(reader.load_data())
    index = VectorStoreIndex.from_documents(documents, transformations=[whole])
    for found in index.as_retriever(similarity_top_k=2).retrieve(question):
        print(f"{found.score:.3f}  {found.node.metadata['file_name']}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and ask."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--query", default="Who rents the house?")
    options = parser.parse_args(arguments)
    Settings.embed_model = LongEmbedding(method="self_extend", max_length=4096)
    with TemporaryDirectory() as made:
        for name, text in REPORTS.items():
            (Path(made) / name).write_text(text, encoding="utf-8")
        ask(options.folder or Path(made), options.query)


if __name__ == "__main__":
    main()
