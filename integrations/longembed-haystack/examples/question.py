"""Index long documents with one pipeline and ask them with another; runs offline.

Usage: python question.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.writers import DocumentWriter

from haystack_integrations.components.retrievers.longembed import LongRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore

LEASE = " ".join(
    [f"Paragraph {number} of the lease tells of room {number}." for number in range(80)]
    + ["The deposit of two thousand crowns was paid by the widow Svoboda."]
)
TEMPLATE = """{% for document in documents -%}
{{ document.meta.document_id }}, from character {{ document.meta.start_index }}:
{{ document.content }}
{% endfor %}
Question: {{ question }}"""


def main() -> None:
    """Write two documents to a store, and print the prompt that a question makes of them."""
    with TemporaryDirectory() as folder:
        store = LongDocumentStore(Path(folder) / "index", passage_tokens=64)

        indexing = Pipeline()
        indexing.add_component("write", DocumentWriter(store))
        documents = [
            Document(id="lease", content=LEASE, meta={"year": 2003}),
            Document(id="garden", content="Apples and pears grow in the garden."),
        ]
        indexing.run({"write": {"documents": documents}})

        asking = Pipeline()
        retriever = LongRetriever(store, top_k=1, passages_per_document=1)
        asking.add_component("retrieve", retriever)
        prompt = PromptBuilder(TEMPLATE, required_variables=["documents", "question"])
        asking.add_component("prompt", prompt)
        asking.connect("retrieve.documents", "prompt.documents")
        question = "who paid the deposit?"
        result = asking.run({"retrieve": {"query": question}, "prompt": {"question": question}})
        print(result["prompt"]["prompt"])
        store.close()


if __name__ == "__main__":
    main()
