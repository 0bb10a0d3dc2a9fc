"""T5 and models with ALiBi: against stock transformers, and under the laws of the others.

Every method on every of them against brute force in float64 is in test_families_exact.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longembed_rag.errors import (
    ModelLoadError,
    SettingsError,
    UnsupportedMethodError,
    UnsupportedModelError,
)
from tests.biased_models import build_biased
from tests.exact import PAIRS, TOLERANCE, check, differences
from tests.families import BIASED, ORIGINAL_LENGTH, methods_of
from tests.models import Dense, TinyModels, edit_json, open_encoder, write_dense
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel
from tests.tokenizers_of_tests import text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.conftest import EncoderFactory, ReferenceFactory

pytestmark = pytest.mark.usefixtures("quiet_truncation")

#: Those that transformers has a class for.
STOCK = ("t5", "bloom", "mpt")


def stock_vectors(folder: Path, family: str, ids: list[list[int]]) -> NDArray[np.float32]:
    """Vectors of unit length by transformers' own model in float32, one text at a time."""
    import torch
    from transformers import AutoModel, T5EncoderModel

    loader = T5EncoderModel if family == "t5" else AutoModel
    model = loader.from_pretrained(folder).eval()
    rows = []
    for row in ids:
        with torch.no_grad():
            states = model(torch.tensor([row]), attention_mask=torch.ones(1, len(row)))
        states = states.last_hidden_state[0]
        vector = states[-1] if BIASED[family].causal else states.mean(0)
        rows.append((vector / vector.norm()).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("family", STOCK)
def test_short_stays_short(
    family: str,
    load_encoder: EncoderFactory,
    load_reference: ReferenceFactory,
    tiny_models: TinyModels,
) -> None:
    """Up to L0 tokens every method gives what transformers' own model gives; none beyond, too."""
    reference = load_reference(family)
    # transformers' MPT builds no biases for more tokens than it was trained on.
    beyond = (33, 120) if family != "mpt" else ()
    lengths = (4, 18, ORIGINAL_LENGTH, *beyond)
    texts = [reference.text(tokens, tokens) for tokens in lengths]
    stock = stock_vectors(tiny_models.folder(family), family, [reference.ids(t) for t in texts])
    for method in methods_of(family):
        read = len(texts) if method == "none" else 3
        encoder = load_encoder(family, method=method)
        assert np.abs(encoder.encode(texts[:read]).embeddings - stock[:read]).max() <= 1e-5, method


@pytest.mark.parametrize("family", BIASED)
def test_the_model_called_directly_is_the_stock_one(
    family: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Without a pack, BERT with ALiBi has its biases, and all others are transformers' own."""
    import torch

    reference, encoder = load_reference(family), load_encoder(family, method="none")
    ids = reference.ids(reference.text(20, 20))
    with torch.no_grad():
        states = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    vector = states[-1] if BIASED[family].causal else states.mean(0)
    expected = reference.encode(reference.text(20, 20), Settings(method="none"))
    assert np.abs((vector / vector.norm()).numpy() - expected).max() < TOLERANCE


@pytest.mark.parametrize(("family", "method"), [("alibi_bert", "pi"), ("mpt", "pi"), ("t5", "pcw")])
def test_static_unscaled_and_longer_than_allowed(
    family: str, method: str, load_encoder: EncoderFactory, load_reference: ReferenceFactory
) -> None:
    """Slopes flatter by the static scale, here 3, without log-n; windows beyond max_length."""
    settings = Settings(method=method, max_length=72, scaling="static", attention_scaling="none")
    check(load_encoder, load_reference, family, settings, (20, 60, 150))


@pytest.mark.parametrize("family", BIASED)
def test_a_vector_follows_from_its_own_text(family: str, load_encoder: EncoderFactory) -> None:
    """Neither neighbours nor the size of a pass change it."""
    texts = [text_of(words, words) for words in (5, 70, 30, 5, 130)]
    together = load_encoder(family, method="none").encode(texts).embeddings
    alone = [
        load_encoder(family, method="none", batch_tokens=16).encode([text]).embeddings[0]
        for text in texts
    ]
    assert np.abs(together - np.stack(alone)).max() < 2e-6


def test_methods_differ(load_reference: ReferenceFactory) -> None:
    """Flatter slopes, windows and reading on move a long text's vector beyond any tolerance."""
    for family in BIASED:
        reference = load_reference(family)
        text = reference.text(7 * ORIGINAL_LENGTH)
        found = [reference.encode(text, Settings(method=each)) for each in methods_of(family)]
        for i, one in enumerate(found):
            assert all(np.abs(one - other).max() > 5e-3 for other in found[:i]), family


def test_mosaic_bert_is_read_alike(
    load_encoder: EncoderFactory, load_reference: ReferenceFactory, tmp_path: Path
) -> None:
    """The same weights under MosaicBERT's names, query, key and value in one, make the same."""
    folder = build_biased("alibi_bert", tmp_path / "mosaic", fused=True)
    reference = load_reference("alibi_bert")
    texts = [reference.text(tokens, tokens) for tokens in (9, 100)]
    for method in ("none", "pi"):
        encoder = open_encoder(folder, method=method)
        found = differences(encoder, reference, Settings(method=method), texts)
        assert max(found.values()) < TOLERANCE


def test_gates_by_relu(tmp_path: Path) -> None:
    """feed_forward_type says how blocks gate; a kind without gates is refused by name."""
    folder = build_biased("alibi_bert", tmp_path / "reglu", feed_forward_type="reglu")
    reference = ReferenceModel(folder, "alibi_bert")
    texts = [reference.text(tokens, tokens) for tokens in (9, 60)]
    found = differences(open_encoder(folder, method="none"), reference, Settings(), texts)
    assert max(found.values()) < TOLERANCE
    plain = build_biased("alibi_bert", tmp_path / "plain", feed_forward_type="original")
    with pytest.raises(UnsupportedModelError, match="feed_forward_type='original'"):
        open_encoder(plain)


def test_norms_of_queries_and_keys(tmp_path: Path) -> None:
    """The layers of jina-embeddings-v2-base-code, under none and pi, and called directly."""
    import torch

    folder = build_biased("alibi_bert", tmp_path / "code", normed=True)
    reference = ReferenceModel(folder, "alibi_bert")
    texts = [reference.text(tokens, tokens) for tokens in (9, 100)]
    for method in ("none", "pi"):
        encoder = open_encoder(folder, method=method)
        found = differences(encoder, reference, Settings(method=method), texts)
        assert max(found.values()) < TOLERANCE
    ids = reference.ids(texts[0])
    with torch.no_grad():
        vector = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
    expected = reference.encode(texts[0], Settings())
    assert np.abs((vector / vector.norm()).numpy() - expected).max() < TOLERANCE


def test_layers_of_another_kind_are_refused(tmp_path: Path) -> None:
    """Weights that are not known would change vectors; missing ones would be random."""
    from safetensors.torch import load_file, save_file

    folder = build_biased("alibi_bert", tmp_path / "odd")
    file = folder / "model.safetensors"
    weights = load_file(file)
    norm = weights["embeddings.LayerNorm.weight"].clone()
    name = "encoder.layer.0.attention.self.rescale.weight"
    save_file({**weights, name: norm}, file)
    with pytest.raises(UnsupportedModelError, match=r"self\.rescale"):
        open_encoder(folder)
    del weights["encoder.layer.2.mlp.wo.bias"]
    save_file(weights, file)
    with pytest.raises(ModelLoadError, match=r"mlp\.down_proj\.bias"):
        open_encoder(folder)


def test_slopes_of_foreign_code_are_out_of_reach(tiny_models: TinyModels) -> None:
    """Where the attention with ALiBi is not known here, pi would change nothing, and is refused."""
    folder = tiny_models.copy("llama", "foreign-alibi")
    edit_json(folder / "config.json", lambda values: values | {"alibi": True})
    with pytest.raises(UnsupportedMethodError, match="out of reach"):
        open_encoder(folder, method="pi")
    assert open_encoder(folder).method == "none"


def test_t5_is_refused_in_float16(tiny_models: TinyModels) -> None:
    """Its states exceed what float16 holds; bfloat16 is read."""
    with pytest.raises(SettingsError, match="bfloat16 or float32"):
        open_encoder(tiny_models.folder("t5"), dtype="float16")
    texts = [text_of(60, 3)]
    half = open_encoder(tiny_models.folder("t5"), method="none", dtype="bfloat16")
    whole = open_encoder(tiny_models.folder("t5"), method="none")
    cosine = (half.encode(texts).embeddings * whole.encode(texts).embeddings).sum()
    assert cosine > 0.98


def test_gtr_s_folder(tiny_models: TinyModels, tmp_path: Path) -> None:
    """T5, mean, a Dense without bias or activation, unit length: as sentence-transformers does."""
    import json
    import shutil

    from sentence_transformers import SentenceTransformer

    folder = Path(shutil.copytree(tiny_models.folder("t5"), tmp_path / "gtr-t5-tiny"))
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    steps.append(("3_Normalize", "Normalize"))
    for path, _ in steps[1:]:
        (folder / path).mkdir()
    pooling: dict[str, Any] = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    identity = "torch.nn.modules.linear.Identity"
    write_dense(folder / "2_Dense", Dense(24, bias=False, activation=identity), 32, 5)
    entries = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(steps)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))
    texts = [text_of(words, words) for words in (4, 25)]
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts)
    encoder = open_encoder(folder)
    assert encoder.dimension == 24
    assert np.abs(encoder.encode(texts).embeddings - expected).max() < 1e-5


def test_a_config_without_its_length(tiny_models: TinyModels) -> None:
    """T5 was trained on 512 tokens, which its later configs leave out."""
    folder = tiny_models.copy("t5", "t5-without-length")
    edit_json(
        folder / "config.json",
        lambda values: {key: value for key, value in values.items() if key != "n_positions"},
    )
    assert open_encoder(folder).original_length == 512
    assert ("t5", "none") in PAIRS
