"""Adapters by task, in both forms, against the model with its weights and theirs added up."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from longembed_rag.encoder.query_reader import QueryReader
from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.errors import ModelLoadError, SettingsError, UnsupportedModelError
from tests.exact import TOLERANCE
from tests.models import TinyModels, edit_json, open_encoder, seed_of
from tests.reference.definitions import Settings
from tests.reference.encode import ReferenceModel

if TYPE_CHECKING:
    from torch import Tensor

TASKS = ["retrieval.query", "retrieval.passage", "separation", "text-matching"]
RANK, ALPHA = 2, 3
PROMPTS = {"retrieval.query": "query: ", "retrieval.passage": "passage: ", "separation": "text "}
_LAYERS = ("Wqkv", "out_proj", "fc1", "fc2", "_embeddings")


def low_rank(shapes: dict[str, tuple[int, int]]) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """For each layer and task, what is added to the weight: ``(A, B)``, ``A`` by task."""
    import torch

    generator = torch.Generator().manual_seed(seed_of("tasks"))
    return {
        name: [
            (
                torch.randn(RANK, inner, generator=generator) / inner**0.5,
                torch.randn(outer, RANK, generator=generator),
            )
            for _ in TASKS
        ]
        for name, (outer, inner) in shapes.items()
    }


class Model:
    """A tiny jina-embeddings-v3 with adapters, and what it comes to with each of them.

    Args:
        tiny_models: Where the model itself is from.
        root: Where to write.
    """

    def __init__(self, tiny_models: TinyModels, root: Path) -> None:
        from safetensors.torch import load_file

        self.plain = tiny_models.folder("jina_embeddings_v3")
        self._root = root
        self._weights = load_file(self.plain / "model.safetensors")
        layers = {
            name: (tensor.shape[0], tensor.shape[1])
            for name, tensor in self._weights.items()
            if name.endswith("weight") and any(part in name for part in _LAYERS)
        }
        self._added = low_rank(layers)

    def merged(self, task: str) -> Path:
        """The folder of a model whose weights have an adapter added to them."""
        from safetensors.torch import save_file

        folder = Path(shutil.copytree(self.plain, self._root / f"merged-{task}"))
        weights = dict(self._weights)
        for name, pairs in self._added.items():
            down, up = pairs[TASKS.index(task)]
            weights[name] = weights[name] + up @ down * (ALPHA / RANK)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    def published(self) -> Path:
        """As its makers published it: other names, the adapters among the weights."""
        import torch
        from safetensors.torch import save_file

        folder = Path(shutil.copytree(self.plain, self._root / "published"))
        found: dict[str, Tensor] = {}
        for name, weight in self._weights.items():
            if name not in self._added:
                found[f"roberta.{name}"] = weight
                continue
            layer = f"roberta.{name.removesuffix('weight')}parametrizations.weight."
            found[layer + "original"] = weight
            downs, ups = (torch.stack(each) for each in zip(*self._added[name], strict=True))
            if "_embeddings" in name:  # a table is looked up the other way round
                downs, ups = ups, downs
            found[layer + "0.lora_A"], found[layer + "0.lora_B"] = downs, ups
        found["roberta.pooler.dense.weight"] = torch.zeros(32, 32)
        save_file({name: each.contiguous() for name, each in found.items()}, folder / FILE)
        edit_json(folder / "config.json", self._published_config)
        return folder

    @staticmethod
    def _published_config(values: dict[str, Any]) -> dict[str, Any]:
        theta = values.pop("rope_parameters")["rope_theta"]
        return values | {
            "model_type": "xlm-roberta",
            "architectures": ["XLMRobertaModel"],
            "position_embedding_type": "rotary",
            "rotary_emb_base": theta,
            "lora_adaptations": TASKS,
            "lora_rank": RANK,
            "lora_alpha": ALPHA,
            "task_instructions": PROMPTS,
        }

    def peft(self) -> Path:
        """In transformers' own form, each adapter in a folder as PEFT writes it."""
        from safetensors.torch import save_file

        folder = Path(shutil.copytree(self.plain, self._root / "peft"))
        prompts = {"prompts": PROMPTS, "default_prompt_name": None}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
        for number, task in enumerate(TASKS):
            place = folder / re.sub("[.-]", "_", task)
            place.mkdir()
            config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none"}
            (place / "adapter_config.json").write_text(json.dumps(config))
            found = {}
            for name, pairs in self._added.items():
                down, up = pairs[number]
                for layer, part in _peft_layers(name, up):
                    kind = "lora_embedding_" if "_embeddings" in name else "lora_"
                    end = "" if "_embeddings" in name else ".weight"
                    first, second = (part.T, down.T) if "_embeddings" in name else (down, part)
                    found[f"base_model.model.{layer}.{kind}A{end}"] = first.contiguous().clone()
                    found[f"base_model.model.{layer}.{kind}B{end}"] = second.contiguous().clone()
            save_file(found, place / "adapter_model.safetensors")
        return folder


FILE = "model.safetensors"


def _peft_layers(name: str, up: Tensor) -> list[tuple[str, Tensor]]:
    """What a layer is called in transformers' class, with its rows of a tensor."""
    name = name.removesuffix(".weight").replace("encoder.layers", "layers")
    if "Wqkv" not in name:
        return [(name.replace("mixer.out_proj", "self_attn.o_proj"), up)]
    parts = zip("qkv", up.chunk(3), strict=True)
    return [(name.replace("mixer.Wqkv", f"self_attn.{each}_proj"), part) for each, part in parts]


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model, written once in each form that is asked for."""
    return Model(tiny_models, tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="module", params=["published", "peft"])
def folder(request: pytest.FixtureRequest, model: Model) -> Path:
    """The model's folder in each of both forms."""
    made: Path = getattr(model, request.param)()
    return made


def test_each_side_has_its_own_adapter(folder: Path, model: Model, tmp_path: Path) -> None:
    """Queries and documents, passages too, are those of two models with merged weights."""
    model = replace_root(model, tmp_path)
    encoder = open_encoder(folder, task="retrieval", method="self_extend")
    assert (encoder.query_prompt, encoder.document_prompt) == ("query: ", "passage: ")
    for kind, task in (("query", TASKS[0]), ("document", TASKS[1])):
        reference = ReferenceModel(model.merged(task), "jina_embeddings_v3")
        settings = Settings(method="self_extend", prompt=PROMPTS[task])
        texts = [reference.text(tokens, tokens) for tokens in (12, 90)]
        expected = [reference.encode(text, settings) for text in texts]
        actual = encoder.encode(texts, kind=kind).embeddings  # type: ignore[arg-type]
        assert np.abs(actual - np.stack(expected)).max() < TOLERANCE
        if kind == "query":
            actual = encoder.encode_queries(texts).embeddings
        else:
            read = [encoder.encode_passages(text, passage_tokens=16) for text in texts]
            actual = np.stack([each.embedding for each in read])
        assert np.abs(actual - np.stack(expected)).max() < TOLERANCE


def replace_root(model: Model, root: Path) -> Model:
    """The same model, writing elsewhere."""
    import copy

    other = copy.copy(model)
    other._root = root
    return other


def test_a_task_without_sides(folder: Path, model: Model, tmp_path: Path) -> None:
    """One adapter reads both; names may be written with any of dot, hyphen and underscore."""
    reference = ReferenceModel(
        replace_root(model, tmp_path).merged("text-matching"), "jina_embeddings_v3"
    )
    encoder = open_encoder(folder, task="text_matching", method="none")
    assert (encoder.query_prompt, encoder.planner.vector_settings()["task"]) == ("", TASKS[3])
    text = reference.text(20)
    expected = reference.encode(text, Settings(method="none"))
    for kind in ("query", "document"):
        actual = encoder.encode([text], kind=kind).embeddings[0]  # type: ignore[arg-type]
        assert np.abs(actual - expected).max() < TOLERANCE


def test_without_a_task_the_model_reads_alone(folder: Path, model: Model) -> None:
    """As if there were no adapters; what is asked for changes the fingerprint, nothing else."""
    reference = ReferenceModel(model.plain, "jina_embeddings_v3")
    text = reference.text(40)
    plain = open_encoder(folder, method="none", document_prompt="")
    expected = reference.encode(text, Settings(method="none"))
    assert np.abs(plain.encode([text]).embeddings[0] - expected).max() < TOLERANCE
    assert "task" not in plain.planner.vector_settings()
    tasks = [None, "retrieval", "separation", "text-matching", "retrieval.query"]
    prompts = {"query_prompt": "", "document_prompt": ""}
    found = {open_encoder(folder, task=task, **prompts).fingerprint for task in tasks}
    assert len(found) == len(tasks)


def test_numpy_leaves_adapters_to_torch(folder: Path) -> None:
    """Queries without torch would be read by the model alone."""
    settings = EncoderSettings(model=str(folder), device="cpu", dtype="float32")
    assert QueryReader.from_settings(replace(settings, task="retrieval")) is None


def test_unknown_tasks_are_refused_with_those_there_are(
    folder: Path, tiny_models: TinyModels
) -> None:
    """By name, and a model without any says so."""
    with pytest.raises(SettingsError, match="retrieval, retrieval") as caught:
        open_encoder(folder, task="ranking")
    assert all(task in str(caught.value) for task in TASKS)
    with pytest.raises(SettingsError, match="no adapters"):
        open_encoder(tiny_models.folder("bert"), task="retrieval")
    with pytest.raises(SettingsError, match="task=3 is not a text"):
        open_encoder(folder, task=3)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"use_dora": True}, UnsupportedModelError, "use_dora"),
        ({"peft_type": "IA3"}, UnsupportedModelError, "only plain LoRA"),
        ({"r": 0}, ModelLoadError, "r is 0"),
        ({"lora_alpha": "x"}, ModelLoadError, "lora_alpha"),
    ],
)
def test_adapters_of_another_kind_are_refused(
    change: dict[str, Any], kind: type[Exception], message: str, model: Model, tmp_path: Path
) -> None:
    """By what their config says, with the file."""
    folder = replace_root(model, tmp_path).peft()
    edit_json(folder / "separation" / "adapter_config.json", lambda values: values | change)
    with pytest.raises(kind, match=message) as caught:
        open_encoder(folder, task="separation")
    assert "adapter_config.json" in str(caught.value)


def test_adapters_of_another_model_are_refused(model: Model, tmp_path: Path) -> None:
    """Layers that are not there, sizes that do not fit, and half of an adapter."""
    from safetensors.torch import load_file, save_file

    folder = replace_root(model, tmp_path).peft()
    file = folder / "separation" / "adapter_model.safetensors"
    own = load_file(file)
    up = "base_model.model.layers.0.mlp.fc1.lora_B.weight"
    wrong: dict[str, dict[str, Tensor]] = {
        "half an adapter": {name: each for name, each in own.items() if name != up},
        "no layer": {name.replace("mlp", "moe"): each for name, each in own.items()},
        "another model's": own | {up: own[up][:-1].contiguous()},
        "NaN": own | {up: own[up] * float("nan")},
    }
    for message, weights in wrong.items():
        save_file(weights, file)
        with pytest.raises(ModelLoadError, match=message):
            open_encoder(folder, task="separation")
    file.unlink()
    with pytest.raises(ModelLoadError, match=r"adapter_model\.safetensors"):
        open_encoder(folder, task="separation")
