"""Every method on every family through ``LongEncoder.encode``, against brute force in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.exact import (
    FEW,
    PAIRS,
    PROMPTED,
    REPRESENTATIVE,
    TOLERANCE,
    check,
    differences,
    options_of,
)
from tests.families import FAMILIES, MECHANISMS, ORIGINAL_LENGTH, covering, mostly, sparing
from tests.reference.definitions import Settings

if TYPE_CHECKING:
    from longembed_rag.encoder.settings import Kind
    from tests.conftest import EncoderFactory, ReferenceFactory


@pytest.mark.parametrize(("family", "method"), covering(MECHANISMS, 2, PAIRS))
def test_as_in_the_design(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Dynamic scale and log-n attention scaling, the defaults."""
    settings = Settings(method=method, max_length=256)
    check(load_encoder, load_reference, family, settings)


@pytest.mark.parametrize(("family", "method"), mostly(FEW, PAIRS))
def test_static_and_unscaled(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Static scale, here 7, without attention scaling."""
    settings = Settings(method=method, max_length=224, scaling="static", attention_scaling="none")
    check(load_encoder, load_reference, family, settings)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token"])
def test_pooling(
    family: str, pooling: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Any pooling may be asked of any family, in windows and in one piece."""
    settings = Settings(method="pcw", max_length=256, pooling=pooling, normalize=False)
    check(load_encoder, load_reference, family, settings, (9, 80))


@pytest.mark.parametrize(
    ("family", "method"),
    sparing([pair for pair in PAIRS if pair[0] in REPRESENTATIVE and pair[1] != "truncate"]),
)
def test_longer_than_allowed(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Beyond ``max_length``, pieces of that length are averaged by their content's tokens."""
    settings = Settings(method=method, max_length=72)
    check(load_encoder, load_reference, family, settings, (73, 150))


@pytest.mark.parametrize("family", FEW)
def test_longer_than_allowed_within_the_window(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """A ``max_length`` below the model's own window cuts pieces of that length."""
    method = "pi"
    settings = Settings(method=method, max_length=20)
    check(load_encoder, load_reference, family, settings, (20, 21, 75))


@pytest.mark.parametrize(
    ("family", "method"),
    [("bert", "gp"), ("roberta", "pcw"), ("nomic_bert", "self_extend"), ("llama", "ntk")],
)
def test_longer_than_allowed_and_cut(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """``overflow="truncate"`` reads the head of ``max_length`` tokens, specials included."""
    settings = Settings(method=method, max_length=72, overflow="truncate")
    check(load_encoder, load_reference, family, settings, (72, 73, 150))


@pytest.mark.parametrize(
    ("family", "method"),
    mostly(FEW, [pair for pair in PAIRS if pair[0] in REPRESENTATIVE and pair[1] in PROMPTED]),
)
@pytest.mark.parametrize(
    "prompt",
    ["passage: ", pytest.param("search document: the text\nText:", marks=pytest.mark.slow)],
)
def test_prompts(
    family: str,
    method: str,
    prompt: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """A prompt is read together with the text and belongs to every window."""
    settings = Settings(method=method, max_length=100, prompt=prompt, scaling="static")
    reference = load_reference(family)
    assert reference.count("", settings) < ORIGINAL_LENGTH - 4
    texts = [reference.text(tokens, tokens, settings) for tokens in (28, 40, 100, 180)]
    encoder = load_encoder(family, **options_of(settings))
    found = differences(encoder, reference, settings, texts)
    assert max(found.values()) < TOLERANCE


def test_the_query_side_has_its_own_prompt(
    load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Queries get the query prompt, documents the document prompt."""
    reference = load_reference("bert")
    encoder = load_encoder(
        "bert", method="pcw", query_prompt="query: ", document_prompt="passage: "
    )
    text = reference.text(50)
    sides: dict[Kind, str] = {"query": "query: ", "document": "passage: "}
    for kind, prompt in sides.items():
        expected = reference.encode(text, Settings(method="pcw", prompt=prompt))
        actual = encoder.encode([text], kind=kind).embeddings[0]
        assert np.abs(actual - expected).max() < TOLERANCE
