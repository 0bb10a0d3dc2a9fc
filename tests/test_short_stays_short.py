"""Law 2: within the window, a vector is the original model's, under every method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.families import FAMILIES, ORIGINAL_LENGTH, ROTARY, methods_of
from tests.models import TinyModels, open_encoder
from tests.reference.encode import ReferenceModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.conftest import EncoderFactory, ReferenceFactory


pytestmark = pytest.mark.usefixtures("quiet_truncation")


@pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_short_stays_short(
    family: str,
    every: bool,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    tiny_models: TinyModels,
) -> None:
    """Up to L0 tokens every method gives what transformers' own model gives.

    With either scaling; by default with one of them, which goes round families and methods.
    """
    reference = load_reference(family)
    texts = [reference.text(tokens, tokens) for tokens in (4, 18, 31, ORIGINAL_LENGTH)]
    stock = stock_vectors(tiny_models.folder(family), family, [reference.ids(t) for t in texts])
    for number, method in enumerate(methods_of(family), [*FAMILIES].index(family)):
        for scaling in ("dynamic", "static") if every else (("dynamic", "static")[number % 2],):
            encoder = load_encoder(family, method=method, scaling=scaling)
            assert np.abs(encoder.encode(texts).embeddings - stock).max() <= 1e-5, method


_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
_YARN = {
    "rope_type": "yarn",
    "rope_theta": 5000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 8,
}
_LINEAR = {"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0}
_DYNAMIC = {"rope_type": "dynamic", "rope_theta": 5000.0, "factor": 4.0}
_SLIDING = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen2-sliding": ("qwen2", _SLIDING),
    "qwen3-sliding": ("qwen3", _SLIDING),
    "gemma3-causal": ("gemma3_text", {"use_bidirectional_attention": False}),
    "llama-llama3": ("llama", {"rope_parameters": _LLAMA3}),
    "qwen3-yarn": ("qwen3", {"rope_parameters": _YARN}),
    "jina-linear": ("jina_embeddings_v3", {"rope_parameters": _LINEAR}),
    "llama-dynamic": ("llama", {"rope_parameters": _DYNAMIC}),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "gte-without-types": ("gte", {"type_vocab_size": 0}),
    "modernbert-local": ("modernbert", {"layer_types": ["sliding_attention"] * 4}),
    "bert-relu": ("bert", {"hidden_act": "relu", "layer_norm_eps": 1e-3}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_short_stays_short_in_variants(
    name: str, load_encoder: EncoderFactory, tiny_models: TinyModels
) -> None:
    """Models with a rotary scaling, a window or a shape of their own are read as they are."""
    family, changes = VARIANTS[name]
    folder = tiny_models.variant(family, name, **changes)
    reference = ReferenceModel(folder, family)
    # "none" reads on as the model does; transformers' dynamic type would change with length.
    reads_on = "none" in methods_of(family) and "dynamic" not in name
    lengths = [4, 18, 32] + ([33, 120] if reads_on else [])
    texts = [reference.text(tokens, tokens) for tokens in lengths]
    stock = stock_vectors(folder, family, [reference.ids(text) for text in texts])
    for method in methods_of(family):
        encoder = load_encoder(folder, method=method, pooling=FAMILIES[family].pooling)
        read = len(lengths) if method == "none" else 3
        vectors = encoder.encode(texts[:read]).embeddings
        assert np.abs(vectors - stock[:read]).max() <= 1e-5, method


@pytest.mark.parametrize("family", [name for name in ROTARY if name != "mistral"])
def test_none_reads_on_unchanged(
    family: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    tiny_models: TinyModels,
) -> None:
    """``none`` is the stock model at any length, local layers included."""
    reference = load_reference(family)
    texts = [reference.text(tokens, tokens) for tokens in (33, 100, 200)]
    stock = stock_vectors(tiny_models.folder(family), family, [reference.ids(t) for t in texts])
    vectors = load_encoder(family, method="none").encode(texts).embeddings
    assert np.abs(vectors - stock).max() <= 1e-5


@pytest.mark.parametrize("method", ["none", "pcw", "self_extend"])
def test_short_stays_short_where_mistral_slides(method: str, tiny_models: TinyModels) -> None:
    """A sliding window within the stated context is no exception, whichever way L0 is taken.

    e5-mistral states 32,768 positions and a window of 4,096 tokens, for which it was trained.
    """
    name = "mistral-sliding"
    changes = {"max_position_embeddings": 4 * ORIGINAL_LENGTH, "sliding_window": ORIGINAL_LENGTH}
    folder = tiny_models.variant("mistral", name, **changes)
    encoder = open_encoder(folder, method=method)
    reference = ReferenceModel(folder, "mistral")
    lengths = [n for n in (20, 32, 33, 64, 100, 128) if n <= encoder.original_length]
    texts = [reference.text(tokens, tokens) for tokens in lengths]
    stock = stock_vectors(folder, "mistral", [reference.ids(text) for text in texts])
    differences = np.abs(encoder.encode(texts).embeddings - stock).max(1)
    assert lengths
    assert {n for n, value in zip(lengths, differences, strict=True) if value > 1e-5} == set()


def stock_vectors(folder: Path, family: str, ids: list[list[int]]) -> NDArray[np.float32]:
    """Normalised vectors by transformers' own model in float32, one text at a time."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for row in ids:
        with torch.no_grad():
            states = model(torch.tensor([row]), attention_mask=torch.ones(1, len(row)))
        states = states.last_hidden_state[0]
        vector = states[-1] if FAMILIES[family].causal else states.mean(0)
        rows.append((vector / vector.norm()).numpy())
    return np.stack(rows)
