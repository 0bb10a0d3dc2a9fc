"""Input that nobody means to send: a finite vector, or an error of our own that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longembed_rag.errors import InputError, LongEmbedError
from tests.exact import REPRESENTATIVE
from tests.families import FAMILIES, mostly
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

# What no model knows is here on purpose; that it is said is for the tests of the encoder.
pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.UnknownTokensWarning")

BAD = {
    "empty": "",
    "blank": "   \n",
    "control": "\x00",
    "nul-inside": "note\x00card",
    "surrogate": "\ud800",
    "surrogate-inside": "note \udcff card",
    "long-word": "a" * 3_000,
    "no-vocabulary": "\U0001f9ff漢字",
    "joiners": "\u200b\u200d\ufeff",
    "specials": "</s> [SEP] <pad> [PAD] <|endoftext|> <s> [CLS]",
}
#: The prompt alone must not hide that a text is empty, nor break on it.
PROMPTS = ("", "passage: ")


def vector_or_none(
    load_encoder: EncoderFactory, family: str, method: str, prompt: str, text: str
) -> np.ndarray | None:
    """The text's vector among others; None where it is refused by name."""
    encoder = load_encoder(family, method=method, max_length=1024, document_prompt=prompt)
    refused: LongEmbedError | None = None
    try:
        encoding = encoder.encode(["note", text, text_of(50)], names=["one", "bad.txt", "three"])
    except LongEmbedError as error:
        refused = error
    if refused is not None:
        assert isinstance(refused, InputError)
        assert "bad.txt" in str(refused)
        return None
    assert np.isfinite(encoding.embeddings).all()
    assert np.linalg.norm(encoding.embeddings, axis=1) == pytest.approx(1, abs=1e-4)
    assert encoding.coverage[1].complete
    vector: np.ndarray = encoding.embeddings[1]
    return vector


@pytest.mark.parametrize(
    ("family", "name"),
    mostly(REPRESENTATIVE, [(family, name) for family in FAMILIES for name in BAD]),
)
def test_a_vector_or_an_error(family: str, name: str, load_encoder: EncoderFactory) -> None:
    """Whatever the text, the outcome is finite or refused by name, with and without a prompt."""
    for prompt in PROMPTS:
        vector_or_none(load_encoder, family, "pcw", prompt, BAD[name])


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert", "gemma3_text", "llama"])
@pytest.mark.parametrize("name", ["empty", "surrogate", "specials"])
@pytest.mark.parametrize("method", ["gp", "pi"])
def test_extended_methods_too(
    family: str, name: str, method: str, load_encoder: EncoderFactory
) -> None:
    """The same for methods that read texts in one piece."""
    vector_or_none(load_encoder, family, method, "", BAD[name])


@pytest.mark.parametrize("family", FAMILIES)
def test_one_bad_text_does_not_change_the_others(family: str, load_encoder: EncoderFactory) -> None:
    """A lone surrogate beside a text leaves that text's vector as it is."""
    encoder = load_encoder(family, method="pcw")
    good = encoder.encode(["note card"]).embeddings[0]
    beside = encoder.encode(["note \ud800 card", "note card"]).embeddings[1]
    assert np.abs(good - beside).max() < 1e-6


@pytest.mark.parametrize("bad", [None, 3, b"note"], ids=str)
def test_what_is_no_text(bad: Any, load_encoder: EncoderFactory) -> None:
    """Something other than a string is refused by name."""
    encoder = load_encoder("bert", method="pcw")
    with pytest.raises(InputError, match=r"bad\.txt"):
        encoder.encode(["note", bad], names=["one", "bad.txt"])


def test_one_string_for_many(load_encoder: EncoderFactory) -> None:
    """A bare string is not taken for a list of letters."""
    with pytest.raises(InputError, match="list"):
        load_encoder("bert", method="pcw").encode("note")


def test_no_texts(load_encoder: EncoderFactory) -> None:
    """No texts give no vectors, of the right width."""
    encoder = load_encoder("bert", method="pcw")
    encoding = encoder.encode([])
    assert encoding.embeddings.shape == (0, encoder.dimension)
    assert encoding.coverage == ()
