"""Prompts are read once, whoever knows them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from long_texts import SMALL, TEXTS
from sentence_transformers import SentenceTransformer

from longembed_rag import LongEncoder
from longembed_rag.errors import LongEmbedWarning
from longembed_sentence_transformers import extend, load

PROMPTS = {"query_prompt": "query: ", "document_prompt": "passage: "}


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    place = tmp_path_factory.mktemp("models") / "prompted"
    extend(None, place, **SMALL, **PROMPTS)
    return load(place, dtype="float32")


@pytest.fixture(scope="module")
def encoder_with_prompts() -> LongEncoder:
    return LongEncoder.from_pretrained(**SMALL, **PROMPTS)


def test_documents_have_their_prompt_in_every_window(
    prompted: SentenceTransformer, encoder_with_prompts: LongEncoder
) -> None:
    """encode_document, the prompt's name and the prompt itself are LongEncoder's documents."""
    wanted = encoder_with_prompts.encode(TEXTS).embeddings
    for found in (
        prompted.encode_document(TEXTS),
        prompted.encode(TEXTS, prompt_name="document"),
        prompted.encode(TEXTS, prompt="passage: "),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_queries_have_theirs(
    prompted: SentenceTransformer, encoder_with_prompts: LongEncoder
) -> None:
    """encode_query is LongEncoder's query."""
    queries = [TEXTS[0], TEXTS[3]]
    wanted = encoder_with_prompts.encode(queries, kind="query").embeddings
    np.testing.assert_allclose(prompted.encode_query(queries), wanted, atol=1e-6)


def test_without_a_prompt_there_is_none(
    prompted: SentenceTransformer, encoder: LongEncoder
) -> None:
    """Plain encode adds nothing, as with any SentenceTransformer."""
    np.testing.assert_allclose(prompted.encode(TEXTS), encoder.encode(TEXTS).embeddings, atol=1e-6)


def test_any_other_prompt_stands_before_the_text(
    model: SentenceTransformer, encoder: LongEncoder
) -> None:
    """It is read once, and where a text has several windows that is said."""
    wanted = encoder.encode(["about " + TEXTS[0]]).embeddings[0]
    np.testing.assert_allclose(model.encode(TEXTS[0], prompt="about "), wanted, atol=1e-6)
    with pytest.warns(LongEmbedWarning, match="'about ' stands before the first of them only"):
        model.encode(TEXTS[2], prompt="about ")


def test_prompts_of_the_folder_are_kept(tmp_path: Path) -> None:
    """What a model's own files say of prompts goes along, and decides when there are no others."""
    first = tmp_path / "first"
    extend(None, first)
    source = first / "0_LongTransformer"
    config = {
        "prompts": {"search_query": "q: ", "search_document": "d: ", "classify": "c: "},
        "default_prompt_name": "classify",
        "similarity_fn_name": "dot",
    }
    (source / "config_sentence_transformers.json").write_text(json.dumps(config))
    model = extend(source, tmp_path / "second", dtype="float32")
    assert model.prompts == {**config["prompts"], "query": "q: ", "document": "d: "}
    assert model.default_prompt_name == "classify"
    assert model.similarity_fn_name == "dot"
    own = LongEncoder.from_pretrained(source, dtype="float32")
    wanted = own.encode(TEXTS[:1], kind="query").embeddings
    np.testing.assert_allclose(model.encode_query(TEXTS[:1]), wanted, atol=1e-6)
