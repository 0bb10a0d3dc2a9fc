"""LongTextEmbedder and LongDocumentEmbedder."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from haystack import Document

from haystack_integrations.components.embedders.longembed import (
    LongDocumentEmbedder,
    LongTextEmbedder,
)
from longembed_rag import EncoderSettings, LongEmbedding
from longembed_rag.errors import EmptyTextError, SettingsError, TruncationWarning

LONG = "Apples and pears grow in the garden. " * 60


def test_a_query(model: LongEmbedding) -> None:
    """A text is embedded as a query, and it is told how much of it was read."""
    result = LongTextEmbedder().run("who signed the lease?")
    expected = model.encoder.encode(["who signed the lease?"], kind="query")
    assert np.allclose(result["embedding"], expected.embeddings[0], atol=1e-6)
    assert isinstance(result["embedding"][0], float)
    assert result["meta"]["model"] == model.encoder.model_name
    assert result["meta"]["tokens"] == result["meta"]["tokens_read"] > 5


def test_documents(model: LongEmbedding) -> None:
    """Documents are read to their ends and come as new ones; the given ones stay as they are."""
    given = [Document(content=LONG, meta={"year": 2003}), Document(content="Plums.")]
    result = LongDocumentEmbedder().run(given)
    expected = model.encoder.encode([LONG, "Plums."], kind="document")
    found = result["documents"]
    assert np.allclose([each.embedding for each in found], expected.embeddings, atol=1e-6)
    assert [(each.id, each.content, each.meta) for each in found] == [
        (each.id, each.content, each.meta) for each in given
    ]
    assert [each.embedding for each in given] == [None, None]
    assert result["meta"]["tokens"] == result["meta"]["tokens_read"] > 500
    assert [each["tokens"] for each in result["meta"]["coverage"]] == [
        each.tokens for each in expected.coverage
    ]


def test_prompts_are_put_before_texts() -> None:
    """Queries get the query prompt, documents the document prompt."""
    query = LongTextEmbedder(query_prompt="Apples ").run("are ripe.")["embedding"]
    embedder = LongDocumentEmbedder(document_prompt="Apples ")
    (document,) = embedder.run([Document(content="are ripe.")])["documents"]
    plain = LongTextEmbedder().run("Apples are ripe.")["embedding"]
    assert np.allclose(query, plain, atol=1e-5)
    assert np.allclose(document.embedding, plain, atol=1e-5)


def test_metadata_is_embedded_when_asked_for() -> None:
    """Named fields are put before the text, joined by the separator; missing ones are left out."""
    embedder = LongDocumentEmbedder(
        meta_fields_to_embed=["title", "missing", "none", "year"], embedding_separator=" | "
    )
    given = Document(content="Apples.", meta={"title": "Garden", "none": None, "year": 2003})
    (found,) = embedder.run([given])["documents"]
    whole = Document(content="Garden | 2003 | Apples.")
    (expected,) = LongDocumentEmbedder().run([whole])["documents"]
    assert found.embedding == pytest.approx(expected.embedding, abs=1e-6)


def test_no_documents() -> None:
    """Without documents there is nothing to do."""
    result = LongDocumentEmbedder().run([])
    assert (result["documents"], result["meta"]["tokens"]) == ([], 0)


def test_what_is_not_read_is_told() -> None:
    """A text that is cut gives a warning, and the counts differ."""
    embedder = LongDocumentEmbedder(method="truncate", max_length=64)
    with pytest.warns(TruncationWarning, match="garden"):
        result = embedder.run([Document(id="garden", content=LONG)])
    assert result["meta"]["tokens_read"] == 64 < result["meta"]["tokens"]


def test_an_empty_document_is_named() -> None:
    """A document without text cannot be embedded, and which one that is stands in the error."""
    with pytest.raises(EmptyTextError, match="blank"):
        LongDocumentEmbedder().run([Document(content="Apples."), Document(id="blank")])


@pytest.mark.parametrize(
    ("embedder", "given", "other"),
    [
        (LongTextEmbedder(), [Document(content="a")], "LongDocumentEmbedder"),
        (LongDocumentEmbedder(), "a text", "LongTextEmbedder"),
        (LongDocumentEmbedder(), ["a text"], "LongTextEmbedder"),
    ],
)
def test_the_wrong_input_names_the_right_component(embedder: Any, given: Any, other: str) -> None:
    """Texts for documents, or the other way round, are told where they belong."""
    with pytest.raises(TypeError, match=other):
        embedder.run(given)


@pytest.mark.parametrize("kind", [LongTextEmbedder, LongDocumentEmbedder])
def test_settings_come_back(kind: Any) -> None:
    """An embedder's dictionary holds every setting of the encoder, and makes an equal one."""
    embedder = kind("intfloat/e5-base-v2", method="gp", max_length=4096)
    data = embedder.to_dict()
    assert set(EncoderSettings().to_dict()) <= set(data["init_parameters"])
    assert data["init_parameters"]["max_length"] == 4096
    again = kind.from_dict(data)
    assert (again.settings, again.to_dict()) == (embedder.settings, data)


@pytest.mark.parametrize("kind", [LongTextEmbedder, LongDocumentEmbedder])
def test_wrong_settings_are_refused_at_once(kind: Any) -> None:
    """Whoever makes an embedder with a wrong setting is told which."""
    with pytest.raises(SettingsError, match="max_lenght"):
        kind(max_lenght=100)
    with pytest.raises(SettingsError, match="magic"):
        kind(method="magic")


def test_equal_settings_share_one_model(model: LongEmbedding) -> None:
    """Whoever has the same settings reads with the same model, which is loaded once."""
    text, documents = LongTextEmbedder(), LongDocumentEmbedder(embedding_separator=" ")
    text.warm_up()
    documents.warm_up()
    assert text.encoder is documents.encoder is model.encoder
    assert pickle.loads(pickle.dumps(text)).encoder is model.encoder
    text.close()
    assert text.encoder is model.encoder


@pytest.mark.parametrize(
    ("embedder", "given"),
    [
        (LongTextEmbedder(), "Apples are ripe."),
        (LongDocumentEmbedder(), [Document(content="Apples are ripe.")]),
    ],
)
async def test_async_leaves_the_event_loop_free(
    embedder: Any, given: Any, model: LongEmbedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a text is read, other coroutines go on; the vectors are the same."""
    expected = embedder.run(given)
    released, encode = threading.Event(), model.encoder.encode

    def waits(*args: Any, **options: Any) -> Any:
        assert released.wait(timeout=20)
        return encode(*args, **options)

    async def release() -> None:
        released.set()

    monkeypatch.setattr(model.encoder, "encode", waits)
    found, _ = await asyncio.gather(embedder.run_async(given), release())
    assert found == expected
