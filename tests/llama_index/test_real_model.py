"""With the model that comes with the package: LlamaIndex gets the encoder's own vectors."""

from __future__ import annotations

import asyncio
import pickle
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.schema import Document

from longembed_rag import LongEmbedding, LongEncoder, WholeDocument
from longembed_rag.errors import TruncationWarning, UnsupportedMethodError

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "documents"
EXAMPLE = ROOT / "examples" / "llama_index_app.py"
PROMPTS = {"query_prompt": "query: ", "document_prompt": "passage: "}
FILLER = "The committee met on Monday and went through the list of open questions. "


@pytest.fixture(scope="module")
def encoder() -> LongEncoder:
    return LongEncoder.from_pretrained(dtype="float32", **PROMPTS)


def close(first: Sequence[float], second: Sequence[float]) -> bool:
    return bool(np.abs(np.asarray(first) - np.asarray(second)).max() < 1e-5)


async def test_queries_and_documents_at_once(encoder: LongEncoder) -> None:
    """Concurrent async calls give each caller the vector it would get alone."""
    embedding = LongEmbedding.from_encoder(encoder)
    texts = [FILLER * count for count in (1, 24, 2, 20)]
    queries = encoder.encode(texts, kind="query").embeddings
    documents = encoder.encode(texts, kind="document").embeddings
    assert not close(queries[0], documents[0])
    answers = await asyncio.gather(
        *(embedding.aget_query_embedding(text) for text in texts),
        *(embedding.aget_text_embedding(text) for text in texts),
        embedding.aget_text_embedding_batch(texts),
    )
    for position in range(len(texts)):
        assert close(answers[position], queries[position])
        assert close(answers[4 + position], documents[position])
        assert close(answers[8][position], documents[position])


def test_an_unpickled_embedding_gives_the_same_vectors(encoder: LongEncoder) -> None:
    """A worker process that gets the pickle loads the same model with the same settings."""
    embedding = LongEmbedding.from_encoder(encoder)
    pickled = pickle.dumps(embedding)
    assert len(pickled) < 10_000
    twin = pickle.loads(pickled)
    assert twin.encoder is not encoder
    assert close(twin.get_query_embedding("whale"), embedding.get_query_embedding("whale"))


def test_one_line_of_settings_finds_what_stands_at_the_end() -> None:
    """After ``Settings.embed_model = LongEmbedding()`` a text's far end decides its rank."""
    Settings.embed_model = LongEmbedding()
    endings = {
        "bread": "Knead the dough, let it rise and bake the bread in a hot oven. ",
        "comet": "The comet passed the sun and its tail pointed away from it. ",
    }
    documents = [
        Document(text=FILLER * 24 + ending * 16, id_=name) for name, ending in endings.items()
    ]
    index = VectorStoreIndex.from_documents(documents, transformations=[WholeDocument()])
    for question, expected in [("how to bake bread", "bread"), ("astronomy of comets", "comet")]:
        found = index.as_retriever(similarity_top_k=2).retrieve(question)
        assert found[0].node.ref_doc_id == expected
        assert len(found) == 2


def test_truncation_names_the_text_and_both_counts() -> None:
    """The encoder's own warning reaches the user of LlamaIndex."""
    embedding = LongEmbedding("all-MiniLM-L6-v2", method="truncate")
    with pytest.warns(TruncationWarning, match=r'"The committee met .*256 of [\d,]+ tokens'):
        embedding.get_text_embedding(FILLER * 60)


def test_a_method_that_does_not_fit_is_refused_on_first_use() -> None:
    """What only the model can know is said when the model is first looked at."""
    with pytest.raises(UnsupportedMethodError, match="ntk"):
        LongEmbedding("all-MiniLM-L6-v2", method="ntk").get_query_embedding("whale")


Main = Callable[[Sequence[str]], None]


@pytest.fixture
def example() -> Main:
    main: Main = runpy.run_path(str(EXAMPLE))["main"]
    return main


def test_the_example_runs(
    example: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example indexes the beginnings of real documents and finds the right one."""
    names = ["alice-in-wonderland.txt", "gpl-3.txt", "hamlet.md"]
    for name in names:
        (tmp_path / name).write_text((DEMO / name).read_text(encoding="utf-8")[:3000])
    example([str(tmp_path), "--store", str(tmp_path / ".store")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 documents from")
    assert "gpl-3.txt" in lines[3]
    assert "answer from gpl-3.txt" in lines[-1]
    assert all(name in "".join(lines) for name in names)
    assert (tmp_path / ".store").is_dir()


@pytest.mark.slow
def test_the_example_runs_on_the_demo(example: Main, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a folder the example reads the whole texts of the demo."""
    example(["--query", "a prince who sees the ghost of his father"])
    assert "hamlet.md" in capsys.readouterr().out.splitlines()[3]
