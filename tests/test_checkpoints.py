"""Model folders in the forms in which they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.families import CAUSAL, FAMILIES, ORIGINAL_LENGTH
from tests.models import Dense, TinyModels, edit_json, open_encoder
from tests.reference.definitions import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from longembed_rag.encoder.settings import Kind
    from tests.conftest import EncoderFactory, ReferenceFactory

TOLERANCE = 1e-4
DENSE = (
    Dense(48, bias=False, activation="torch.nn.modules.linear.Identity"),
    Dense(24, activation="torch.nn.modules.activation.Tanh"),
)


def unit(vector: NDArray[Any]) -> NDArray[Any]:
    """The vector at unit length."""
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "xlm-roberta", "mpnet", "modernbert", "eurobert", *CAUSAL]
)
def test_saved_with_a_head(
    family: str, tiny_models: TinyModels, load_encoder: EncoderFactory, tmp_path: Path
) -> None:
    """A checkpoint with a language-model head, its names prefixed, gives the same vectors."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

    factory = AutoModelForCausalLM if family in CAUSAL else AutoModelForMaskedLM
    folder = tiny_models.copy(family, f"{family}-with-head")
    base = AutoModel.from_pretrained(folder)
    headed = factory.from_config(base.config)
    body = getattr(headed, headed.base_model_prefix)
    body.load_state_dict(base.state_dict(), strict=False)
    headed.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").replace(folder / "model.safetensors")
    texts = ["note able acid", "note cake lamp " * 30]
    expected = load_encoder(family, method="pcw").encode(texts).embeddings
    assert (
        np.abs(open_encoder(folder, method="pcw").encode(texts).embeddings - expected).max() < 1e-6
    )


def chained(vector: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The Dense steps of a sentence-transformers folder, by hand, in float64."""
    from safetensors.numpy import load_file

    for place in sorted(folder.glob("*_Dense")):
        weights = load_file(place / "model.safetensors")
        vector = weights["linear.weight"].astype(np.float64) @ vector
        vector = vector + weights.get("linear.bias", np.zeros(1))
        if json.loads((place / "config.json").read_text())["activation_function"].endswith("Tanh"):
            vector = np.tanh(vector)
    return vector


@pytest.mark.parametrize("family", ["bert", "gemma3_text"])
def test_the_whole_chain_is_honoured(
    family: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """Dense steps and prompts of the folder count, within the window and beyond it."""
    prompts: dict[Kind, str] = {"query": "query: ", "document": "passage: "}
    folder = tiny_models.sentence_transformers(
        family, f"{family}-chain", dense=DENSE, prompts=dict(prompts.items())
    )
    encoder, reference = open_encoder(folder, method="pi"), load_reference(family)
    assert encoder.dimension == 24
    assert (encoder.query_prompt, encoder.document_prompt) == ("query: ", "passage: ")
    for tokens in (20, 100):
        for kind, prompt in prompts.items():
            settings = Settings(method="pi", prompt=prompt, normalize=False)
            text = reference.text(tokens, tokens, settings)
            expected = unit(chained(reference.encode(text, settings), folder))
            actual = encoder.encode([text], kind=kind).embeddings[0]
            assert np.abs(actual - expected).max() < TOLERANCE


@pytest.mark.parametrize(
    ("stated", "pooling"), [("mean", "mean"), ("cls", "cls"), ("lasttoken", "last_token")]
)
def test_the_folders_pooling_wins(
    stated: str, pooling: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """``1_Pooling/config.json`` decides unless the user does."""
    folder = tiny_models.sentence_transformers("gte", f"gte-{stated}", pooling=stated)
    reference = load_reference("gte")
    text = reference.text(70)
    for asked in (None, "mean"):
        settings = Settings(method="ntk", pooling=asked or pooling)
        encoder = open_encoder(folder, method="ntk", pooling=asked)
        expected = reference.encode(text, settings)
        assert encoder.pooling == settings.pooling
        assert np.abs(encoder.encode([text]).embeddings[0] - expected).max() < TOLERANCE


def test_settings_win_over_the_folders_prompts(tiny_models: TinyModels) -> None:
    """A prompt given by the user, the empty one too, takes the place of the folder's."""
    prompts = {"query": "query: ", "document": "passage: "}
    folder = tiny_models.sentence_transformers("bert", "bert-prompts", prompts=prompts)
    encoder = open_encoder(folder, method="pcw", query_prompt="search: ", document_prompt="")
    assert (encoder.query_prompt, encoder.document_prompt) == ("search: ", "")


@pytest.mark.parametrize("family", ["roberta", "bert"])
def test_a_folders_own_limit_does_not_cut(
    family: str, tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """``max_seq_length`` of a folder is no reason to lose tokens."""
    name = f"{family}-limit"
    folder = tiny_models.sentence_transformers(family, name, max_seq_length=16)
    reference = load_reference(family)
    text = reference.text(100)
    encoding = open_encoder(folder, method="gp").encode([text])
    expected = reference.encode(text, Settings(method="gp"))
    assert encoding.coverage[0].complete
    assert np.abs(encoding.embeddings[0] - expected).max() < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("family", [name for name, f in FAMILIES.items() if f.special.pad])
def test_sentence_transformers_agrees(family: str, tiny_models: TinyModels) -> None:
    """Within the window, sentence-transformers itself gives the same vectors for the folder."""
    from sentence_transformers import SentenceTransformer

    prompts = {"query": "query: ", "document": "passage: "}
    pooling = "lasttoken" if family == "qwen3" else "mean"
    folder = tiny_models.sentence_transformers(
        family, f"{family}-agrees", pooling=pooling, dense=DENSE, prompts=prompts
    )
    theirs = SentenceTransformer(str(folder), device="cpu")
    ours = open_encoder(folder, method="pcw")
    texts = ["note able acid", "note cake lamp desk zero", "note"]
    for kind in ("query", "document"):
        expected = theirs.encode(texts, prompt=prompts[kind], normalize_embeddings=True)
        assert np.abs(ours.encode(texts, kind=kind).embeddings - expected).max() < 1e-5


def test_sharded_weights(tiny_models: TinyModels, load_encoder: EncoderFactory) -> None:
    """Weights in several safetensors files are read as one."""
    from transformers import AutoModel

    folder = tiny_models.copy("bert", "bert-sharded")
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    texts = ["note able acid"]
    expected = load_encoder("bert", method="pcw").encode(texts).embeddings
    assert (
        np.abs(open_encoder(folder, method="pcw").encode(texts).embeddings - expected).max() < 1e-6
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_original_length_is_found(family: str, load_encoder: EncoderFactory) -> None:
    """L0 comes from the config, less the rows that RoBERTa, XLM-R and MPNet never use."""
    assert load_encoder(family, method="pcw").original_length == ORIGINAL_LENGTH


def test_old_configs_of_rotary_models(
    tiny_models: TinyModels, load_reference: ReferenceFactory
) -> None:
    """``rope_theta`` at the top of a config, as before transformers 5, is the model's own base."""

    def older(values: dict[str, Any]) -> dict[str, Any]:
        return values | {"rope_theta": values.pop("rope_parameters")["rope_theta"]}

    folder = tiny_models.copy("llama", "llama-old-config")
    edit_json(folder / "config.json", older)
    reference = load_reference("llama")
    text = reference.text(100)
    for method in ("ntk", "self_extend", "yarn"):
        expected = reference.encode(text, Settings(method=method))
        actual = open_encoder(folder, method=method).encode([text]).embeddings[0]
        assert np.abs(actual - expected).max() < TOLERANCE
