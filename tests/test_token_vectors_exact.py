"""The vectors of tokens through ``LongEncoder``, against brute force in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from longembed_rag.encoder.token_vectors import TokenOptions
from tests.exact import PAIRS, TOLERANCE, options_of
from tests.families import FAMILIES, covering
from tests.reference.definitions import Settings

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory, ReferenceFactory

EXACT = TokenOptions(pool=1, bits=False)
READ_WHOLE = [pair for pair in PAIRS if pair[1] != "truncate"]


@pytest.mark.parametrize(("family", "method"), covering(("bert", "gte"), 1, READ_WHOLE))
def test_tokens_of_passages(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Every token of a text has the vector of the window that read it first, whatever the cut."""
    settings = Settings(method=method, max_length=72)
    encoder, reference = load_encoder(family, **options_of(settings)), load_reference(family)
    for length in (9, 80, 150):
        text = reference.text(length, settings=settings)
        tokens = encoder.encode_passages(text, passage_tokens=11, tokens=EXACT).tokens
        assert tokens is not None
        expected = reference.tokens(text, settings)
        assert tokens.counts.sum() == len(expected)
        assert np.abs(tokens.vectors - expected).max() < TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_of_queries(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """A query's tokens come with its specials and without its prompt, from the same reading."""
    settings = Settings(method="pcw", max_length=256, prompt="find: ")
    given = options_of(settings)
    given["query_prompt"] = given.pop("document_prompt")
    encoder, reference = load_encoder(family, **given), load_reference(family)
    texts = [reference.text(length, seed=length, settings=settings) for length in (12, 20)]
    encoding = encoder.encode_queries(texts)
    np.testing.assert_array_equal(
        encoding.embeddings, encoder.encode(texts, kind="query").embeddings
    )
    for text, tokens in zip(texts, encoding.tokens, strict=True):
        expected = reference.query_tokens(text, settings)
        assert tokens.shape == expected.shape
        assert np.abs(tokens - expected).max() < TOLERANCE


def test_passages_stay_what_they_are(load_encoder: EncoderFactory) -> None:
    """Asking for tokens changes neither the vector of the whole nor those of passages."""
    encoder = load_encoder("bert", method="pcw")
    text = "one two three four five. " * 20
    plain = encoder.encode_passages(text, passage_tokens=16)
    also = encoder.encode_passages(text, passage_tokens=16, tokens=EXACT)
    assert plain.tokens is None
    np.testing.assert_array_equal(plain.embedding, also.embedding)
    np.testing.assert_array_equal(plain.embeddings, also.embeddings)


def test_bits_are_of_the_exact_vectors(load_encoder: EncoderFactory) -> None:
    """Bits are the signs of the exact vectors beside the model's mean token, a constant."""
    encoder = load_encoder("bert", method="pcw")
    text = "one two three four five. " * 20
    exact = encoder.encode_passages(text, passage_tokens=16, tokens=EXACT).tokens
    bits = encoder.encode_passages(text, passage_tokens=16, tokens=TokenOptions(pool=1)).tokens
    assert exact is not None
    assert bits is not None
    assert bits.as_bits
    assert not exact.as_bits
    spelled = np.unpackbits(bits.vectors, axis=1, count=bits.dimension)
    np.testing.assert_array_equal(spelled, exact.vectors > encoder.token_centre)
    assert 0 < np.linalg.norm(encoder.token_centre) < 1


def test_the_mean_token_of_models_that_refuse_or_cut(load_encoder: EncoderFactory) -> None:
    """Where long texts are refused it is taken of sentences, and where those are it is zero."""
    sentences = load_encoder("bert", method="pcw", max_length=64, overflow="error").token_centre
    assert 0 < np.linalg.norm(sentences) < 1
    nothing = load_encoder("bert", method="pcw", max_length=4, overflow="error").token_centre
    assert not nothing.any()
    assert load_encoder("bert", method="truncate", max_length=40).token_centre.any()
