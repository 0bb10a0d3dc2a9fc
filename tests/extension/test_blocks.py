"""Norms and gated blocks in fewer kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from longembed_rag.extension.blocks import fuse_blocks
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory

#: How many modules of each tiny model have a faster way: norms, and gated blocks.
CHANGED = {
    "mistral": 2 * 3 + 1 + 3,
    "llama": 2 * 3 + 1 + 3,
    "qwen3": 4 * 3 + 1 + 3,
    "eurobert": 2 * 3 + 1 + 3,
    "nomic_bert": 3,
    "gte": 3,
    "gemma3_text": 6 * 4 + 1 + 4,
    "bert": 0,
}


@pytest.mark.parametrize("family", CHANGED)
def test_vectors_stay(family: str, tiny_models: TinyModels, load_encoder: EncoderFactory) -> None:
    """The same vectors up to rounding, by the same parameters under the same names."""
    texts = [text_of(9), text_of(60)]
    exact = load_encoder(family)
    fast = open_encoder(tiny_models.folder(family))
    kinds = {name: type(module).__name__ for name, module in fast.model.named_modules()}
    assert fuse_blocks(fast.model) == CHANGED[family]
    assert {name: type(module).__name__ for name, module in fast.model.named_modules()} == kinds
    assert fast.model.state_dict().keys() == exact.model.state_dict().keys()
    off = fast.encode(texts).embeddings - exact.encode(texts).embeddings
    assert np.abs(off).max() < 1e-5
    assert fuse_blocks(fast.model) == CHANGED[family], "a second time makes no difference"
    again = fast.encode(texts).embeddings
    assert np.array_equal(again, fast.encode(texts).embeddings)


def test_outside_of_a_pack_the_model_is_the_stock_one(
    tiny_models: TinyModels, load_encoder: EncoderFactory
) -> None:
    """To the bit, so that whoever calls the model gets transformers' own."""
    stock, fast = load_encoder("mistral"), open_encoder(tiny_models.folder("mistral"))
    fuse_blocks(fast.model)
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        theirs, ours = stock.model(ids), fast.model(ids)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)
