"""Finding models: folders, the hub, and what a folder says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.hashing import hash_folder
from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import ModelLoadError, UnsupportedModelError
from tests.models import TinyModels


def test_a_hub_name_is_downloaded_without_pickles(
    tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is asked for by name and revision, and only for files that cannot run."""
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(name=name, **options)
        return str(tiny_models.folder("bert"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    planner = Planner.from_pretrained("someone/some-bert", revision="abc")
    assert (asked["name"], asked["revision"]) == ("someone/some-bert", "abc")
    assert not any(pattern.endswith((".bin", ".pt", ".py")) for pattern in asked["allow_patterns"])
    assert planner.model_name == "someone/some-bert"
    assert planner.model_path == tiny_models.folder("bert")


def test_offline_hub_names_say_what_to_do() -> None:
    """Without a network the error names the model and the way out."""
    with pytest.raises(ModelLoadError, match=r"'someone/nothing'.*folder of a downloaded"):
        find_folder("someone/nothing")


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c", "~/nothing-here"])
def test_missing_folders_are_not_asked_of_the_hub(name: str) -> None:
    """What can only be a folder is reported as a missing folder."""
    with pytest.raises(ModelLoadError, match="does not exist"):
        find_folder(name)


def test_names_the_hub_would_refuse() -> None:
    """A name that is no name is an error of ours."""
    with pytest.raises(ModelLoadError, match="neither a folder nor a hub name"):
        find_folder("what is this?")


def write_modules(folder: Path, *kinds: str) -> None:
    modules = [
        {"idx": i, "name": str(i), "path": "" if kind == "Transformer" else f"{i}_{kind}",
         "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    (folder / "modules.json").write_text(json.dumps(modules))


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_lasttoken": True}, "last_token"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last_token"),
        ({"pooling_mode": ["cls"]}, "cls"),
        ({"embedding_dimension": 32}, "mean"),
    ],
)
def test_old_and_new_pooling_configs(
    config: dict[str, Any], pooling: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Both spellings of sentence-transformers are understood; silence means the mean."""
    (tmp_path / "config.json").write_text((tiny_models.folder("bert") / "config.json").read_text())
    write_modules(tmp_path, "Transformer", "Pooling")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert find_folder(tmp_path).pooling == pooling


@pytest.mark.parametrize(
    "config", [{"pooling_mode": "max"}, {"pooling_mode": ["cls", "mean"]}], ids=str
)
def test_other_poolings_are_refused(config: dict[str, Any], tmp_path: Path) -> None:
    """What is not supported is named with its file."""
    (tmp_path / "config.json").write_text("{}")
    write_modules(tmp_path, "Transformer", "Pooling")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedModelError, match="1_Pooling"):
        find_folder(tmp_path)


def test_unknown_modules_are_refused(tmp_path: Path) -> None:
    """A step that would be left out is an error, not a guess."""
    (tmp_path / "config.json").write_text("{}")
    write_modules(tmp_path, "Transformer", "WordWeights")
    with pytest.raises(UnsupportedModelError, match="WordWeights"):
        find_folder(tmp_path)


def test_broken_json_is_named(tmp_path: Path) -> None:
    """The file that cannot be parsed is in the message."""
    (tmp_path / "modules.json").write_text("[{]")
    with pytest.raises(ModelLoadError, match=r"modules\.json"):
        find_folder(tmp_path)


def test_empty_prompts_say_nothing(tiny_models: TinyModels) -> None:
    """Empty prompts are what sentence-transformers writes for models that never had any."""
    silent = tiny_models.sentence_transformers(
        "bert", "silent", prompts={"query": "", "document": ""}
    )
    spoken = tiny_models.sentence_transformers("bert", "spoken", prompts={"query": "ask: "})
    assert find_folder(silent).query_prompt is None
    assert (find_folder(spoken).query_prompt, find_folder(spoken).document_prompt) == ("ask: ", "")


def test_dense_weights_are_part_of_the_hash(tiny_models: TinyModels) -> None:
    """Another Dense layer makes another model."""
    from tests.models import Dense

    folder = tiny_models.sentence_transformers("bert", "hashed", dense=(Dense(8),))
    before = hash_folder(find_folder(folder))
    weights = folder / "2_Dense" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert hash_folder(find_folder(folder)) != before


def test_everything_that_changes_vectors_is_part_of_the_hash(tiny_models: TinyModels) -> None:
    """Steps, pooling's view of prompts, lower case and tokenizer settings each count."""
    from tests.models import Dense, edit_json

    folder = tiny_models.sentence_transformers(
        "bert", "hashed-whole", dense=(Dense(8),), max_seq_length=64
    )
    marks = [hash_folder(find_folder(folder))]

    def marked() -> bool:
        marks.append(hash_folder(find_folder(folder)))
        return len(set(marks)) == len(marks)

    edit_json(folder / "1_Pooling" / "config.json", lambda c: {**c, "include_prompt": False})
    assert marked()
    edit_json(folder / "sentence_bert_config.json", lambda c: {**c, "do_lower_case": True})
    assert marked()
    edit_json(folder / "tokenizer_config.json", lambda c: {**c, "strip_accents": True})
    assert marked()
    step = {"idx": 9, "name": "9", "path": "9", "type": "sentence_transformers.models.Normalize"}
    edit_json(folder / "modules.json", lambda steps: [*steps[:2], step, *steps[2:]])
    assert marked()
