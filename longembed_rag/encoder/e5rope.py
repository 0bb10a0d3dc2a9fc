"""E5-RoPE (BERT with rotation in place of its table) as a ``jina_embeddings_v3``-shaped model.

transformers' JinaEmbeddingsV3 is, layer for layer, BERT with post-layer normalisation, biases and
rotated queries and keys, so E5-RoPE's weights load into it under other names and need no code of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: ``model_type`` in the published checkpoint's config.
E5_ROPE = "e5rope"

_LAYER = r"^(?:e5rope\.|bert\.)?encoder\.layer\.(\d+)\."

#: E5-RoPE's parameter names, as patterns, to JinaEmbeddingsV3's.
E5_ROPE_KEYS: dict[str, str] = {
    r"^(?:e5rope\.|bert\.)?embeddings\.": "embeddings.",
    _LAYER + r"attention\.self\.query\.": r"layers.\1.self_attn.q_proj.",
    _LAYER + r"attention\.self\.key\.": r"layers.\1.self_attn.k_proj.",
    _LAYER + r"attention\.self\.value\.": r"layers.\1.self_attn.v_proj.",
    _LAYER + r"attention\.output\.dense\.": r"layers.\1.self_attn.o_proj.",
    _LAYER + r"attention\.output\.LayerNorm\.": r"layers.\1.post_attention_layernorm.",
    _LAYER + r"intermediate\.dense\.": r"layers.\1.mlp.fc1.",
    _LAYER + r"output\.dense\.": r"layers.\1.mlp.fc2.",
    _LAYER + r"output\.LayerNorm\.": r"layers.\1.post_mlp_layernorm.",
}

_SHARED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
)


def e5_rope_values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """E5-RoPE's config by the names of transformers' ``JinaEmbeddingsV3Config``.

    Args:
        raw: The checkpoint's ``config.json``.
    """
    values = {name: raw[name] for name in _SHARED if name in raw}
    values.setdefault("layer_norm_eps", 1e-12)
    theta = float(raw.get("rope_theta", 10000.0))
    return {**values, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}


def e5_rope_config(raw: Mapping[str, Any]) -> Any:
    """:func:`e5_rope_values` as transformers' config."""
    from transformers import JinaEmbeddingsV3Config

    return JinaEmbeddingsV3Config(**e5_rope_values(raw))
