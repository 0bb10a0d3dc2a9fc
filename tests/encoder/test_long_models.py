"""Published models of the families here, each as a tiny random model of its shape and name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longembed_rag.encoder.long_models import LONG_MODELS
from longembed_rag.encoder.preset import Preset
from longembed_rag.encoder.presets import PRESETS, find_preset
from longembed_rag.errors import UnsupportedModelError
from tests.adapters import Bare
from tests.exact import TOLERANCE
from tests.families import ORIGINAL_LENGTH
from tests.models import Dense, TinyModels, edit_json, open_encoder
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel
from tests.tokenizers_of_tests import text_of

SHAPES = [*LONG_MODELS, *(preset for preset in PRESETS if preset.family == "t5")]


def named(tiny_models: TinyModels, preset: Preset, root: Path) -> Path:
    """A tiny model of a preset's family in a folder of its name."""
    name = preset.names[0].rpartition("/")[2]
    if preset.width is not None:
        dense = (Dense(preset.width),)
        return tiny_models.sentence_transformers(
            preset.family, name, pooling=preset.pooling, dense=dense
        )
    return Path(shutil.copytree(tiny_models.folder(preset.family), root / name))


@pytest.mark.parametrize("preset", SHAPES, ids=lambda preset: preset.names[0])
def test_each_is_read_as_its_card_says(
    preset: Preset, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Pooling, prompts, length and direction reach the vector."""
    folder = named(tiny_models, preset, tmp_path)
    known = open_encoder(folder).original_length
    assert known == (preset.original_length or ORIGINAL_LENGTH)
    # Prompts are longer than what tiny models are said to be trained on.
    length = preset.original_length or 256
    encoder = open_encoder(folder, method="none", original_length=length)
    assert (encoder.original_length, encoder.pooling) == (length, preset.pooling)
    assert encoder.query_prompt == preset.query_prompt
    assert encoder.document_prompt == preset.document_prompt
    if preset.bidirectional or preset.width is not None:
        assert encoder.dimension == (preset.width or 32)
        return  # below
    reference = ReferenceModel(folder, preset.family)
    settings = Settings(
        method="none",
        pooling=preset.pooling,
        prompt=preset.query_prompt,
        original_length=length,
    )
    text = reference.text(150, 1, settings)
    actual = encoder.encode([text], kind="query").embeddings[0]
    assert np.abs(actual - reference.encode(text, settings)).max() < TOLERANCE


@pytest.mark.parametrize("said", ["by its name", "by its config"])
def test_a_causal_architecture_without_its_mask(
    said: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """KaLM-Embedding-V2 sees both ways, in our passes and called directly, and says so."""
    import torch
    from transformers import AutoModel

    kalm = find_preset("KaLM-embedding-multilingual-mini-instruct-v2.5")
    assert kalm is not None
    folder = Path(shutil.copytree(tiny_models.folder("qwen2"), tmp_path / "some-model"))
    edit_json(folder / "config.json", lambda values: values | {"is_causal": False})
    stock = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    if said == "by its name":
        folder = named(tiny_models, kalm, tmp_path)
    encoder = open_encoder(folder, method="none", query_prompt="")
    texts = [text_of(words, words) for words in (5, 90)]
    ids = [[*each.content, *each.tail] for each in encoder.planner.tokenize(texts)]
    with torch.no_grad():
        expected = [stock(torch.tensor([row])).last_hidden_state[0].mean(0) for row in ids]
        direct = [encoder.model(torch.tensor([row])).last_hidden_state[0].mean(0) for row in ids]
    actual = encoder.encode(texts).embeddings
    for vector, wanted, called in zip(actual, expected, direct, strict=True):
        assert np.abs(vector - (wanted / wanted.norm()).numpy()).max() < TOLERANCE
        assert (called - wanted).abs().max() < TOLERANCE * wanted.norm()
    assert encoder.planner.vector_settings()["attention"] == "bidirectional"
    assert open_encoder(folder).method == "self_extend"
    plain = open_encoder(tiny_models.folder("qwen2"), method="none", pooling="mean")
    assert "attention" not in plain.planner.vector_settings()
    assert np.abs(plain.encode(texts[1:]).embeddings - actual[1:]).max() > 1e-2


def test_a_last_step_that_is_not_there(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Dewey's vectors have 2,048 numbers; pooled states alone would be others in silence."""
    dewey = find_preset("infgrad/dewey_en_beta")
    assert dewey is not None
    folder = named(tiny_models, replace(dewey, width=None), tmp_path)
    with pytest.raises(UnsupportedModelError, match=r"2,048 numbers.*makes 32"):
        open_encoder(folder)


def test_sitemb_is_an_adapter(tiny_models: TinyModels, tmp_path: Path) -> None:
    """What is known of SitEmb goes before what the folder of its base says."""
    web = {"query": "Instruct: Given a web search query\nQuery:", "document": ""}
    base = tiny_models.sentence_transformers(
        "qwen3", "sitemb-base", pooling="lasttoken", prompts=web
    )
    sitemb = find_preset("SituatedEmbedding/SitEmb-v1.5-Qwen3-note")
    assert sitemb is not None
    bare = Bare(tmp_path / "SitEmb-v1.5-Qwen3-note", base, name=str(base))
    encoder = open_encoder(bare.place, method="none")
    assert (encoder.original_length, encoder.pooling) == (8192, "last_token")
    reference = ReferenceModel(bare.merged(tmp_path / "merged"), "qwen3")
    settings = Settings(method="none", prompt=sitemb.query_prompt, original_length=8192)
    text = reference.text(150, 1, settings)
    actual = encoder.encode([text], kind="query").embeddings[0]
    assert np.abs(actual - reference.encode(text, settings)).max() < TOLERANCE


def test_dimensions_rise_to_the_whole_vector() -> None:
    """Each list ends with what some model of the row has, and none is named twice."""
    for preset in PRESETS:
        assert list(preset.dimensions) == sorted(set(preset.dimensions))
        assert all(size >= 32 for size in preset.dimensions)
    assert sum(bool(preset.dimensions) for preset in PRESETS) >= 5
