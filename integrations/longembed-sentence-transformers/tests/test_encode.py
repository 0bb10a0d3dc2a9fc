"""What SentenceTransformer makes of texts is what LongEncoder makes of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from long_texts import SMALL, TEXTS
from sentence_transformers import SentenceTransformer

from longembed_rag import LongEncoder
from longembed_rag.errors import InputError, SettingsError, TrainingError, TruncationWarning
from longembed_sentence_transformers import extend, load


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_vectors_are_those_of_the_encoder(
    model: SentenceTransformer, encoder: LongEncoder, batch_size: int
) -> None:
    """Whatever is in the batch, a text has LongEncoder's vector."""
    found = model.encode(TEXTS, batch_size=batch_size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, encoder.encode(TEXTS).embeddings, atol=1e-6)


def test_plain_sentence_transformers_opens_the_folder(folder: Path, encoder: LongEncoder) -> None:
    """The class itself reads the folder, by the flag that it asks for before it imports others."""
    plain = SentenceTransformer(
        str(folder), trust_remote_code=True, model_kwargs={"torch_dtype": torch.float32}
    )
    np.testing.assert_allclose(plain.encode(TEXTS[1]), encoder.encode([TEXTS[1]]).embeddings[0])


@pytest.mark.parametrize("method", ["none", "truncate", "ntk", "self_extend"])
def test_every_method_is_read_as_by_the_encoder(method: str, tmp_path: Path) -> None:
    """A folder keeps all that a method needs, and warns of what one does not read."""
    extend(None, tmp_path / "m", method=method, max_length=300, **SMALL)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TruncationWarning)
        found = load(tmp_path / "m", dtype="float32").encode(TEXTS)
        wanted = LongEncoder.from_pretrained(method=method, max_length=300, **SMALL).encode(TEXTS)
    np.testing.assert_allclose(found, wanted.embeddings, atol=1e-6)
    cut = [str(each.message) for each in caught if each.category is TruncationWarning]
    assert bool(cut) == (method == "truncate")


def test_texts_longer_than_max_length_are_read_in_windows(folder: Path) -> None:
    """Beyond max_length nothing is cut, and the vector is the encoder's."""
    model = load(folder, dtype="float32", max_length=300)
    wanted = LongEncoder.from_pretrained(max_length=300, **SMALL).encode(TEXTS)
    np.testing.assert_allclose(model.encode(TEXTS), wanted.embeddings, atol=1e-6)


def test_what_is_cut_is_named(folder: Path) -> None:
    """A text that is not read to its end gives a warning with its first words."""
    model = load(folder, dtype="float32", max_length=300, overflow="truncate")
    with pytest.warns(TruncationWarning, match='"The meeting began late'):
        model.encode(TEXTS[2])


def test_max_seq_length_can_be_set(own_model: SentenceTransformer) -> None:
    """The encoder follows it, and a saved own_model keeps it."""
    assert own_model.max_seq_length == 32768
    before = own_model.encode(TEXTS[2])
    own_model.max_seq_length = 300
    wanted = LongEncoder.from_pretrained(max_length=300, **SMALL).encode([TEXTS[2]])
    np.testing.assert_allclose(own_model.encode(TEXTS[2]), wanted.embeddings[0], atol=1e-6)
    assert not np.allclose(before, wanted.embeddings[0], atol=1e-6)
    assert own_model[0].get_config_dict()["max_length"] == 300
    with pytest.raises(SettingsError, match="max_length"):
        own_model.max_seq_length = 0
    with pytest.raises(SettingsError, match="max_seq_length"):
        own_model.max_seq_length = None


def test_forms_of_vectors(model: SentenceTransformer, encoder: LongEncoder) -> None:
    """One text or many, arrays or tensors, cut, normalised, in fewer bits."""
    wanted = encoder.encode(TEXTS[:1]).embeddings[0]
    one = model.encode(TEXTS[0])
    assert one.shape == (384,)
    tensor = model.encode(TEXTS, convert_to_tensor=True)
    assert isinstance(tensor, torch.Tensor)
    assert tensor.shape == (4, 384)
    np.testing.assert_allclose(tensor[0].numpy(), wanted, atol=1e-6)
    many = model.encode(TEXTS[:2], convert_to_numpy=False)
    assert [type(each) for each in many] == [torch.Tensor, torch.Tensor]
    short = model.encode(TEXTS[0], truncate_dim=64, normalize_embeddings=True)
    np.testing.assert_allclose(short, wanted[:64] / np.linalg.norm(wanted[:64]), atol=1e-6)
    assert model.encode(TEXTS, precision="ubinary").shape == (4, 48)
    whole = model.encode(TEXTS[0], output_value=None)
    np.testing.assert_allclose(whole["sentence_embedding"].numpy(), wanted, atol=1e-6)
    assert len(model.encode([])) == 0


def test_the_model_tells_of_itself(model: SentenceTransformer) -> None:
    """Dimension, similarity, device, parameters and tokenizer are there as in any other model."""
    assert model.get_embedding_dimension() == 384
    assert model.device.type == "cpu"
    assert model.dtype == torch.float32
    assert sum(weight.numel() for weight in model.parameters()) > 20_000_000
    assert model.tokenizer("lease")["input_ids"][0] == model.tokenizer.cls_token_id
    vectors = model.encode([TEXTS[0], TEXTS[3]])
    similarity = model.similarity(vectors, vectors)
    np.testing.assert_allclose(similarity.diagonal(), 1.0, atol=1e-6)
    assert similarity[0, 1] > 0.3
    assert "'method': 'pcw'" in str(model)


def test_casts_are_followed(own_model: SentenceTransformer, encoder: LongEncoder) -> None:
    """Half precision reads in half precision, and back again nothing is lost."""
    wanted = encoder.encode(TEXTS[:1]).embeddings
    own_model.half()
    found = own_model.encode(TEXTS[:1])
    assert own_model.dtype == torch.float16
    assert own_model[0].encoder.dtype == torch.float16
    assert found.dtype == np.float32
    assert 1e-6 < np.abs(found - wanted).max() < 1e-2
    own_model.to(torch.float32).to("cpu")
    np.testing.assert_allclose(own_model.encode(TEXTS[:1]), wanted, atol=1e-6)


def test_gradients_are_refused(own_model: SentenceTransformer) -> None:
    """Training through the module says that it cannot be, instead of learning nothing."""
    own_model.train()
    with pytest.raises(TrainingError, match="only reads"):
        own_model(own_model.preprocess(["a text"]))
    assert not own_model[0].model.training


def test_weights_cannot_be_replaced_in_memory(own_model: SentenceTransformer) -> None:
    """New weights would be lost in the next copy, so they are refused."""
    with pytest.raises(SettingsError, match="extend that"):
        own_model.load_state_dict(own_model.state_dict())


def test_what_is_no_text_is_refused(model: SentenceTransformer) -> None:
    """Pairs and token ids are named."""
    with pytest.raises(ValueError, match=r"not a string|not support"):
        model.encode([("a", "pair")])
    with pytest.raises(InputError, match="token ids"):
        model({"input_ids": torch.ones((1, 3), dtype=torch.long)})
    with pytest.raises(SettingsError, match="processing_kwargs"):
        model.preprocess(["a text"], processing_kwargs={"text": {"max_length": 8}})
