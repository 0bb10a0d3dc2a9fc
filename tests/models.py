"""Tiny random models of every family, made offline.

Weights are drawn wide (not with the usual 0.02), so that a wrong position, frequency or window
changes the vector visibly.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.families import BERT, BIASED, E5_ROPE, ENCODER, FAMILIES, ORIGINAL_LENGTH, Family
from tests.tokenizers_of_tests import write_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from longembed_rag import LongEncoder
    from longembed_rag.encoder.loading import LoadedModel
    from longembed_rag.encoder.planner import Planner


def build_model(family: str, folder: Path, *, calm: bool = False, **changes: Any) -> Path:
    """Write a tiny random model with its tokenizer into a folder.

    Args:
        family: A key of :data:`FAMILIES`.
        folder: Where to write; created if missing.
        calm: Draw the weights so narrow that rounding errors fade, as they do in trained models.
        changes: Config arguments that differ from the family's own.

    Returns:
        The folder.
    """
    from transformers import AutoConfig, AutoModel

    spec = FAMILIES[family]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_tokenizer(folder, spec.tokenizer, spec.special, ORIGINAL_LENGTH)
    arguments = {**_special_ids(spec, vocabulary), **spec.config, **changes}
    config = AutoConfig.for_model(spec.name, vocab_size=len(vocabulary), **arguments)
    model = AutoModel.from_config(config)
    fill_with_noise(model, seed_of(family), width=0.4 if calm else 1.0)
    model.save_pretrained(folder)
    return folder


def open_encoder(folder: Path, **options: Any) -> LongEncoder:
    """An encoder of a model folder, on the CPU in float32 unless asked otherwise."""
    from longembed_rag import LongEncoder

    return LongEncoder.from_pretrained(folder, **{"device": "cpu", "dtype": "float32"} | options)


def load_once() -> Callable[[Planner], LoadedModel]:
    """As ``load_model``, with the weights of each folder read once, however they are then used.

    What a forward pass needs to know of the settings comes with its plans, so that encoders of one
    model may share what was loaded; loading it takes more than all that most tests read. A folder
    that has changed is another.
    """
    from longembed_rag.encoder.loading import load_model

    # What was just imported is looked at by no collection of garbage; those that free models ask
    # for one each.
    gc.freeze()
    loaded: dict[tuple[object, ...], LoadedModel] = {}

    def load(planner: Planner) -> LoadedModel:
        settings = planner.settings
        places = (planner.folder.path, *planner.folder.adapters)
        files = sorted(path for each in places for path in each.rglob("*") if path.is_file())
        stats = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        key = (stats, settings.device, settings.dtype, settings.trust_remote_code)
        if key not in loaded:
            loaded[key] = load_model(planner)
        return loaded[key]

    return load


def _special_ids(spec: Family, vocabulary: dict[str, int]) -> dict[str, Any]:
    special = spec.special
    ids = {
        "bos_token_id": vocabulary.get(special.prefix or ""),
        "eos_token_id": vocabulary.get(special.suffix or ""),
        "pad_token_id": vocabulary.get(special.pad or ""),
    }
    if spec.name == "modernbert":
        ids |= {"cls_token_id": ids["bos_token_id"], "sep_token_id": ids["eos_token_id"]}
    if spec.name == "eurobert":
        ids["mask_token_id"] = vocabulary[special.mask or ""]
    return ids


def seed_of(name: str) -> int:
    """A seed that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def fill_with_noise(model: PreTrainedModel, seed: int, *, width: float = 1.0) -> None:
    """Draw every weight of a model; at width 1 positions show clearly in its output."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if "q_norm" in name or "k_norm" in name:
                weight.add_(0.8 * width + 0.1 * noise)
            elif "norm" in name.lower() and name.endswith("weight"):
                weight.add_(0.1 * noise)
            elif name.endswith("bias") or weight.dim() < 2:
                weight.copy_(0.2 * noise)
            elif "relative_attention_bias" in name:
                weight.copy_(1.5 * noise)
            elif "embed" in name:
                weight.copy_(noise)
            else:
                gain = width * (2.2 if "q_proj" in name else 1.6)
                weight.copy_(noise * gain / weight.shape[-1] ** 0.5)


def build_e5_rope(folder: Path, prefix: str = "") -> Path:
    """Write a tiny model as E5-RoPE is published: BERT's names, no position table.

    Args:
        folder: Where to write; created if missing.
        prefix: What stands before every parameter's name.

    Returns:
        The folder.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_tokenizer(folder, "wordpiece", BERT, ORIGINAL_LENGTH)
    hidden, inner = ENCODER["hidden_size"], ENCODER["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (len(vocabulary), hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm": (hidden,),
    }
    for layer in range(ENCODER["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        shapes |= {f"{name}attention.self.{p}": (hidden, hidden) for p in ("query", "key", "value")}
        shapes |= {
            name + "attention.output.dense": (hidden, hidden),
            name + "attention.output.LayerNorm": (hidden,),
            name + "intermediate.dense": (inner, hidden),
            name + "output.dense": (hidden, inner),
            name + "output.LayerNorm": (hidden,),
        }
    generator = torch.Generator().manual_seed(seed_of("e5rope"))
    weights = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("LayerNorm"):
            weights[f"{prefix}{name}.weight"] = 1 + 0.1 * noise
        elif name.endswith("embeddings.weight"):
            weights[prefix + name] = noise
            continue
        else:
            weights[f"{prefix}{name}.weight"] = noise * 2 / shape[-1] ** 0.5
        weights[f"{prefix}{name}.bias"] = 0.2 * torch.randn(shape[:1], generator=generator)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        **E5_ROPE.config,
        "model_type": "e5rope",
        "architectures": ["E5RopeModel"],
        "vocab_size": len(vocabulary),
        "embedding_size": hidden,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "rotary_value": False,
        "rope_theta": 700,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def edit_json(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite a JSON file through a function."""
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))))


@dataclass(frozen=True)
class Dense:
    """A dense layer of a sentence-transformers folder."""

    out_features: int
    bias: bool = True
    activation: str = "torch.nn.modules.activation.Tanh"


class TinyModels:
    """Builds each model once and hands out its folder; ask for a copy to change one.

    Args:
        root: Folder under which everything is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

        self.folder = lru_cache(maxsize=None)(self._folder)

    @property
    def root(self) -> Path:
        """The folder that all of them lie in."""
        return self._root

    def _folder(self, family: str) -> Path:
        """The shared folder of a family; must not be changed."""
        if family == E5_ROPE.name:
            return build_e5_rope(self._root / family)
        if family in BIASED:
            from tests.biased_models import build_biased

            return build_biased(family, self._root / family)
        return build_model(family, self._root / family)

    def copy(self, family: str, name: str) -> Path:
        """A private copy of a family's folder, under a name of its own."""
        return Path(shutil.copytree(self.folder(family), self._root / name))

    def calm(self, family: str) -> Path:
        """The shared folder of a family's calm model, see :func:`build_model`."""
        folder = self._root / f"{family}-calm"
        return folder if folder.is_dir() else build_model(family, folder, calm=True)

    def variant(self, family: str, name: str, **changes: Any) -> Path:
        """A model of a family with other config arguments, under a name of its own."""
        return build_model(family, self._root / name, **changes)

    def without_tokenizer(self, family: str) -> Path:
        """A folder with config and weights, but no tokenizer."""
        folder = self.copy(family, f"{family}-without-tokenizer")
        for path in folder.glob("*token*"):
            path.unlink()
        return folder

    def pickled(self, family: str) -> Path:
        """A folder whose only weights are pickled."""
        import torch
        from safetensors.torch import load_file

        folder = self.copy(family, f"{family}-pickled")
        weights = folder / "model.safetensors"
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
        return folder

    def sentence_transformers(
        self,
        family: str,
        name: str,
        *,
        pooling: str = "mean",
        dense: tuple[Dense, ...] = (),
        normalize: bool = True,
        prompts: dict[str, str] | None = None,
        max_seq_length: int | None = None,
    ) -> Path:
        """A folder in sentence-transformers form, with its whole chain of modules.

        Args:
            family: A key of :data:`FAMILIES`.
            name: Name of the new folder.
            pooling: ``"mean"``, ``"cls"`` or ``"lasttoken"``.
            dense: Dense layers behind the pooling.
            normalize: Whether the chain ends with Normalize.
            prompts: ``config_sentence_transformers.json``'s prompts; None writes no such file.
            max_seq_length: ``sentence_bert_config.json``'s limit; None writes no such file.

        Returns:
            The folder.
        """
        folder = self.copy(family, name)
        width = json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"]
        modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
        _write_json(
            folder / "1_Pooling" / "config.json",
            {
                "word_embedding_dimension": width,
                "pooling_mode_cls_token": pooling == "cls",
                "pooling_mode_mean_tokens": pooling == "mean",
                "pooling_mode_max_tokens": False,
                "pooling_mode_mean_sqrt_len_tokens": False,
                "pooling_mode_weightedmean_tokens": False,
                "pooling_mode_lasttoken": pooling == "lasttoken",
                "include_prompt": True,
            },
        )
        for number, layer in enumerate(dense, start=2):
            write_dense(folder / f"{number}_Dense", layer, width, seed_of(f"{name}-{number}"))
            modules.append((f"{number}_Dense", "Dense"))
            width = layer.out_features
        if normalize:
            modules.append((f"{len(dense) + 2}_Normalize", "Normalize"))
        entries = [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(entries))
        if prompts is not None:
            values = {"prompts": prompts, "default_prompt_name": None}
            _write_json(folder / "config_sentence_transformers.json", values)
        if max_seq_length is not None:
            limit = {"max_seq_length": max_seq_length, "do_lower_case": False}
            _write_json(folder / "sentence_bert_config.json", limit)
        return folder


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def write_dense(folder: Path, layer: Dense, width: int, seed: int) -> None:
    """Write a dense layer of random weights as sentence-transformers does."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    weights = {"linear.weight": torch.randn(layer.out_features, width, generator=generator) * 0.3}
    if layer.bias:
        weights["linear.bias"] = torch.randn(layer.out_features, generator=generator) * 0.3
    values = {
        "in_features": width,
        "out_features": layer.out_features,
        "bias": layer.bias,
        "activation_function": layer.activation,
    }
    _write_json(folder / "config.json", values)
    save_file(weights, folder / "model.safetensors")
