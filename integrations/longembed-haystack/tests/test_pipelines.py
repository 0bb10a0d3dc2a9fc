"""The components in Haystack's pipelines, from documents to a prompt, and through YAML."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.converters import TextFileToDocument
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import Secret

from haystack_integrations.components.embedders.longembed import (
    LongDocumentEmbedder,
    LongTextEmbedder,
)
from haystack_integrations.components.retrievers.longembed import LongRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore

TEMPLATE = """{% for document in documents %}[{{ document.id }}] {{ document.content }}
{% endfor %}Question: {{ question }}"""


def indexing(store: LongDocumentStore) -> Pipeline:
    """Files to documents to the store."""
    pipeline = Pipeline()
    pipeline.add_component("convert", TextFileToDocument())
    pipeline.add_component("write", DocumentWriter(store, policy=DuplicatePolicy.OVERWRITE))
    pipeline.connect("convert", "write")
    return pipeline


def answering(store: LongDocumentStore) -> Pipeline:
    """A question to the prompt that a language model would get."""
    pipeline = Pipeline()
    filters = {"field": "meta.file_path", "operator": "!=", "value": None}
    pipeline.add_component("retrieve", LongRetriever(store, top_k=1, filters=filters))
    prompt = PromptBuilder(TEMPLATE, required_variables=["documents", "question"])
    pipeline.add_component("prompt", prompt)
    pipeline.connect("retrieve.documents", "prompt.documents")
    return pipeline


@pytest.fixture
def reports(tmp_path: Path) -> list[Path]:
    """Two files."""
    texts = {
        "lease.txt": "The lease was signed by the tenant.",
        "garden.txt": "Apples and pears grow in the garden.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in texts]


def test_from_files_to_a_prompt_through_yaml(tmp_path: Path, reports: list[Path]) -> None:
    """Pipelines that were written down as YAML and loaded again fill a store and ask it.

    Loaded, they have a store each over the same folder.
    """
    write, ask = (
        Pipeline.loads(make(LongDocumentStore(tmp_path / "store")).dumps())
        for make in (indexing, answering)
    )
    assert write.run({"convert": {"sources": reports}})["write"] == {"documents_written": 2}
    question = "who signed the lease?"
    result = ask.run({"retrieve": {"query": question}, "prompt": {"question": question}})
    lines = result["prompt"]["prompt"].splitlines()
    assert lines[0].endswith("#0-35] The lease was signed by the tenant.")
    assert lines[-1] == f"Question: {question}"
    for pipeline in (write, ask):
        for name in pipeline.to_dict()["components"]:
            component = pipeline.get_component(name)
            if hasattr(component, "document_store"):
                component.document_store.close()


def test_yaml_says_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded from YAML is written down as the same YAML, and no key stands in it."""
    monkeypatch.setenv("MY_KEY", "top-secret")
    store = LongDocumentStore(url="http://localhost:6333", api_key=Secret.from_env_var("MY_KEY"))
    pipeline = answering(store)
    pipeline.add_component("embed", LongDocumentEmbedder(max_length=1024))
    pipeline.add_component("query", LongTextEmbedder(method="pcw"))
    text = pipeline.dumps()
    assert "top-secret" not in text
    assert "MY_KEY" in text
    assert Pipeline.loads(text).dumps() == text


def test_embedders_with_a_store_of_haystack() -> None:
    """The embedders serve Haystack's own stores and retrievers."""
    store = InMemoryDocumentStore()
    write = Pipeline()
    write.add_component("embed", LongDocumentEmbedder())
    write.add_component("write", DocumentWriter(store))
    write.connect("embed.documents", "write.documents")
    documents = [
        Document(id="lease", content="The lease was signed by the tenant."),
        Document(id="garden", content="Apples and pears grow in the garden."),
    ]
    write.run({"embed": {"documents": documents}})
    ask = Pipeline()
    ask.add_component("embed", LongTextEmbedder())
    ask.add_component("retrieve", InMemoryEmbeddingRetriever(store, top_k=1))
    ask.connect("embed.embedding", "retrieve.query_embedding")
    found = ask.run({"embed": {"text": "Who grows fruit?"}})["retrieve"]["documents"]
    assert [each.id for each in found] == ["garden"]


def test_pipelines_are_written_and_read_without_torch() -> None:
    """Making components, dumping and loading a pipeline loads no model and not even torch.

    Haystack itself imports torch where it can, so that it is put out of reach.
    """
    program = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "qdrant_client", "qdrant_edge")))
from haystack import Pipeline
from haystack_integrations.components.embedders.longembed import (
    LongDocumentEmbedder,
    LongTextEmbedder,
)
from haystack_integrations.components.retrievers.longembed import LongRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore

pipeline = Pipeline()
pipeline.add_component("documents", LongDocumentEmbedder())
pipeline.add_component("text", LongTextEmbedder(max_length=1024))
pipeline.add_component("retrieve", LongRetriever(LongDocumentStore("index", method="pcw")))
again = Pipeline.loads(pipeline.dumps())
assert again.dumps() == pipeline.dumps()
assert "llama_index" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
