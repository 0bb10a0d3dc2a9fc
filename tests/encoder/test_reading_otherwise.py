"""One set of weights, read in other ways; and passages whose places are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from longembed_rag.errors import InputError, SettingsError

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

TEXT = "The tenant signed the lease. " * 60 + "The rent is due in May."


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_it_is_what_loading_anew_gives(load_encoder: EncoderFactory, family: str) -> None:
    """... with the weights that are there."""
    encoder = load_encoder(family)
    changes = {"max_length": 128, "truncate_dim": 8}
    other = encoder.reading_otherwise(**changes)  # type: ignore[arg-type]
    assert other.model is encoder.model
    expected = load_encoder(family, **changes).encode([TEXT])
    found = other.encode([TEXT])
    np.testing.assert_array_equal(found.embeddings, expected.embeddings)
    assert found.coverage == expected.coverage
    assert encoder.encode([TEXT]).coverage != found.coverage


def test_what_does_not_fit_is_refused(load_encoder: EncoderFactory) -> None:
    """As it is when a model is loaded."""
    encoder = load_encoder("bert")
    with pytest.raises(SettingsError, match="ntk"):
        encoder.reading_otherwise(method="ntk")
    with pytest.raises(SettingsError, match="truncate_dim=100000"):
        encoder.reading_otherwise(truncate_dim=100_000)


def test_given_passages_are_those_of_the_text(load_encoder: EncoderFactory) -> None:
    """Where they lie as the text is cut, their vectors are the same; gaps are left out."""
    encoder = load_encoder("bert", method="pcw")
    whole = encoder.encode_passages(TEXT, passage_tokens=32)
    places = [(each.start, each.end) for each in whole.passages]
    found = encoder.encode_passages(TEXT, passages=places)
    np.testing.assert_allclose(found.embeddings, whole.embeddings, atol=1e-6)
    assert found.passages == whole.passages
    few = encoder.encode_passages(TEXT, passages=places[2::3])
    np.testing.assert_allclose(few.embeddings, whole.embeddings[2::3], atol=1e-6)


def test_passages_without_tokens_or_out_of_order_are_refused(load_encoder: EncoderFactory) -> None:
    """The message says which, and where it lies."""
    encoder = load_encoder("bert")
    with pytest.raises(InputError, match="passage 1, characters 3 to 4, holds nothing"):
        encoder.encode_passages("The  lease", passages=[(0, 3), (3, 4)])
    with pytest.raises(InputError, match="passage 1 begins before"):
        encoder.encode_passages("The lease", passages=[(0, 9), (4, 9)])
