"""Folders: made, opened, copied, refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from long_texts import SMALL, TEXTS
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense

from longembed_rag import LongEncoder
from longembed_rag.errors import ModelLoadError, SettingsError
from longembed_sentence_transformers import LongTransformer, extend, load
from longembed_sentence_transformers.weights import copy_model


def names_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_folder_holds_the_model_as_it_came(folder: Path, encoder: LongEncoder) -> None:
    """modules.json names our module; weights, tokenizer and licence are copied byte by byte."""
    modules = json.loads((folder / "modules.json").read_text())
    assert [entry["type"] for entry in modules] == [
        "longembed_sentence_transformers.module.LongTransformer"
    ]
    inner = folder / modules[0]["path"]
    for name in ("model.safetensors", "tokenizer.json", "config.json", "LICENSE", "NOTICE"):
        assert (inner / name).read_bytes() == (encoder.model_path / name).read_bytes()
    settings = json.loads((inner / "longembed.json").read_text())
    assert settings["method"] == "pcw"
    assert settings["original_length"] == 128
    assert not {"model", "device", "dtype"} & set(settings)
    assert str(encoder.model_path) not in (folder / "README.md").read_text()


def test_a_copy_reads_as_the_model_does_under_its_name(tmp_path: Path) -> None:
    """What is known of a model by its name is in the folder: the fingerprints are one."""
    own = LongEncoder.from_pretrained()
    module = extend(own, tmp_path / "m")[0]
    assert module.encoder.fingerprint == own.fingerprint
    copied = load(tmp_path / "m")[0].encoder
    assert copied.fingerprint == own.fingerprint
    assert copied.original_length == own.original_length == 1024


def test_settings_win_over_those_of_an_encoder(encoder: LongEncoder, tmp_path: Path) -> None:
    """An encoder's settings are taken, the ones given beside it win."""
    module = extend(encoder, tmp_path / "m", max_length=777)[0]
    assert module.settings.max_length == 777
    assert module.settings.original_length == 128


def test_a_saved_model_is_the_model(model: SentenceTransformer, tmp_path: Path) -> None:
    """save_pretrained writes what was loaded, and again into the same folder."""
    saved = tmp_path / "saved"
    model.save_pretrained(str(saved))
    again = load(saved, dtype="float32")
    again.save_pretrained(str(saved))
    last = load(saved, dtype="float32")
    np.testing.assert_array_equal(last.encode(TEXTS), model.encode(TEXTS))
    with pytest.raises(SettingsError, match="safe_serialization"):
        model.save_pretrained(str(tmp_path / "pickled"), safe_serialization=False)


def test_what_is_pushed_is_the_folder(
    model: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """push_to_hub uploads a folder that loads; the hub is replaced by a local one."""
    pushed = tmp_path / "pushed"

    class LocalHub:
        def __init__(self, token: str | None = None) -> None:
            pass

        def create_repo(self, **_: Any) -> Any:
            return type("Url", (), {"repo_id": "someone/long"})

        def upload_folder(self, *, folder_path: str, **_: Any) -> Any:
            import shutil

            shutil.copytree(folder_path, pushed)
            return type("Info", (), {"commit_url": "local"})

    import sentence_transformers.base.model as base

    monkeypatch.setattr(base, "HfApi", LocalHub)
    assert model.push_to_hub("someone/long", replace_model_card=True) == "local"
    assert "0_LongTransformer/model.safetensors" in names_in(pushed)
    np.testing.assert_array_equal(
        load(pushed, dtype="float32").encode(TEXTS[:1]), model.encode(TEXTS[:1])
    )


def test_copies_read_alike(own_model: SentenceTransformer) -> None:
    """A deep copy loads its weights from the folder, with what was set since."""
    own_model.max_seq_length = 300
    copied = copy.deepcopy(own_model)
    assert copied.max_seq_length == 300
    np.testing.assert_array_equal(copied.encode(TEXTS), own_model.encode(TEXTS))


def test_a_folder_in_use_is_not_written_into(folder: Path, tmp_path: Path) -> None:
    """Extend refuses a place where something lies."""
    before = names_in(folder)
    with pytest.raises(SettingsError, match="not empty"):
        extend(None, folder)
    assert names_in(folder) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="not empty"):
        extend(None, tmp_path / "file")


def test_settings_of_the_folder_stay(folder: Path) -> None:
    """Loading chooses the machine and the length, not the method; unknown names are told."""
    assert load(folder, batch_tokens=512, device="cpu")[0].encoder.batch_tokens == 512
    with pytest.raises(SettingsError, match="method cannot be chosen"):
        load(folder, method="ntk")
    with pytest.raises(SettingsError, match="device_map"):
        SentenceTransformer(
            str(folder), trust_remote_code=True, device="cpu", model_kwargs={"device_map": "auto"}
        )
    with pytest.raises(SettingsError, match="onnx"):
        SentenceTransformer(str(folder), trust_remote_code=True, backend="onnx")
    with pytest.raises(SettingsError, match="processor_kwargs"):
        LongTransformer.load(str(folder), "0_LongTransformer", processor_kwargs={"a": 1})


def test_other_models_are_not_opened(encoder: LongEncoder, tmp_path: Path) -> None:
    """Load names what it did not make, or what is not there."""
    with pytest.raises(ModelLoadError, match="extend it"):
        load(encoder.model_path)
    with pytest.raises(ModelLoadError, match="none"):
        load(tmp_path)
    with pytest.raises(ModelLoadError, match="no folder"):
        LongTransformer.load(str(tmp_path), "0_LongTransformer")


def test_only_places_in_the_model_are_copied(tmp_path: Path, model: SentenceTransformer) -> None:
    """A modules.json that points out of its folder is refused; pickles and code stay behind."""
    first = tmp_path / "first"
    model.save_pretrained(str(first))
    source = first / "0_LongTransformer"
    for name in ("pytorch_model.bin", "modeling_own.py"):
        (source / name).write_text("")
    extend(source, tmp_path / "second", **SMALL)
    assert not {"pytorch_model.bin", "modeling_own.py"} & {
        Path(name).name for name in names_in(tmp_path / "second")
    }
    modules = json.loads((source / "modules.json").read_text())
    outside = [*modules, {"idx": 9, "name": "9", "path": "../..", "type": "a.Dropout"}]
    (source / "modules.json").write_text(json.dumps(outside))
    with pytest.raises(ModelLoadError, match="leads out of the model"):
        extend(source, tmp_path / "third")


def test_steps_after_pooling_and_a_tuned_table_come_along(tmp_path: Path) -> None:
    """A Dense step is copied and read, and a table that was tuned to be longer keeps its length."""
    own = LongEncoder.from_pretrained("all-MiniLM-L6-v2", dtype="float32")
    source = tmp_path / "source"
    copy_model(own.planner.folder.root, source, code=False)
    config = json.loads((source / "config.json").read_text())
    tuned = {"method": "pi", "original_length": 128, "scale": 4}
    (source / "config.json").write_text(json.dumps({**config, "longembed_rag_table": tuned}))
    dense = Dense(384, 16, bias=False, activation_function=torch.nn.Tanh())
    (source / "2_Dense").mkdir()
    dense.save(str(source / "2_Dense"))
    modules = json.loads((source / "modules.json").read_text())[:2]
    modules.append({"idx": 2, "name": "2", "path": "2_Dense", "type": "a.Dense"})
    (source / "modules.json").write_text(json.dumps(modules))

    wanted = LongEncoder.from_pretrained(source, dtype="float32")
    model = extend(source, tmp_path / "m", dtype="float32")
    assert model.get_embedding_dimension() == wanted.dimension == 16
    assert model[0].encoder.fingerprint == wanted.fingerprint
    copied = load(tmp_path / "m", dtype="float32")
    np.testing.assert_allclose(copied.encode(TEXTS), wanted.encode(TEXTS).embeddings, atol=1e-6)
