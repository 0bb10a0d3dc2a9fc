"""Other frequencies and sharper attention through ``LongEncoder.encode``, against brute force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longembed_rag.extension import rows
from longembed_rag.extension.kernels import CUDNN, FLASH
from tests.exact import LENGTHS, TOLERANCE, check, differences, options_of
from tests.families import E5_ROPE, FAMILIES, LEARNED, ORIGINAL_LENGTH, ROTARY, spec_of
from tests.kernels_of_tests import interpreted
from tests.models import TinyModels, open_encoder
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel

if TYPE_CHECKING:
    from tests.conftest import EncoderFactory, ReferenceFactory

TURNING = (*ROTARY, E5_ROPE.name)
METHODS = ("dynamic_ntk", "ntk_by_parts", "abf", "longrope")
#: Every method on every family.
PAIRS = [(family, method) for family in TURNING for method in METHODS]
#: What a temperature and YaRN's factor are tried with: tables, and attention of each kind.
SHARPENED = [
    ("mpnet", "gp", "yarn"),
    ("gte", "none", "log_n"),
    ("modernbert", "self_extend", "yarn"),
    ("mistral", "self_extend", "log_n"),
    ("qwen3", "yarn", "yarn"),
]
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 5000.0,
    "short_factor": [1.0, 1.1, 1.25, 1.5],
    "long_factor": [1.0, 2.5, 3.5, 6.0],
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}


def pairs_of(family: str) -> int:
    """Rotated pairs of dimensions per head."""
    config = spec_of(family).config
    return (
        int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]) // 2
    )


def factors_for(family: str) -> str:
    """A file's factors for a family's model."""
    factors = [1.0 + 4.0 * k / pairs_of(family) for k in range(pairs_of(family))]
    return json.dumps(
        {
            "long_factor": factors,
            "original_max_position_embeddings": ORIGINAL_LENGTH,
            "factor": 8.0,
        }
    )


def settings_for(family: str, method: str, **changes: Any) -> Settings:
    """Settings of a method, with factors where it wants them."""
    factors = factors_for(family) if method == "longrope" else None
    return Settings(method=method, max_length=256, rope_factors=factors, **changes)


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_every_method_on_every_family(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """By each text's own length, local layers untouched."""
    check(load_encoder, load_reference, family, settings_for(family, method), (80,))


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["dynamic", "static"])
@pytest.mark.parametrize("resonance", [False, True])
@pytest.mark.parametrize("method", ["none", "pi", "ntk", "yarn", *METHODS])
@pytest.mark.parametrize("family", TURNING)
def test_every_length(
    family: str,
    method: str,
    resonance: bool,
    scaling: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """Within the window, just past it and far past it, in one call."""
    settings = settings_for(family, method, resonance=resonance, scaling=scaling)
    check(load_encoder, load_reference, family, settings, LENGTHS)


@pytest.mark.parametrize(
    ("family", "method"), [("gte", "none"), ("modernbert", "ntk"), ("mistral", "yarn")]
)
def test_whole_wavelengths(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Resonance rounds what a method makes of the frequencies."""
    settings = settings_for(family, method, resonance=True)
    check(load_encoder, load_reference, family, settings, (32, 80))


@pytest.mark.parametrize(
    ("family", "method", "scaling"),
    [
        *SHARPENED,
        *(
            pytest.param(family, method, scaling, marks=pytest.mark.slow)
            for family in FAMILIES
            for method in (("gp", "pi") if family in LEARNED else ("none", "ntk", "longrope"))
            for scaling in ("log_n", "yarn")
        ),
    ],
)
def test_sharper_attention(
    family: str,
    method: str,
    scaling: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
) -> None:
    """A temperature on top of either attention scaling, in all families."""
    settings = settings_for(family, method, attention_scaling=scaling, attention_temperature=0.8)
    check(load_encoder, load_reference, family, settings, (32, 80))


@pytest.mark.parametrize(
    ("family", "method"),
    [("mistral", "self_extend"), ("modernbert", "longrope")],
)
def test_on_the_way_of_a_gpu(
    family: str,
    method: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Texts of several lengths in one row, each by its own plan."""
    monkeypatch.setattr(rows, "_HEAVY", float("inf"))
    settings = settings_for(
        family, method, resonance=method != "self_extend", attention_temperature=0.7
    )
    with interpreted(FLASH, CUDNN) as counted:
        check(load_encoder, load_reference, family, settings, (20, 40, 40, 90)[::2])
    assert counted.flash


@pytest.mark.parametrize("family", ["llama", "gte"])
def test_a_model_that_comes_with_factors(
    family: str, tiny_models: TinyModels, load_encoder: EncoderFactory
) -> None:
    """Short texts are read by the short factors, long ones by the long ones, in the same batch."""
    heads = {"num_attention_heads": 4}
    folder = tiny_models.variant(family, f"{family}-longrope", rope_parameters=LONGROPE, **heads)
    reference = ReferenceModel(folder, family)
    texts = [reference.text(tokens, tokens) for tokens in (9, 16, 17, 33, 60)]
    for method in ("none", "longrope", "ntk"):
        # By its own factors, LongRoPE reads on as the model does.
        settings = Settings(method=method, max_length=256)
        encoder = load_encoder(folder, **options_of(settings))
        wanted = Settings(method="none") if method == "longrope" else settings
        assert max(differences(encoder, reference, wanted, texts).values()) < TOLERANCE, method


def test_short_and_long_as_in_transformers(tiny_models: TinyModels) -> None:
    """Text by text, which is how transformers takes the right factors as well."""
    import torch
    from transformers import AutoModel

    folder = tiny_models.variant("llama", "llama-longrope-stock", rope_parameters=LONGROPE)
    reference, encoder = ReferenceModel(folder, "llama"), open_encoder(folder, method="none")
    texts = [reference.text(tokens, tokens) for tokens in (9, 16, 17, 32, 100)]
    vectors = encoder.encode(texts).embeddings
    model = AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(texts, vectors, strict=True):
        with torch.no_grad():
            state = model(torch.tensor([reference.ids(text)])).last_hidden_state[0, -1].numpy()
        assert np.abs(vector - state / np.linalg.norm(state)).max() < 2e-5


@pytest.mark.parametrize("family", ["gte", "mistral"])
def test_short_stays_short(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Within the window the vector is the model's, whatever was asked for beyond it."""
    reference = load_reference(family)
    texts = [reference.text(tokens, tokens) for tokens in (4, 18, ORIGINAL_LENGTH)]
    plain = load_encoder(family, method="none").encode(texts).embeddings
    for method in METHODS:
        settings = settings_for(
            family, method, resonance=True, attention_scaling="yarn", attention_temperature=0.5
        )
        vectors = load_encoder(family, **options_of(settings)).encode(texts).embeddings
        assert np.array_equal(vectors, plain), method


@pytest.mark.parametrize("method", [*METHODS, "none"])
def test_own_length_only(
    method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Beside longer and shorter texts in one pass, the same vector as alone."""
    reference = load_reference("gte")
    settings = settings_for("gte", method, resonance=True, attention_temperature=0.9)
    encoder = load_encoder("gte", **options_of(settings))
    texts = [reference.text(tokens, tokens) for tokens in (20, 200, 50, 51)]
    together = encoder.encode(texts).embeddings
    alone = np.concatenate([encoder.encode([text]).embeddings for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-6)
