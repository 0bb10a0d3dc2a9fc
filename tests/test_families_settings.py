"""Overrides, unusual shapes and other paths of the encoder, against brute force in float64."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.exact import LENGTHS, PAIRS, REPRESENTATIVE, TOLERANCE, check, differences, options_of
from tests.families import BY_PIECES, CAUSAL, FAMILIES, LEARNED, ROTARY
from tests.models import TinyModels, build_e5_rope, open_encoder
from tests.reference.definitions import Settings, reading_of
from tests.reference.encode import ReferenceModel

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory, ReferenceFactory

OVERRIDES = [
    *(("gp", family, {"group_size": 11}) for family in ("bert", "roberta", "gte", "qwen2")),
    *(("self_extend", family, {"group_size": 12}) for family in ("gemma3_text", "qwen3")),
    *(("self_extend", family, {"neighbor_window": 1}) for family in ("gte", "llama")),
    *(("self_extend", family, {"neighbor_window": 17}) for family in ("modernbert", "mistral")),
    (
        "self_extend",
        "jina_embeddings_v3",
        {"group_size": 9, "neighbor_window": 13, "attention_scaling": "none"},
    ),
    ("self_extend", "qwen2", {"group_size": 9, "neighbor_window": 13}),
    ("self_extend", "nomic_bert", {"neighbor_window": 500}),
    ("self_extend", "eurobert", {"group_size": 1}),
    *(("ntk", family, {"ntk_lambda": 6.5}) for family in ("modernbert", "eurobert", "mistral")),
    *((method, "nomic_bert", {"original_length": 16}) for method in ("pcw", "self_extend", "yarn")),
    *((method, "llama", {"original_length": 20}) for method in ("ntk", "self_extend", "truncate")),
    ("dca", "gte", {"chunk_size": 11}),
    ("dca", "mistral", {"chunk_size": 20, "neighbor_window": 5}),
    ("dca", "nomic_bert", {"neighbor_window": 20}),
    ("string", "modernbert", {"neighbor_window": 1}),
    ("string", "qwen3", {"neighbor_window": 31}),
    ("dpe", "llama", {"group_size": 6, "neighbor_window": 9}),
    *((method, "xlm-roberta", {"original_length": 24}) for method in ("pcw", "rp", "truncate")),
]


@pytest.mark.parametrize(("method", "family", "changes"), OVERRIDES)
def test_overrides(
    method: str,
    family: str,
    changes: dict[str, Any],
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """Explicit settings take the place of the ones that follow from the scale."""
    settings = Settings(method=method, max_length=256, **changes)
    check(load_encoder, load_reference, family, settings, (12, 33, 100))


@pytest.mark.parametrize("family", ROTARY)
def test_self_extend_at_every_length_near_its_window(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """No length near a multiple of the window or of the group size is special."""
    settings = Settings(method="self_extend", max_length=256)
    lengths = (33, 34, 47, 48, 49, 63, 64, 65, 66, 127, 128, 129)
    check(load_encoder, load_reference, family, settings, lengths)


@pytest.mark.slow
@pytest.mark.parametrize("family", ROTARY)
@pytest.mark.parametrize("method", BY_PIECES)
def test_distances_at_every_length_near_chunks_and_periods(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """No length near a multiple of a chunk (24), a period (22) or a group is special."""
    settings = Settings(method=method, max_length=256)
    lengths = (33, 47, 48, 49, 53, 54, 55, 71, 72, 73, 75, 76, 77, 97, 98, 99)
    check(load_encoder, load_reference, family, settings, lengths)


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *(
            pytest.param(family, method, marks=pytest.mark.slow)
            for family in ("gte", "modernbert", "gemma3_text", "qwen3")
            for method in BY_PIECES
        ),
        ("mpnet", "pi"),
        ("eurobert", "string"),
        *((family, "self_extend") for family in ("modernbert", "gemma3_text", "gte", "qwen3")),
        ("mistral", "ntk"),
    ],
)
def test_a_larger_window(family: str, method: str, tiny_models: TinyModels) -> None:
    """A window of 128 tokens and texts up to 640: many blocks, whatever size they have."""
    window = 128
    positions = window + 2 if family == "mpnet" else window
    changes: dict[str, Any] = {"max_position_embeddings": positions, "num_hidden_layers": 2}
    if family in ("modernbert", "gemma3_text"):
        changes["layer_types"] = ["sliding_attention", "full_attention"]
        changes["local_attention" if family == "modernbert" else "sliding_window"] = 150
    if family == "mistral":
        changes["sliding_window"] = window
    folder = tiny_models.variant(family, f"{family}-larger", **changes)
    reference = ReferenceModel(folder, family)
    settings = Settings(method=method, max_length=1024, original_length=window)
    texts = [reference.text(tokens, tokens) for tokens in (window, 200, 640)]
    encoder = open_encoder(folder, method=method, max_length=1024)
    assert encoder.original_length == window
    assert max(differences(encoder, reference, settings, texts).values()) < TOLERANCE


@pytest.mark.parametrize("family", ["gte", "modernbert", "llama", "mpnet"])
@pytest.mark.parametrize("change", ["small blocks", "no fused kernel"])
def test_every_path_through_attention(
    family: str,
    change: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Blocks cut smaller, and the fallback for torch without the private kernel, are exact too."""
    module = "longembed_rag.extension.attention."
    if change == "small blocks":
        monkeypatch.setattr(module + "_BLOCK_ELEMENTS", 50_000)
        monkeypatch.setattr(module + "_BAND_ELEMENTS", 50_000)
    else:
        monkeypatch.setattr(module + "_fused_with_lse", lambda *args, **kwargs: None)
    method = "gp" if family == "mpnet" else "self_extend"
    settings = Settings(method=method, max_length=512)
    check(load_encoder, load_reference, family, settings, (33, 200, 400))


@pytest.mark.gpu
@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_on_a_gpu(family: str, method: str, gpu: str, tiny_models: TinyModels) -> None:
    """The same vectors on a GPU."""
    folder = tiny_models.folder(family)
    reference = ReferenceModel(folder, family)
    settings = Settings(method=method, max_length=256)
    encoder = open_encoder(folder, **options_of(settings), device=gpu)
    texts = [reference.text(tokens, tokens) for tokens in LENGTHS]
    assert max(differences(encoder, reference, settings, texts).values()) < TOLERANCE


@pytest.mark.parametrize("prefix", ["e5rope.", "bert."])
def test_e5_rope_under_a_prefix(
    prefix: str, tiny_models: TinyModels, load_reference: ReferenceFactory, tmp_path: Path
) -> None:
    """E5-RoPE saved with a head keeps its weights: the prefix of their names is read past."""
    folder = build_e5_rope(tmp_path, prefix)
    settings = Settings(method="self_extend")
    reference = load_reference("e5rope")
    encoder = open_encoder(folder, method="self_extend")
    texts = [reference.text(tokens) for tokens in (20, 100)]
    assert max(differences(encoder, reference, settings, texts).values()) < TOLERANCE


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 70, "max_window_layers": 2}),
        ("gemma3_text", {"use_bidirectional_attention": False}),
    ],
)
@pytest.mark.parametrize("method", ["gp", "self_extend", "yarn"])
def test_causal_models_with_local_layers(
    family: str, changes: dict[str, Any], method: str, tiny_models: TinyModels
) -> None:
    """Local layers of causal models keep their window too."""
    folder = tiny_models.variant(family, f"{family}-causal-local", **changes)
    reference = ReferenceModel(folder, family)
    settings = Settings(method=method, max_length=256, pooling="last_token")
    encoder = open_encoder(folder, **options_of(settings))
    texts = [reference.text(tokens, tokens) for tokens in (20, 40, 150)]
    assert max(differences(encoder, reference, settings, texts).values()) < TOLERANCE


@pytest.mark.parametrize("family", REPRESENTATIVE)
@pytest.mark.parametrize("method", ["gp", "pi"])
@pytest.mark.parametrize("tokens", [25, 120])
def test_passages_are_pooled_from_one_forward_pass(
    family: str,
    method: str,
    tokens: int,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """Late chunking: a passage's vector is made of the whole document's token states."""
    settings = Settings(method=method, max_length=256, prompt="passage: ")
    reference = load_reference(family)
    text = reference.text(tokens, tokens, settings)
    result = load_encoder(family, **options_of(settings)).encode_passages(text, passage_tokens=16)
    ids = reference.ids(text, settings)
    states = reference.states(tuple(ids), reading_of(len(ids), settings)).numpy()
    prompt, content = reference.tokenize(text, settings.prompt)
    start = len(prompt) + int(FAMILIES[family].special.prefix is not None)
    assert sum(passage.tokens for passage in result.passages) == len(content)
    for passage, vector in zip(result.passages, result.embeddings, strict=True):
        rows = states[start : start + passage.tokens]
        start += passage.tokens
        expected = rows[-1] if FAMILIES[family].causal else rows.mean(0)
        assert 0 < passage.tokens <= 16
        assert np.abs(vector - expected / np.linalg.norm(expected)).max() < TOLERANCE
    assert np.abs(result.embedding - reference.encode(text, settings)).max() < TOLERANCE
    words = [text[passage.start : passage.end].split() for passage in result.passages]
    assert [word for part in words for word in part] == text.split()


@pytest.mark.parametrize("family", [*CAUSAL, *LEARNED])
def test_truncate_dim(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """``truncate_dim`` keeps the leading components and makes unit length of them."""
    settings = Settings(method="pcw", normalize=False)
    reference = load_reference(family)
    text = reference.text(70)
    expected = reference.encode(text, settings)[:12]
    actual = load_encoder(family, method="pcw", truncate_dim=12).encode([text]).embeddings[0]
    assert actual.shape == (12,)
    assert np.abs(actual - expected / np.linalg.norm(expected)).max() < TOLERANCE
