"""Forward passes of the families with a learned position table."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.reference import definitions
from tests.reference.attention import attend, split_heads
from tests.reference.definitions import Reading
from tests.reference.weights import Weights, gelu


def _learned_scores(
    weights: Weights, query: Tensor, key: Tensor, reading: Reading, causal: bool = False
) -> Tensor:
    heads = weights.config["num_attention_heads"]
    query = query * definitions.query_factors(reading, causal=causal)[:, None]
    query, key = split_heads(query, heads), split_heads(key, heads)
    return query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])


def bert(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """BERT, RoBERTa and XLM-R: post-norm, a position table, RoBERTa's starting at padding + 1."""
    config = weights.config
    eps = config["layer_norm_eps"]
    offset = 0 if config["model_type"] == "bert" else config["pad_token_id"] + 1
    table = weights["embeddings.position_embeddings.weight"][offset:]
    states = weights["embeddings.word_embeddings.weight"][ids]
    states = states + weights["embeddings.token_type_embeddings.weight"][0]
    states = states + definitions.table_rows(reading, table)
    states = weights.layer_norm(states, "embeddings.LayerNorm", eps)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        query = weights.linear(states, name + "attention.self.query")
        key = weights.linear(states, name + "attention.self.key")
        value = weights.linear(states, name + "attention.self.value")
        scores = _learned_scores(weights, query, key, reading)
        mixed = attend(scores, split_heads(value, config["num_attention_heads"]), None)
        mixed = weights.linear(mixed, name + "attention.output.dense")
        states = weights.layer_norm(states + mixed, name + "attention.output.LayerNorm", eps)
        inner = gelu(weights.linear(states, name + "intermediate.dense"))
        inner = weights.linear(inner, name + "output.dense")
        states = weights.layer_norm(states + inner, name + "output.LayerNorm", eps)
    return states


def mpnet(weights: Weights, ids: Tensor, reading: Reading) -> Tensor:
    """MPNet: BERT with a bias by bucket of the real token distance, shared by all layers."""
    config = weights.config
    eps = config["layer_norm_eps"]
    table = weights["embeddings.position_embeddings.weight"][config["pad_token_id"] + 1 :]
    states = weights["embeddings.word_embeddings.weight"][ids]
    states = states + definitions.table_rows(reading, table)
    states = weights.layer_norm(states, "embeddings.LayerNorm", eps)
    buckets = mpnet_buckets(definitions.plain_distances(reading.length))
    bias = weights["encoder.relative_attention_bias.weight"][buckets].permute(2, 0, 1)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        query = weights.linear(states, name + "attention.attn.q")
        key = weights.linear(states, name + "attention.attn.k")
        value = weights.linear(states, name + "attention.attn.v")
        scores = _learned_scores(weights, query, key, reading) + bias
        mixed = attend(scores, split_heads(value, config["num_attention_heads"]), None)
        mixed = weights.linear(mixed, name + "attention.attn.o")
        states = weights.layer_norm(states + mixed, name + "attention.LayerNorm", eps)
        inner = gelu(weights.linear(states, name + "intermediate.dense"))
        inner = weights.linear(inner, name + "output.dense")
        states = weights.layer_norm(states + inner, name + "output.LayerNorm", eps)
    return states


def mpnet_buckets(distances: Tensor) -> Tensor:
    """Bucket (of 32) of query position minus key position; logarithmic from 8, the last at 128.

    The logarithm is taken in float32 because the buckets' edges are part of the trained model.
    """
    far = distances.abs()
    ratio = torch.log(far.clamp(min=1).float() / 8) / math.log(128 / 8)
    bucket = torch.where(far < 8, far, (8 + (ratio * 8).long()).clamp(max=15))
    return bucket + 16 * (distances < 0)
