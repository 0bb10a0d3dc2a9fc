"""Forward passes of the families whose attention adds a bias by distance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

from tests.reference import definitions
from tests.reference.attention import attend, split_heads
from tests.reference.definitions import Reading
from tests.reference.weights import Weights, gelu, gelu_tanh


def slopes(heads: int) -> Tensor:
    """ALiBi's slopes as its paper's code makes them, for any number of heads."""

    def of_power(count: int) -> list[float]:
        start = 2.0 ** (-(2.0 ** -(math.log2(count) - 3)))
        return [start * start**i for i in range(count)]

    lower = 2 ** math.floor(math.log2(heads))
    found = of_power(lower)
    if lower < heads:
        found += of_power(2 * lower)[0::2][: heads - lower]
    return torch.tensor(found, dtype=torch.float64)


def _alibi(heads: int, reading: Reading) -> Tensor:
    """``-slope * |i - j|``, ``[heads, n, n]``; flatter under ``pi`` beyond the window."""
    scale = reading.scale if reading.method == "pi" else 1
    distances = definitions.plain_distances(reading.length).abs()
    return -slopes(heads)[:, None, None] / scale * distances


def _mixed(
    states: list[Tensor], heads: int, bias: Tensor, reading: Reading, *, scale: float, causal: bool
) -> Tensor:
    query, key, value = (split_heads(each, heads) for each in states)
    # The factor is one number for all queries here: no method of these looks at positions.
    factor = definitions.query_factors(reading, causal=causal)[:, None]
    scores = (query * factor) @ key.transpose(1, 2) * scale + bias
    allowed = torch.ones(reading.length, reading.length, dtype=torch.bool).tril()
    return attend(scores, value, allowed if causal else None)


def t5(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """T5's encoder: pre-norm without means, no biases, unscaled logits, one bias for all layers."""
    config = weights.config
    eps, heads = config["layer_norm_epsilon"], config["num_heads"]

    def norm(states: Tensor, name: str) -> Tensor:
        return states / (states.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weights[name]

    states = weights["shared.weight"][ids]
    buckets = t5_buckets(
        -definitions.plain_distances(reading.length),
        config["relative_attention_num_buckets"],
        config["relative_attention_max_distance"],
    )
    table = weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    bias = table[buckets].permute(2, 0, 1)
    for layer in range(config["num_layers"]):
        name = f"encoder.block.{layer}.layer."
        normed = norm(states, f"{name}0.layer_norm.weight")
        parts = [weights.linear(normed, f"{name}0.SelfAttention.{each}") for each in "qkv"]
        mixed = _mixed(parts, heads, bias, reading, scale=1.0, causal=False)
        states = states + weights.linear(mixed, f"{name}0.SelfAttention.o")
        normed = norm(states, f"{name}1.layer_norm.weight")
        inner = weights.linear(normed, f"{name}1.DenseReluDense.wi").clamp(min=0)
        states = states + weights.linear(inner, f"{name}1.DenseReluDense.wo")
    return norm(states, "encoder.final_layer_norm.weight")


def t5_buckets(offsets: Tensor, buckets: int, farthest: int) -> Tensor:
    """Bucket of key position minus query position; half of them for each side.

    The logarithm is taken in float32 because the buckets' edges are part of the trained model.
    """
    half = buckets // 2
    near = half // 2
    far = offsets.abs()
    ratio = torch.log(far.clamp(min=1).float() / near) / math.log(farthest / near)
    bucket = torch.where(
        far < near, far, (near + (ratio * (half - near)).long()).clamp(max=half - 1)
    )
    return bucket + half * (offsets > 0)


def alibi_bert(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """BERT with ALiBi both ways and gated blocks, by jina-embeddings-v2's names.

    Of its two kinds, the one of ``-base-code`` has norms of queries, keys and what attention makes,
    and gates by the other half.
    """
    config = weights.config
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    width = config["intermediate_size"]
    states = weights["embeddings.word_embeddings.weight"][ids]
    states = states + weights["embeddings.token_type_embeddings.weight"][0]
    states = weights.layer_norm(states, "embeddings.LayerNorm", eps)
    bias = _alibi(heads, reading)
    scale = (config["hidden_size"] // heads) ** -0.5
    act = gelu if config["feed_forward_type"] == "geglu" else torch.relu
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        normed = f"{name}layer_norm_1.weight" in weights
        parts = [
            weights.linear(states, f"{name}attention.self.{each}")
            for each in ("query", "key", "value")
        ]
        if normed:
            for place, each in enumerate("qk"):
                norm = f"{name}attention.self.layer_norm_{each}"
                parts[place] = weights.layer_norm(parts[place], norm, eps)
        mixed = _mixed(parts, heads, bias, reading, scale=scale, causal=False)
        mixed = weights.linear(mixed, name + "attention.output.dense")
        mixed = weights.layer_norm(states + mixed, name + "attention.output.LayerNorm", eps)
        if normed:
            states = weights.layer_norm(states + mixed, name + "layer_norm_1", eps)
            both = weights.linear(states, name + "mlp.up_gated_layer")
            inner = weights.linear(both[:, :width] * act(both[:, width:]), name + "mlp.down_layer")
            states = weights.layer_norm(states + inner, name + "layer_norm_2", eps)
            continue
        states = mixed
        both = weights.linear(states, name + "mlp.gated_layers")
        inner = weights.linear(act(both[:, :width]) * both[:, width:], name + "mlp.wo")
        states = weights.layer_norm(states + inner, name + "mlp.layernorm", eps)
    return states


def bloom(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """BLOOM: pre-norm, query, key and value of each head side by side, GELU by tanh."""
    config = weights.config
    eps, heads = config["layer_norm_epsilon"], config["n_head"]
    states = weights["word_embeddings.weight"][ids]
    states = weights.layer_norm(states, "word_embeddings_layernorm", eps)
    bias = _alibi(heads, reading)
    width = states.shape[-1] // heads
    for layer in range(config["n_layer"]):
        name = f"h.{layer}."
        normed = weights.layer_norm(states, name + "input_layernorm", eps)
        fused = weights.linear(normed, name + "self_attention.query_key_value")
        by_head = fused.view(len(ids), heads, 3, width)
        parts = [by_head[:, :, each].reshape(len(ids), -1) for each in range(3)]
        mixed = _mixed(parts, heads, bias, reading, scale=width**-0.5, causal=True)
        states = states + weights.linear(mixed, name + "self_attention.dense")
        normed = weights.layer_norm(states, name + "post_attention_layernorm", eps)
        inner = gelu_tanh(weights.linear(normed, name + "mlp.dense_h_to_4h"))
        states = states + weights.linear(inner, name + "mlp.dense_4h_to_h")
    return weights.layer_norm(states, "ln_f", eps)


def mpt(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """MPT: pre-norm without biases anywhere."""
    config = weights.config
    heads, eps = config["n_heads"], config["layer_norm_epsilon"]
    states = weights["wte.weight"][ids]
    bias = _alibi(heads, reading)
    scale = (config["d_model"] // heads) ** -0.5
    for layer in range(config["n_layers"]):
        name = f"blocks.{layer}."
        normed = functional.layer_norm(
            states, states.shape[-1:], weights[name + "norm_1.weight"], eps=eps
        )
        parts = list(weights.linear(normed, name + "attn.Wqkv").chunk(3, dim=-1))
        mixed = _mixed(parts, heads, bias, reading, scale=scale, causal=True)
        states = states + weights.linear(mixed, name + "attn.out_proj")
        normed = functional.layer_norm(
            states, states.shape[-1:], weights[name + "norm_2.weight"], eps=eps
        )
        inner = gelu(weights.linear(normed, name + "ffn.up_proj"))
        states = states + weights.linear(inner, name + "ffn.down_proj")
    return functional.layer_norm(states, states.shape[-1:], weights["norm_f.weight"], eps=eps)
