"""Pairings of model and method that make no sense are refused, with the list of what does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import (
    LongEmbedError,
    ModelLoadError,
    SettingsError,
    UnsafeWeightsError,
    UnsupportedMethodError,
)
from longembed_rag.extension.methods import METHODS
from tests.families import (
    FAMILIES,
    LEARNED,
    LEARNED_METHODS,
    ORIGINAL_LENGTH,
    ROTARY,
    ROTARY_METHODS,
)
from tests.models import TinyModels, build_alibi, open_encoder


def _factors(factors: list[float], length: int = ORIGINAL_LENGTH) -> str:
    stated = {
        "long_factor": factors,
        "original_max_position_embeddings": length,
        "factor": 8.0,
    }
    return json.dumps(stated)


def refusal(folder: Path, method: str) -> str:
    """The message with which a method is refused."""
    with pytest.raises(UnsupportedMethodError) as caught:
        open_encoder(folder, method=method)
    return str(caught.value)


@pytest.mark.parametrize("family", ROTARY)
def test_rotary_models_have_no_table_to_repeat(family: str, tiny_models: TinyModels) -> None:
    """RP is refused on a rotary model by name, and every method that works is listed."""
    message = refusal(tiny_models.folder(family), "rp")
    assert "rp" in message
    assert family in message
    assert all(method in message for method in ROTARY_METHODS)


@pytest.mark.parametrize("family", LEARNED)
@pytest.mark.parametrize("method", sorted({*METHODS} - {*LEARNED_METHODS}))
def test_tables_have_no_rotation(family: str, method: str, tiny_models: TinyModels) -> None:
    """What needs rotation, or reads past the table's end, is refused on learned positions."""
    message = refusal(tiny_models.folder(family), method)
    assert repr(method) in message
    assert all(each in message for each in LEARNED_METHODS)


@pytest.mark.parametrize("name", ["bert", "bloom"])
@pytest.mark.parametrize(
    "method", ["gp", "rp", "ntk", "self_extend", "abf", "dca", "string", "dpe"]
)
def test_alibi_models_have_neither(
    name: str, method: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """ALiBi models are refused by name, with what is left to them."""
    message = refusal(build_alibi(name, tmp_path_factory.mktemp(name)), method)
    assert "alibi" in message.lower()
    assert repr(method) in message
    assert "truncate" in message
    assert "pcw" in message


@pytest.mark.parametrize(
    ("family", "options", "reason"),
    [
        ("bert", {"method": "gp", "resonance": True}, "does not rotate"),
        ("gte", {"resonance": True}, r"not for 'self_extend': take method=none, pi"),
        ("gte", {"method": "pcw", "resonance": True}, "leave it off"),
        ("bert", {"attention_temperature": 0.8}, "'pcw' never does"),
        ("gte", {"method": "truncate", "attention_temperature": 0.8}, "name another method"),
        ("gte", {"method": "abf", "rope_theta": 100.0}, "own base, 500:"),
        ("gte", {"method": "longrope"}, "tune --rope-factors FILE"),
        ("gte", {"method": "longrope", "rope_factors": _factors([1.0] * 3)}, "3 factors"),
        ("gte", {"method": "longrope", "rope_factors": _factors([1.0] * 4, 64)}, "64 tokens"),
    ],
)
def test_settings_of_frequencies_that_do_not_fit(
    family: str, options: dict[str, Any], reason: str, tiny_models: TinyModels
) -> None:
    """What a setting is for is said, and what would fit; no weights are read."""
    with pytest.raises(SettingsError, match=reason):
        Planner.from_pretrained(tiny_models.folder(family), **options)


def test_alibi_models_are_read_by_another_attention(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A temperature cannot be put into it."""
    folder = build_alibi("bloom", tmp_path_factory.mktemp("bloom"))
    with pytest.raises(SettingsError, match="ALiBi"):
        Planner.from_pretrained(folder, attention_temperature=0.8)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_tokenizer(family: str, tiny_models: TinyModels) -> None:
    """The error names the folder and says that the tokenizer is missing."""
    folder = tiny_models.without_tokenizer(family)
    with pytest.raises(ModelLoadError, match="tokenizer") as caught:
        open_encoder(folder)
    assert folder.name in str(caught.value)


@pytest.mark.parametrize("family", ["bert", "modernbert", "mistral"])
def test_pickled_weights(family: str, tiny_models: TinyModels) -> None:
    """Weights that could run code are refused, and the way out is named."""
    folder = tiny_models.pickled(family)
    with pytest.raises(UnsafeWeightsError, match="safetensors") as caught:
        open_encoder(folder)
    assert folder.name in str(caught.value)


def test_a_broken_config(tiny_models: TinyModels) -> None:
    """A config that is no JSON is named."""
    folder = tiny_models.copy("bert", "bert-broken-config")
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelLoadError, match=r"config\.json"):
        open_encoder(folder)


def test_weights_that_do_not_fit(tiny_models: TinyModels) -> None:
    """Weights of another shape than the config's are refused, never filled in at random."""
    folder = tiny_models.copy("bert", "bert-other-weights")
    other = tiny_models.variant("bert", "bert-wider", intermediate_size=96)
    (other / "model.safetensors").replace(folder / "model.safetensors")
    with pytest.raises(ModelLoadError):
        open_encoder(folder)


def test_weights_of_another_architecture(tiny_models: TinyModels) -> None:
    """Weights without the model's layers are refused, never filled in at random."""
    folder = tiny_models.copy("bert", "bert-of-nomic")
    (tiny_models.copy("nomic_bert", "nomic-copy") / "model.safetensors").replace(
        folder / "model.safetensors"
    )
    with pytest.raises(ModelLoadError):
        open_encoder(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "magic"},
        {"max_length": 0},
        {"overflow": "ignore"},
        {"group_size": -1},
        {"ntk_lambda": 0.0},
        {"truncate_dim": 33},
        {"original_length": 33},
        {"max_length": 2},
        {"document_prompt": "note " * 40, "method": "pcw"},
    ],
    ids=str,
)
def test_settings_out_of_range(options: dict[str, Any], tiny_models: TinyModels) -> None:
    """A setting that cannot work is refused when the model is loaded or, at the latest, used."""
    folder = tiny_models.folder("bert")
    with pytest.raises(SettingsError) as caught:
        open_encoder(folder, **options).encode(["note card " * 40])
    assert isinstance(caught.value, LongEmbedError)
