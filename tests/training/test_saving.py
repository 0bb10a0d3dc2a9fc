"""Saved models: whole or not at all, and with all that the model was made with."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import SettingsError
from longembed_rag.training import saving
from longembed_rag.training.opening import open_reader
from longembed_rag.training.saving import require_new, save_model
from tests.models import TinyModels, open_encoder
from tests.tokenizers_of_tests import text_of
from tests.training.material import planner_of


def save(planner: Planner, folder: Path, **options: Any) -> Path:
    """The model as it came, saved again."""
    state = open_reader(planner).model.state_dict()
    config = copy.deepcopy(planner.config)
    values = {"like": planner, "config": config, "state": state, "max_length": 32, **options}
    save_model(folder, **values)
    return folder


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "qwen3", "gte"])
def test_what_is_saved_reads_as_before(
    family: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Bit for bit the vectors of the model that it came from; missing parents are made."""
    folder = save(planner_of(tiny_models.folder(family)), tmp_path / "deep" / "model")
    texts = [text_of(5), text_of(20)]
    before = open_encoder(tiny_models.folder(family)).encode(texts).embeddings
    assert np.array_equal(open_encoder(folder).encode(texts).embeddings, before)


@pytest.mark.parametrize("pooling", ["cls", "lasttoken", "mean"])
def test_pooling_and_prompts_are_carried_along(
    pooling: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """As the folder said, for this package and for sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    origin = tiny_models.sentence_transformers(
        "bert",
        f"bert-saved-{pooling}",
        pooling=pooling,
        prompts={"query": "query ", "document": "passage "},
    )
    before = planner_of(origin)
    after = planner_of(save(before, tmp_path / "model"))
    assert after.pooling == before.pooling
    assert (after.query_prompt, after.document_prompt) == ("query ", "passage ")
    modules = json.loads((tmp_path / "model" / "modules.json").read_text())
    kinds = [each["type"].rpartition(".")[2] for each in modules]
    assert kinds == ["Transformer", "Pooling", "Normalize"]
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    theirs = model.encode(["note"], prompt_name="query", show_progress_bar=False)
    ours = open_encoder(origin).encode(["note"], kind="query").embeddings
    assert np.abs(theirs - ours).max() <= 1e-5


def test_settings_win_over_the_folder(tiny_models: TinyModels, tmp_path: Path) -> None:
    """What the model was trained with is what it is read with; no prompts leave no file."""
    planner = planner_of(tiny_models.folder("bert"), pooling="cls", query_prompt="search ")
    again = planner_of(save(planner, tmp_path / "one"))
    assert (again.pooling, again.query_prompt, again.document_prompt) == ("cls", "search ", "")
    plain = save(planner_of(tiny_models.folder("bert")), tmp_path / "two")
    assert not (plain / "config_sentence_transformers.json").exists()


def test_lengths_are_told_to_everyone(tiny_models: TinyModels, tmp_path: Path) -> None:
    """The tokenizer and sentence-transformers both know how far the model reads."""
    folder = save(planner_of(tiny_models.folder("bert")), tmp_path / "model", max_length=77)
    for name, key in (
        ("tokenizer_config.json", "model_max_length"),
        ("sentence_bert_config.json", "max_seq_length"),
    ):
        assert json.loads((folder / name).read_text())[key] == 77


def test_half_precision(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Weights take half the room, the config says so, and vectors hardly change."""
    origin = tiny_models.calm("bert")
    folder = save(planner_of(origin), tmp_path / "half", dtype=torch.float16)
    weights = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    texts = [text_of(20)]
    cosine = (
        open_encoder(folder).encode(texts).embeddings
        @ open_encoder(origin).encode(texts).embeddings.T
    )
    assert cosine.item() > 0.999


def test_weights_can_be_read_by_whoever_reads_the_rest(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """All files have one mode, the one that this user gives to new files."""
    folder = save(planner_of(tiny_models.folder("bert")), tmp_path / "model")
    (tmp_path / "new").touch()
    weights, new = folder / "model.safetensors", tmp_path / "new"
    assert weights.stat().st_mode == new.stat().st_mode


@pytest.mark.parametrize("fails", ["save_file", "_write_modules"])
def test_nothing_is_left_when_it_fails(
    fails: str, tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half a model stands under the final name, and the next attempt succeeds."""
    planner = planner_of(tiny_models.folder("bert"))

    def full(*given: object, **options: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saving, fails, full)
        with pytest.raises(OSError, match="no space"):
            save(planner, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert planner_of(save(planner, tmp_path / "model")).original_length == 32
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_lies_there_is_kept(tiny_models: TinyModels, tmp_path: Path) -> None:
    """A folder with anything in it, and a file, are refused; an empty folder is taken."""
    planner = planner_of(tiny_models.folder("bert"))
    full, file, empty = tmp_path / "full", tmp_path / "file", tmp_path / "empty"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    file.write_text("mine")
    empty.mkdir()
    for place in (full, file):
        with pytest.raises(SettingsError, match="is there already"):
            save(planner, place)
    assert (full / "notes.txt").read_text() == file.read_text() == "mine"
    require_new(empty)
    assert (save(planner, empty) / "config.json").is_file()
