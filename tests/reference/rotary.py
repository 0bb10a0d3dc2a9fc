"""Forward passes of the rotary families that BERT's block, or nearly it, describes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tests.reference import definitions
from tests.reference.attention import attend, repeat_heads, rotary_scores, split_heads
from tests.reference.definitions import Reading
from tests.reference.weights import Weights, gelu, silu


def rotary_attention(
    weights: Weights,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    reading: Reading,
    *,
    theta: float,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    local: bool = False,
) -> Tensor:
    """Attention of one layer from un-rotated queries and keys, all ``[heads, n, d]``.

    ``window`` keeps only pairs closer than that; ``local`` layers are never extended.
    """
    heads, dimension = weights.config["num_attention_heads"], query.shape[-1]
    real = definitions.plain_distances(reading.length)
    if local:
        distances, frequencies = real, definitions.inverse_frequencies(theta, dimension)
        factors = torch.ones(reading.length, dtype=torch.float64)
    else:
        distances = definitions.pair_distances(reading, theta, dimension)
        parameters = weights.config.get("rope_parameters") or {}
        slower, attention = definitions.shipped_factors(parameters, reading.length)
        frequencies = definitions.extended_frequencies(reading, theta, dimension) / slower
        factors = definitions.query_factors(reading, causal=causal) * attention**2
    key, value = repeat_heads(key, heads), repeat_heads(value, heads)
    scores = rotary_scores(query * factors[:, None], key, distances, frequencies)
    scores = scores * (dimension**-0.5 if scale is None else scale)
    allowed = torch.ones_like(real, dtype=torch.bool)
    if causal:
        allowed &= real >= 0
    if window is not None:
        allowed &= real.abs() < window
    return attend(scores, value, allowed)


def modernbert(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """ModernBERT: pre-norm (none before the first attention), gated MLP, local and full layers."""
    config = weights.config
    eps, heads = config["norm_eps"], config["num_attention_heads"]
    states = weights["embeddings.tok_embeddings.weight"][ids]
    states = weights.layer_norm(states, "embeddings.norm", eps)
    for layer, kind in enumerate(config["layer_types"]):
        name = f"layers.{layer}."
        normed = states if layer == 0 else weights.layer_norm(states, name + "attn_norm", eps)
        mixed_in = weights.linear(normed, name + "attn.Wqkv").chunk(3, dim=-1)
        query, key, value = (split_heads(part, heads) for part in mixed_in)
        local = kind == "sliding_attention"
        mixed = rotary_attention(
            weights,
            query,
            key,
            value,
            reading,
            theta=config["rope_parameters"][kind]["rope_theta"],
            window=config["local_attention"] // 2 + 1 if local else None,
            local=local,
        )
        states = states + weights.linear(mixed, name + "attn.Wo")
        inner = weights.linear(weights.layer_norm(states, name + "mlp_norm", eps), name + "mlp.Wi")
        inner, gate = inner.chunk(2, dim=-1)
        states = states + weights.linear(gelu(inner) * gate, name + "mlp.Wo")
    return weights.layer_norm(states, "final_norm", eps)


@dataclass(frozen=True)
class _Names:
    """What the published checkpoints of one family call the parts of a post-norm block."""

    embedding_norm: str
    layer: str
    qkv: str
    output: str
    attention_norm: str
    mlp_norm: str


_ROTARY_BERT = {
    "nomic_bert": _Names(
        "emb_ln", "encoder.layers", "attn.Wqkv", "attn.out_proj", "norm1", "norm2"
    ),
    "jina_embeddings_v3": _Names(
        "emb_ln", "encoder.layers", "mixer.Wqkv", "mixer.out_proj", "norm1", "norm2"
    ),
    "gte": _Names(
        "embeddings.LayerNorm",
        "encoder.layer",
        "attention.qkv_proj",
        "attention.o_proj",
        "attn_ln",
        "mlp_ln",
    ),
}


def rotary_bert(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """nomic_bert, gte and jina_embeddings_v3: BERT's post-norm block with rotation."""
    config = weights.config
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    names = _ROTARY_BERT[config["model_type"]]
    states = weights["embeddings.word_embeddings.weight"][ids]
    if config["type_vocab_size"]:
        states = states + weights["embeddings.token_type_embeddings.weight"][0]
    states = weights.layer_norm(states, names.embedding_norm, eps)
    for layer in range(config["num_hidden_layers"]):
        name = f"{names.layer}.{layer}."
        mixed_in = weights.linear(states, name + names.qkv).chunk(3, dim=-1)
        query, key, value = (split_heads(part, heads) for part in mixed_in)
        theta = config["rope_parameters"]["rope_theta"]
        mixed = rotary_attention(weights, query, key, value, reading, theta=theta)
        mixed = weights.linear(mixed, name + names.output)
        states = weights.layer_norm(states + mixed, name + names.attention_norm, eps)
        inner = _rotary_bert_mlp(weights, states, name + "mlp.")
        states = weights.layer_norm(states + inner, name + names.mlp_norm, eps)
    return states


def _rotary_bert_mlp(weights: Weights, states: Tensor, name: str) -> Tensor:
    family = weights.config["model_type"]
    if family == "jina_embeddings_v3":
        return weights.linear(gelu(weights.linear(states, name + "fc1")), name + "fc2")
    if family == "gte":
        up, gate = weights.linear(states, name + "up_gate_proj").chunk(2, dim=-1)
        return weights.linear(gelu(gate) * up, name + "down_proj")
    up, gate = weights.linear(states, name + "fc11"), weights.linear(states, name + "fc12")
    return weights.linear(silu(gate) * up, name + "fc2")


def e5_rope(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """E5-RoPE: BERT's block under BERT's names, rotation in place of the position table."""
    config = weights.config
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    states = weights["embeddings.word_embeddings.weight"][ids]
    states = states + weights["embeddings.token_type_embeddings.weight"][0]
    states = weights.layer_norm(states, "embeddings.LayerNorm", eps)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        query, key, value = (
            split_heads(weights.linear(states, f"{name}attention.self.{part}"), heads)
            for part in ("query", "key", "value")
        )
        theta = float(config["rope_theta"])
        mixed = rotary_attention(weights, query, key, value, reading, theta=theta)
        mixed = weights.linear(mixed, name + "attention.output.dense")
        states = weights.layer_norm(states + mixed, name + "attention.output.LayerNorm", eps)
        inner = gelu(weights.linear(states, name + "intermediate.dense"))
        inner = weights.linear(inner, name + "output.dense")
        states = weights.layer_norm(states + inner, name + "output.LayerNorm", eps)
    return states
