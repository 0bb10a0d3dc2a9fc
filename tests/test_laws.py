"""The laws of the encoder, each on every family and method."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.errors import TextTooLongError, TruncationWarning
from tests.families import FAMILIES, ORIGINAL_LENGTH, PAIRS, covering
from tests.models import TinyModels
from tests.reference.definitions import Settings
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.conftest import EncoderFactory, ReferenceFactory


pytestmark = pytest.mark.usefixtures("quiet_truncation")


# Law 1: a text's vector depends on the text and the settings only.


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each row with its counterpart, in float64."""
    left, right = one.astype(np.float64), other.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(1) / norms)


LENGTHS = st.sampled_from([1, 5, 29, 30, 31, 62, 63, 100, 126, 190])


@pytest.mark.parametrize(("dtype", "least"), [("float32", 0.999999), ("bfloat16", 0.9999)])
@settings(max_examples=20, derandomize=True)
@given(
    pair=st.sampled_from(PAIRS),
    words=st.lists(LENGTHS, min_size=2, max_size=6),
    batch_tokens=st.sampled_from([1, 70, 256, 5000]),
    max_length=st.sampled_from([72, 256]),
)
def test_own_length_only(
    pair: tuple[str, str],
    words: list[int],
    batch_tokens: int,
    max_length: int,
    dtype: str,
    least: float,
    load_encoder: EncoderFactory,
    tiny_models: TinyModels,
) -> None:
    """Alone or with others of any length, in any order and batch size: the same vector."""
    family, method = pair
    # Wild weights would blow up bf16's rounding, which no trained model does.
    model = family if dtype == "float32" else tiny_models.calm(family)
    options = {"method": method, "max_length": max_length, "dtype": dtype}
    texts = [text_of(count, seed=index) for index, count in enumerate(words)]
    together = load_encoder(model, batch_tokens=batch_tokens, **options).encode(texts).embeddings
    alone_encoder = load_encoder(model, **options)
    alone = np.concatenate([alone_encoder.encode([text]).embeddings for text in texts])
    assert cosines(together, alone).min() >= least


@pytest.mark.parametrize(("family", "method"), covering(("bert", "gte"), 1))
def test_order_of_texts(family: str, method: str, load_encoder: EncoderFactory) -> None:
    """Results come back in the order of the texts, whatever order they were read in."""
    encoder = load_encoder(family, method=method, max_length=256)
    texts = [text_of(count, seed=count) for count in (3, 120, 31, 60, 1, 200)]
    forward = encoder.encode(texts)
    backward = encoder.encode(texts[::-1])
    assert cosines(forward.embeddings, backward.embeddings[::-1]).min() >= 0.999999
    assert forward.coverage == backward.coverage[::-1]


def test_running_out_of_memory_changes_nothing(
    load_encoder: EncoderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that fails half-way is repeated in halves; what it had done is not counted twice."""
    encoder = load_encoder("bert", method="pcw", normalize=False)
    texts = [text_of(200), text_of(90, seed=1)]
    expected = encoder.encode(texts).embeddings
    calls = iter(range(1000))
    pool = encoder._forward._wholes

    def failing_twice(*args: Any, **kwargs: Any) -> Any:
        if next(calls) in (0, 2):
            raise MemoryError
        return pool(*args, **kwargs)

    monkeypatch.setattr(encoder._forward, "_wholes", failing_twice)
    assert np.abs(encoder.encode(texts).embeddings - expected).max() < 1e-5
    assert next(calls) == 5  # all windows, the first half of them, the second, and its halves


# Law 4: nothing is lost in silence.


@pytest.mark.parametrize(("family", "method"), covering(("bert", "gte"), 1))
def test_every_token_is_accounted_for(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Coverage counts the text's tokens, those that were read, and the windows."""
    reference = load_reference(family)
    encoder = load_encoder(family, method=method, max_length=256)
    for tokens in (9, ORIGINAL_LENGTH, ORIGINAL_LENGTH + 1, 100, 256, 300):
        text = reference.text(tokens)
        coverage = encoder.encode([text]).coverage[0]
        frame = reference.count("")
        assert coverage.tokens == tokens == encoder.count_tokens(text)
        assert coverage.method == method
        assert coverage == encoder.coverage(text)
        if method == "truncate":
            assert coverage.tokens_read == min(tokens, ORIGINAL_LENGTH)
            assert coverage.windows == 1
        else:
            assert coverage.complete
            assert coverage.windows == windows_of(tokens - frame, frame, method)


def windows_of(content: int, frame: int, method: str, max_length: int = 256) -> int:
    """Forward windows of a text, by the definition of PCW and of ``overflow="windows"``."""
    pieces = [max_length - frame] * (content // (max_length - frame))
    pieces += [content % (max_length - frame)] if content % (max_length - frame) else []
    if method != "pcw":
        return len(pieces)
    return sum(math.ceil(piece / (ORIGINAL_LENGTH - frame)) for piece in pieces)


@pytest.mark.parametrize("family", FAMILIES)
def test_truncation_is_said(family: str, load_encoder: EncoderFactory) -> None:
    """The warning names the document, the tokens read and the tokens there."""
    text = text_of(1500)
    cut = [
        load_encoder(family, method="truncate"),
        load_encoder(family, method="pi", max_length=48, overflow="truncate"),
    ]
    for encoder, read in zip(cut, (ORIGINAL_LENGTH, 48), strict=True):
        with pytest.warns(TruncationWarning) as caught:
            encoding = encoder.encode(["note", text], names=["short one", "report.pdf"])
        assert encoding.coverage[0].complete
        assert encoding.coverage[1].tokens_read == read
        assert len(caught) == 1
        message = str(caught[0].message).replace(",", "")
        assert "report.pdf" in message
        assert str(read) in message
        assert str(encoder.count_tokens(text)) in message


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["truncate", "pcw", "pi"])
def test_nothing_is_said_where_all_is_read(
    family: str, method: str, load_encoder: EncoderFactory
) -> None:
    """No warning for a text that fits, nor where windows read the rest."""
    encoder = load_encoder(family, method=method, max_length=64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode([text_of(20)])
        if method != "truncate":
            encoder.encode([text_of(400)])


@pytest.mark.parametrize("family", FAMILIES)
def test_too_long_is_refused_by_name(family: str, load_encoder: EncoderFactory) -> None:
    """``overflow="error"`` names the text, its tokens and the limit, and lets what fits pass."""
    encoder = load_encoder(family, method="pi", max_length=48, overflow="error")
    assert encoder.encode([text_of(40)]).coverage[0].complete
    text = text_of(60)
    with pytest.raises(TextTooLongError) as caught:
        encoder.encode(["note", text], names=["short one", "report.pdf"])
    message = str(caught.value)
    assert "report.pdf" in message
    assert str(encoder.count_tokens(text)) in message
    assert "48" in message


def test_mean_of_windows_by_hand(
    load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """PCW's last window is shifted back to be full, and windows average before normalising."""
    reference = load_reference("bert")
    encoder = load_encoder("bert", method="pcw", normalize=False)
    text = text_of(70)
    words = text.split()
    windows = [words[0:30], words[30:60], words[40:70]]
    vectors = [reference.encode(" ".join(window), Settings(normalize=False)) for window in windows]
    assert np.abs(encoder.encode([text]).embeddings[0] - np.mean(vectors, axis=0)).max() < 1e-4
