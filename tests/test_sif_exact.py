"""SIF through ``LongEncoder``, against brute force in float64."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.exact import LENGTHS, REPRESENTATIVE, TOLERANCE, differences, options_of
from tests.models import TinyModels, edit_json, open_encoder
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

Loader = Callable[[str], tuple[Path, ReferenceModel]]


@pytest.fixture(scope="module")
def load(tiny_models: TinyModels) -> Loader:
    """A tiny model of a family with a table as uneven as a language's, and its reference."""

    @cache
    def load(family: str) -> tuple[Path, ReferenceModel]:
        folder = tiny_models.copy(family, f"{family}-with-frequencies")
        size = json.loads((folder / "config.json").read_text())["vocab_size"]
        counts = 10 ** np.random.default_rng(0).uniform(0, 3, size)
        (folder / "token_frequencies.json").write_text(json.dumps(counts.tolist()))
        return folder, ReferenceModel(folder, family)

    return load


@pytest.mark.parametrize(
    ("family", "method"),
    [*((family, "pcw") for family in REPRESENTATIVE), ("modernbert", "self_extend")],
)
@pytest.mark.parametrize("prompt", ["", "note: able "])
def test_whole_texts(
    family: str, method: str, prompt: str, load: Loader, load_encoder: EncoderFactory
) -> None:
    """The weighted mean over all tokens, prompt and specials too, of any number of windows."""
    folder, reference = load(family)
    settings = Settings(method=method, max_length=96, pooling="sif", prompt=prompt)
    texts = [reference.text(tokens, tokens, settings) for tokens in LENGTHS]
    encoder = load_encoder(folder, **options_of(settings))
    found = differences(encoder, reference, settings, texts)
    assert max(found.values()) < TOLERANCE
    assert max(encoder.coverage(text).windows for text in texts) > 1
    mean = load_encoder(folder, **options_of(settings) | {"pooling": "mean"})
    assert (
        np.abs(encoder.encode(texts).embeddings - mean.encode(texts).embeddings).max()
        > 10 * TOLERANCE
    )


@pytest.mark.parametrize("family", REPRESENTATIVE)
def test_passages(family: str, load: Loader, load_encoder: EncoderFactory) -> None:
    """The weighted mean over a passage's own tokens, whatever the windows; the whole's stays."""
    folder, reference = load(family)
    settings = Settings(method="pcw", max_length=72, pooling="sif")
    encoder = load_encoder(folder, **options_of(settings))
    for length in (9, 80, 150):
        text = reference.text(length, settings=settings)
        encoding = encoder.encode_passages(text, passage_tokens=11)
        np.testing.assert_array_equal(encoding.embedding, encoder.encode([text]).embeddings[0])
        start = 0
        for passage, vector in zip(encoding.passages, encoding.embeddings, strict=True):
            expected = reference.weighed(text, start, start + passage.tokens, settings)
            assert np.abs(vector - expected).max() < TOLERANCE
            start += passage.tokens


@pytest.mark.parametrize("counted", [True, False])
def test_prompts_that_take_no_part(counted: bool, tiny_models: TinyModels, load: Loader) -> None:
    """A prompt weighs as its tokens do, and nothing where a model leaves prompts out of pooling."""
    plain, reference = load("bert")
    folder = tiny_models.sentence_transformers("bert", f"bert-sif-prompt-{counted}")
    (folder / "token_frequencies.json").write_bytes((plain / "token_frequencies.json").read_bytes())
    edit_json(folder / "1_Pooling" / "config.json", lambda old: old | {"include_prompt": counted})
    settings = Settings(method="pcw", max_length=72, pooling="sif", prompt="note: able ")
    settings = replace(settings, include_prompt=counted)
    encoder = open_encoder(folder, **options_of(settings))
    for tokens in (20, 100):
        text = reference.text(tokens, settings=settings)
        expected = reference.encode(text, settings)
        assert np.abs(encoder.encode([text]).embeddings[0] - expected).max() < TOLERANCE


def test_alone_or_with_others(load: Loader, load_encoder: EncoderFactory) -> None:
    """A text's vector does not depend on what else is read with it."""
    folder, reference = load("bert")
    settings = Settings(method="pcw", max_length=72, pooling="sif")
    encoder = load_encoder(folder, **options_of(settings))
    texts = [reference.text(tokens, tokens, settings) for tokens in LENGTHS]
    together = encoder.encode(texts[::-1]).embeddings[::-1]
    alone = np.concatenate([encoder.encode([text]).embeddings for text in texts])
    assert np.abs(together - alone).max() < 1e-5
