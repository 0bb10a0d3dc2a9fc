"""Extend the model that comes with longembed-rag, and find the report that answers a question.

    python examples/long_documents.py

Runs offline. The reports are far longer than the 256 tokens that the first all-MiniLM-L6-v2 reads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from longembed_sentence_transformers import extend, load

WEATHER = "The day was mild, with a little rain in the evening and a light wind from the west. "
REPORTS = {
    "lease": WEATHER * 40 + "The lease of the flat was signed by the tenant. " * 20 + WEATHER * 40,
    "garden": WEATHER * 40 + "Apples and pears grow in the garden. " * 20 + WEATHER * 40,
}


def main() -> None:
    """Ask two questions about two long reports."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "long-minilm-st"
        extend(None, folder, method="pcw")
        model = load(folder)

        documents = model.encode_document(list(REPORTS.values()))
        for question in ("Who rents the flat?", "Which fruit is there?"):
            scores = model.similarity(model.encode_query(question), documents)[0]
            best = list(REPORTS)[int(scores.argmax())]
            print(f"{question} {best} ({scores.max():.2f})")


if __name__ == "__main__":
    main()
