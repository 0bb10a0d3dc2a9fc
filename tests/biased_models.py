"""Tiny random models whose attention adds a bias by distance: T5, and those with ALiBi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.families import BIASED
from tests.models import fill_with_noise, seed_of
from tests.tokenizers_of_tests import write_tokenizer

if TYPE_CHECKING:
    from torch import Tensor


def build_biased(
    family: str, folder: Path, *, fused: bool = False, normed: bool = False, **changes: Any
) -> Path:
    """Write a model with its tokenizer into a folder.

    Args:
        family: A key of :data:`BIASED`.
        folder: Where to write; created if missing.
        fused: Of BERT with ALiBi: query, key and value in one tensor, as MosaicBERT has them.
        normed: Of BERT with ALiBi: with norms of queries, keys and what attention makes, as
            jina-embeddings-v2-base-code has them.
        changes: Of its config.

    Returns:
        The folder.
    """
    spec = BIASED[family]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_tokenizer(folder, spec.tokenizer, spec.special, spec_length(family))
    if family == "alibi_bert":
        return _alibi_bert(folder, len(vocabulary), fused, normed, changes)
    from transformers import AutoConfig, AutoModel, T5EncoderModel

    ids = {"pad_token_id": vocabulary["<pad>"], "eos_token_id": vocabulary["</s>"]}
    values = {"vocab_size": len(vocabulary), **ids, **spec.config, **changes}
    config = AutoConfig.for_model(family, **values)
    model = T5EncoderModel(config) if family == "t5" else AutoModel.from_config(config)
    fill_with_noise(model, seed_of(family))
    model.save_pretrained(folder)
    return folder


def spec_length(family: str) -> int:
    """Tokens that a model of a family was trained to read, as its config says."""
    config = BIASED[family].config
    names = ("n_positions", "max_position_embeddings", "seq_length", "max_seq_len")
    return int(next(config[name] for name in names if name in config))


def _alibi_bert(
    folder: Path, rows: int, fused: bool, normed: bool, changes: dict[str, Any]
) -> Path:
    """As jina-embeddings-v2 is published, or MosaicBERT: names and config of their own."""
    import torch
    from safetensors.torch import save_file

    values: dict[str, Any] = {
        **BIASED["alibi_bert"].config,
        "model_type": "bert",
        "architectures": ["BertForMaskedLM" if fused else "JinaBertModel"],
        "vocab_size": rows,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "hidden_act": "gelu",
        **({"alibi_starting_size": 64} if fused else {"position_embedding_type": "alibi"}),
        **({} if fused else {"feed_forward_type": "geglu"}),
        **changes,
    }
    generator = torch.Generator().manual_seed(seed_of("alibi_bert"))
    hidden, inner = values["hidden_size"], values["intermediate_size"]
    weights: dict[str, Tensor] = {}

    def add(name: str, *shape: int, bias: bool = True) -> None:
        noise = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            weights[f"{name}.weight"] = 1 + 0.1 * noise
        elif "embeddings" in name:
            weights[f"{name}.weight"] = noise
            return
        else:
            weights[f"{name}.weight"] = noise * 2 / shape[-1] ** 0.5
        if bias:
            weights[f"{name}.bias"] = 0.2 * torch.randn(shape[0], generator=generator)

    add("embeddings.word_embeddings", rows, hidden)
    add("embeddings.token_type_embeddings", 2, hidden)
    add("embeddings.LayerNorm", hidden)
    for layer in range(values["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        add(name + "attention.self.Wqkv", 3 * hidden, hidden)
        add(name + "attention.output.dense", hidden, hidden)
        add(name + "attention.output.LayerNorm", hidden)
        add(
            name + f"mlp.{'up_gated_layer' if normed else 'gated_layers'}",
            2 * inner,
            hidden,
            bias=False,
        )
        add(name + f"mlp.{'down_layer' if normed else 'wo'}", hidden, inner)
        add(name + ("layer_norm_2" if normed else "mlp.layernorm"), hidden)
        for norm in ("attention.self.layer_norm_q", "attention.self.layer_norm_k", "layer_norm_1"):
            if normed:
                add(name + norm, hidden)
    if fused:
        weights = {f"bert.{name}": weight for name, weight in weights.items()}
        weights["cls.predictions.bias"] = torch.zeros(rows)
    else:
        for name in [name for name in weights if ".Wqkv." in name]:
            parts = weights.pop(name).chunk(3)
            for part, each in zip(("query", "key", "value"), parts, strict=True):
                weights[name.replace("Wqkv", part)] = each.contiguous()
        weights["pooler.dense.weight"] = torch.zeros(hidden, hidden)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(values))
    return folder
