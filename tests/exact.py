"""Comparing an encoder with the brute-force reference, text by text."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from longembed_rag.errors import TruncationWarning
from tests.families import BIASED, E5_ROPE, FAMILIES, ORIGINAL_LENGTH, methods_of
from tests.reference.definitions import Settings

if TYPE_CHECKING:
    from longembed_rag import LongEncoder
    from tests.conftest import EncoderFactory, ReferenceFactory
    from tests.reference.encode import ReferenceModel

TOLERANCE = 1e-4
#: Within the window, at its edge, just above it, at the edge of scale 2, at scales 4 and 8.
LENGTHS = (9, ORIGINAL_LENGTH, ORIGINAL_LENGTH + 1, 2 * ORIGINAL_LENGTH, 80, 7 * ORIGINAL_LENGTH)
EVERY = (*FAMILIES, E5_ROPE.name, *BIASED)
PAIRS = [(family, method) for family in EVERY for method in methods_of(family)]
#: One family for each way of numbering positions, of tokenizing, and of seeing other tokens.
REPRESENTATIVE = ("bert", "xlm-roberta", "modernbert", "gte", "gemma3_text", "mistral", "qwen3")
#: One for each way of numbering positions; the others of :data:`REPRESENTATIVE` are slow tests.
FEW = ("bert", "gte", "mistral")

PROMPTED = ("truncate", "pcw", "gp", "pi", "self_extend")


def options_of(settings: Settings) -> dict[str, Any]:
    """The encoder's options for a reference's settings."""
    options = asdict(settings)
    options["document_prompt"] = options.pop("prompt")
    del options["include_prompt"]  # the model's folder says it
    if settings.original_length == ORIGINAL_LENGTH:
        del options["original_length"]  # the encoder has to find it
    return options


def differences(
    encoder: LongEncoder, reference: ReferenceModel, settings: Settings, texts: list[str]
) -> dict[int, float]:
    """Largest difference of a vector's components, by the text's token count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        vectors = encoder.encode(texts).embeddings
    expected = [reference.encode(text, settings) for text in texts]
    return {
        reference.count(text, settings): float(np.abs(vector - wanted).max())
        for text, vector, wanted in zip(texts, vectors, expected, strict=True)
    }


def check(
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    family: str,
    settings: Settings,
    lengths: tuple[int, ...] = LENGTHS,
) -> None:
    """Compare texts of several lengths, read in one call."""
    reference = load_reference(family)
    texts = [reference.text(tokens, tokens, settings) for tokens in lengths]
    encoder = load_encoder(family, **options_of(settings))
    found = differences(encoder, reference, settings, texts)
    assert tuple(found) == lengths
    assert {tokens: value for tokens, value in found.items() if value > TOLERANCE} == {}
