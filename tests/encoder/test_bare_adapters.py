"""Adapters that lie by themselves, against the model with theirs added to its weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longembed_rag.encoder.folder import find_folder
from longembed_rag.encoder.hashing import hash_folder
from longembed_rag.encoder.planner import Planner
from longembed_rag.encoder.query_reader import QueryReader
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import ModelLoadError, UnsafeWeightsError, UnsupportedModelError
from tests.adapters import ALPHA, RANK, Bare
from tests.exact import TOLERANCE
from tests.models import TinyModels, edit_json, open_encoder
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel
from tests.tokenizers_of_tests import text_of

ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.mark.parametrize(
    ("family", "method"), [("qwen3", "ntk"), ("qwen3", "none"), ("bert", "pcw"), ("bert", "pi")]
)
def test_it_reads_as_the_sum(
    family: str, method: Any, tiny_models: TinyModels, tmp_path: Path
) -> None:
    """Texts, queries and passages, short and long; the model alone stays what it was."""
    bare = Bare(tmp_path / "adapter", tiny_models.folder(family))
    encoder = open_encoder(bare.place, method=method)
    alone = open_encoder(bare.base, method=method)
    reference = ReferenceModel(bare.merged(tmp_path / "merged"), family)
    settings = Settings(method=method)
    texts = [reference.text(tokens, tokens) for tokens in (9, 90)]
    expected = np.stack([reference.encode(text, settings) for text in texts])
    passages = [encoder.encode_passages(text, passage_tokens=16).embedding for text in texts]
    queries = encoder.encode_queries(texts).embeddings
    for actual in (encoder.encode(texts).embeddings, queries, np.stack(passages)):
        assert np.abs(actual - expected).max() < TOLERANCE
    plain = ReferenceModel(bare.base, family)
    was = np.stack([plain.encode(text, settings) for text in texts])
    assert np.abs(alone.encode(texts).embeddings - was).max() < TOLERANCE
    assert np.abs(was - expected).max() > 1e-2


def close(folder: Path, merged: Path, family: str = "qwen3") -> bool:
    """Whether a folder's vector is that of a merged model."""
    reference = ReferenceModel(merged, family)
    text, settings = reference.text(20, 3), Settings(method="truncate")
    actual = open_encoder(folder, method="truncate").encode([text]).embeddings[0]
    return bool(np.abs(actual - reference.encode(text, settings)).max() < TOLERANCE)


def test_layers_below_a_head_and_of_another_scale(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Names as a language model has them, a head's own adapter unread, the scale of rsLoRA."""
    import torch

    bare = Bare(tmp_path / "adapter", tiny_models.folder("qwen3"), head="model.")
    merged = bare.merged(tmp_path / "merged", scale=ALPHA / RANK**0.5)
    bare.parts["X"] = (torch.ones(RANK, 4), torch.ones(8, RANK))
    bare.config = {"use_rslora": True, "task_type": "CAUSAL_LM"}
    bare.write()
    with pytest.raises(ModelLoadError, match=r"'model\.X'.*no layer"):
        open_encoder(bare.place)
    bare.parts["lm_head"] = bare.parts.pop("X")
    bare.head = ""
    bare.write()
    assert close(bare.place, merged)
    del bare.parts["lm_head"]
    bare.head = "model."
    bare.write()
    assert close(bare.place, merged)


def test_an_adapter_on_an_adapter(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Both are added, each with a hash of its own."""
    first = Bare(tmp_path / "first", tiny_models.folder("qwen3"))
    second = Bare(tmp_path / "second", tiny_models.folder("qwen3"), name="../first")
    once = first.merged(tmp_path / "once")
    second.base = once
    assert close(second.place, second.merged(tmp_path / "twice"))
    folders = (first.base, first.place, second.place)
    assert len({hash_folder(find_folder(folder)) for folder in folders}) == 3
    assert find_folder(second.place).adapters == (first.place, second.place)


@pytest.mark.slow
def test_every_device_reads_with_it(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Processes of further devices find the base by themselves."""
    bare = Bare(tmp_path / "adapter", tiny_models.folder("bert"))
    texts = [text_of(words, words) for words in (20, 90)]
    encoder = open_encoder(bare.place, device="cpu,cpu")
    try:
        both = encoder.encode(texts).embeddings
    finally:
        encoder.close()
    assert np.abs(both - open_encoder(bare.place).encode(texts).embeddings).max() < 1e-6


def test_training_starts_from_the_sum(tiny_models: TinyModels, tmp_path: Path) -> None:
    """What is trained are the weights that read."""
    import torch

    from longembed_rag.encoder.loading import load_weights

    bare = Bare(tmp_path / "adapter", tiny_models.folder("bert"))
    planner = Planner.from_pretrained(bare.place)
    weights = load_weights(planner, dtype=torch.float32, attention=None).state_dict()
    name, (down, up) = next(each for each in bare.parts.items() if "query" in each[0])
    was = load_weights(Planner.from_pretrained(bare.base), dtype=torch.float32, attention=None)
    added = was.state_dict()[f"{name}.weight"] + ALPHA / RANK * up @ down
    assert torch.allclose(weights[f"{name}.weight"], added, atol=1e-6)


def test_where_the_base_is_looked_for(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the adapter, at an absolute path, in the working folder, and else at the hub."""
    base = tiny_models.folder("bert")
    asked: list[tuple[str, str | None]] = []

    def download(name: str, *, revision: str | None = None, **_: Any) -> str:
        asked.append((name, revision))
        return str(base)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    shutil.copytree(base, tmp_path / "beside")
    shutil.copytree(base, tmp_path / "here" / "model")
    monkeypatch.chdir(tmp_path / "here")
    bare = Bare(tmp_path / "adapter", base)
    for name, found in (
        ("../beside", tmp_path / "beside"),
        (str(base), base),
        ("model", tmp_path / "here" / "model"),
        ("someone/some-bert", base),
    ):
        bare.name, bare.config = name, {"revision": "abc"}
        bare.write()
        planner = Planner.from_pretrained(bare.place)
        assert planner.model_path == found
        assert planner.folder.base is not None
        assert planner.folder.base.name == name
    assert asked == [("someone/some-bert", "abc")]


def test_what_is_known_of_the_base_holds(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Its length, its prompts and its direction, where the adapter's name is nobody's."""
    base = Path(shutil.copytree(tiny_models.folder("mistral"), tmp_path / "e5-mistral-7b-instruct"))
    planner = Planner.from_pretrained(Bare(tmp_path / "mine", base).place)
    assert (planner.original_length, planner.pooling) == (4096, "last_token")
    assert planner.query_prompt.startswith("Instruct: Given a web")
    kalm = tmp_path / "kalm-embedding-multilingual-mini-instruct-v2.5"
    shutil.copytree(tiny_models.folder("qwen2"), kalm)
    other = Planner.from_pretrained(Bare(tmp_path / "other", kalm).place)
    assert other.vector_settings()["attention"] == "bidirectional"


def test_the_adapters_own_files_go_first(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Tokenizer, pooling, steps and prompts are its own where it has them, else the base's."""
    asks = {"query": "ask: ", "document": ""}
    base = tiny_models.sentence_transformers("bert", "bare-base", pooling="cls", prompts=asks)
    bare = Bare(tmp_path / "adapter", base)
    silent = Planner.from_pretrained(bare.place)
    assert (silent.pooling, silent.query_prompt) == ("cls", "ask: ")
    counts = [1] * len(silent.tokenizer.vocabulary)
    (base / "token_frequencies.json").write_text(json.dumps(counts))
    assert Planner.from_pretrained(bare.place, pooling="sif").token_weights is not None
    assert silent.folder.tokenizer == base
    mark = silent.model_hash
    assert QueryReader.from_settings(EncoderSettings(model=str(bare.place), device="cpu")) is None
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base / name, bare.place / name)
    edit_json(bare.place / "tokenizer_config.json", lambda values: values | {"note": "its own"})
    wants = {"query": "want: "}
    own = tiny_models.sentence_transformers("bert", "bare-own", pooling="mean", prompts=wants)
    for name in ("modules.json", "1_Pooling", "config_sentence_transformers.json"):
        (shutil.copytree if (own / name).is_dir() else shutil.copy)(own / name, bare.place / name)
    spoken = Planner.from_pretrained(bare.place)
    assert (spoken.pooling, spoken.query_prompt, spoken.document_prompt) == ("mean", "want: ", "")
    assert spoken.folder.tokenizer == bare.place
    assert spoken.model_hash != mark


def test_sentence_transformers_keeps_it_in_a_folder(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    """The adapter lies where modules.json has the transformer; a config beside it is no model.

    Neither is what a trainer leaves.
    """
    base = tiny_models.folder("bert")
    bare = Bare(tmp_path / "whole" / "0_Transformer", base)
    steps = [("0_Transformer", "Transformer"), ("1_Pooling", "Pooling")]
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(steps)
    ]
    (tmp_path / "whole" / "modules.json").write_text(json.dumps(listed))
    (tmp_path / "whole" / "1_Pooling").mkdir()
    (tmp_path / "whole" / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    shutil.copy(base / "config.json", bare.place)
    (bare.place / "optimizer.pt").touch()
    (bare.place / "training_args.bin").touch()
    assert find_folder(tmp_path / "whole").as_it_came == tmp_path / "whole"
    assert close(tmp_path / "whole", bare.merged(tmp_path / "merged"), "bert")
    shutil.copy(base / "model.safetensors", bare.place)
    shutil.copy(base / "tokenizer.json", bare.place)
    assert find_folder(tmp_path / "whole").adapters == ()


def test_the_fingerprint_is_of_both(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Adapter, scale and base count; where they lie, and what the config says besides, does not."""
    base = Path(shutil.copytree(tiny_models.folder("bert"), tmp_path / "base"))
    bare = Bare(tmp_path / "adapter", base)

    def mark() -> str:
        return Planner.from_pretrained(bare.place).fingerprint

    marks = [mark()]
    bare.name, bare.config = "../base", {"task_type": None, "lora_dropout": 0.1}
    bare.write()
    assert mark() == marks[0]
    bare.config = {"lora_alpha": 2 * ALPHA}
    bare.write()
    marks.append(mark())
    bare.config = {}
    next(iter(bare.parts.values()))[1][0, 0] += 1e-3
    bare.write()
    marks.append(mark())
    edit_json(base / "config.json", lambda values: values | {"layer_norm_eps": 1e-9})
    marks.append(mark())
    marks.append(Planner.from_pretrained(base).fingerprint)
    assert len(set(marks)) == len(marks)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"base_model_name_or_path": "/no/such/folder"}, ModelLoadError, "base model is not there"),
        ({"base_model_name_or_path": "someone/nothing"}, ModelLoadError, "write the folder that"),
        ({"base_model_name_or_path": None}, ModelLoadError, "base_model_name_or_path is null"),
        ({"base_model_name_or_path": " "}, ModelLoadError, "hub name"),
        ({"base_model_name_or_path": "."}, ModelLoadError, "leads back to the adapter"),
        ({"base_model_name_or_path": ADAPTER}, ModelLoadError, "is no folder"),
        ({"base_model_name_or_path": "x\0y"}, ModelLoadError, "neither a folder nor"),
        ({"revision": 3}, ModelLoadError, "revision is 3"),
        ({"peft_type": "IA3"}, UnsupportedModelError, "only plain LoRA"),
        ({"use_dora": True}, UnsupportedModelError, "use_dora.*merge_and_unload"),
        ({"rank_pattern": {"q": 4}}, UnsupportedModelError, "rank_pattern"),
        ({"modules_to_save": ["x"]}, UnsupportedModelError, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, UnsupportedModelError, "init_lora_weights='pissa'"),
        ({"bias": "all"}, UnsupportedModelError, "only plain LoRA"),
        ({"r": 0}, ModelLoadError, "r is 0"),
        ({"lora_alpha": True}, ModelLoadError, "lora_alpha is true"),
    ],
)
def test_what_its_config_cannot_say(
    change: dict[str, Any],
    kind: type[Exception],
    message: str,
    tiny_models: TinyModels,
    tmp_path: Path,
) -> None:
    """A base that is not there or is itself, and adapters of other kinds, by their file."""
    bare = Bare(tmp_path / "adapter", tiny_models.folder("bert"), config=change)
    with pytest.raises(kind, match=message) as caught:
        find_folder(bare.place)
    assert str(bare.place / ADAPTER) in str(caught.value)


def test_two_that_name_each_other(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Neither is a model."""
    for name, other in (("one", "../two"), ("two", "../one")):
        Bare(tmp_path / name, tiny_models.folder("bert"), name=other)
    with pytest.raises(ModelLoadError, match=r"two.*leads back.*one"):
        find_folder(tmp_path / "one")


def test_weights_that_cannot_be_added(tiny_models: TinyModels, tmp_path: Path) -> None:
    """None, pickled, half, of another model, NaN, or not low-rank alone; files and layers named."""
    import torch
    from safetensors.torch import load_file, save_file

    bare = Bare(tmp_path / "adapter", tiny_models.folder("bert"))
    file = bare.place / WEIGHTS
    own = load_file(file)
    up = "base_model.model.encoder.layer.0.attention.self.query.lora_B.weight"
    whole = "base_model.model.embeddings.LayerNorm.weight"
    wrong: dict[str, dict[str, torch.Tensor]] = {
        "holds no adapter": {},
        "half an adapter": {name: each for name, each in own.items() if name != up},
        "no layer": {name.replace("query", "question"): each for name, each in own.items()},
        "another model's": own | {up: own[up][:-1].contiguous()},
        "NaN": own | {up: own[up] * float("nan")},
        f"{whole}, which is no part": own | {whole: torch.ones(32)},
    }
    for message, weights in wrong.items():
        save_file(weights, file)
        with pytest.raises((ModelLoadError, UnsupportedModelError), match=message) as caught:
            open_encoder(bare.place)
        assert str(bare.place) in str(caught.value)
    file.write_bytes(b"cut")
    with pytest.raises(ModelLoadError, match=WEIGHTS):
        open_encoder(bare.place)
    file.unlink()
    with pytest.raises(ModelLoadError, match=f"no {WEIGHTS}"):
        find_folder(bare.place)
    (bare.place / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(UnsafeWeightsError, match="safe_serialization"):
        find_folder(bare.place)
