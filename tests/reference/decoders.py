"""Forward passes of the rotary families with RMSNorm and grouped heads."""

from __future__ import annotations

import math

from torch import Tensor

from tests.reference.attention import split_heads
from tests.reference.definitions import Reading
from tests.reference.rotary import rotary_attention
from tests.reference.weights import Weights, gated_mlp, gelu_tanh, silu


def llama(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """EuroBERT, Mistral, Llama, Qwen2, Qwen3: pre-norm with RMSNorm, grouped heads."""
    config = weights.config
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    family = config["model_type"]
    kinds = config.get("layer_types") or ["full_attention"] * config["num_hidden_layers"]
    states = weights["embed_tokens.weight"][ids]
    for layer, kind in enumerate(kinds):
        name = f"layers.{layer}."
        local = kind == "sliding_attention"
        # Mistral's window holds within L0, where the original model reads; beyond it is lifted.
        windowed = local or (family == "mistral" and not reading.extended)
        normed = weights.rms_norm(states, name + "input_layernorm")
        query = split_heads(weights.linear(normed, name + "self_attn.q_proj"), heads)
        key = split_heads(weights.linear(normed, name + "self_attn.k_proj"), groups)
        value = split_heads(weights.linear(normed, name + "self_attn.v_proj"), groups)
        if family == "qwen3":
            query = weights.rms_norm(query, name + "self_attn.q_norm")
            key = weights.rms_norm(key, name + "self_attn.k_norm")
        mixed = rotary_attention(
            weights,
            query,
            key,
            value,
            reading,
            theta=config["rope_parameters"]["rope_theta"],
            causal=family != "eurobert",
            window=config["sliding_window"] if windowed else None,
            local=local,
        )
        states = states + weights.linear(mixed, name + "self_attn.o_proj")
        normed = weights.rms_norm(states, name + "post_attention_layernorm")
        states = states + gated_mlp(weights, normed, name + "mlp.", silu)
    return weights.rms_norm(states, "norm")


def gemma3(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """Gemma 3: norms on both sides, local and full layers; as an encoder, half the window."""
    config = weights.config
    causal = not config["use_bidirectional_attention"]
    window = config["sliding_window"] if causal else config["sliding_window"] // 2 + 1
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    states = weights["embed_tokens.weight"][ids] * math.sqrt(config["hidden_size"])

    def norm(states: Tensor, name: str) -> Tensor:
        return weights.rms_norm(states, name, one_plus=True)

    for layer, kind in enumerate(config["layer_types"]):
        name = f"layers.{layer}."
        normed = norm(states, name + "input_layernorm")
        query = split_heads(weights.linear(normed, name + "self_attn.q_proj"), heads)
        key = split_heads(weights.linear(normed, name + "self_attn.k_proj"), groups)
        value = split_heads(weights.linear(normed, name + "self_attn.v_proj"), groups)
        local = kind == "sliding_attention"
        mixed = rotary_attention(
            weights,
            norm(query, name + "self_attn.q_norm"),
            norm(key, name + "self_attn.k_norm"),
            value,
            reading,
            theta=config["rope_parameters"][kind]["rope_theta"],
            scale=config["query_pre_attn_scalar"] ** -0.5,
            causal=causal,
            window=window if local else None,
            local=local,
        )
        mixed = weights.linear(mixed, name + "self_attn.o_proj")
        states = states + norm(mixed, name + "post_attention_layernorm")
        inner = norm(states, name + "pre_feedforward_layernorm")
        inner = gated_mlp(weights, inner, name + "mlp.", gelu_tanh)
        states = states + norm(inner, name + "post_feedforward_layernorm")
    return norm(states, "norm")
