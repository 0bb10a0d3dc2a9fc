"""Each family's forward pass for one text, from its weights by name, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tests.reference.biased import alibi_bert, bloom, mpt, t5
from tests.reference.decoders import gemma3, llama
from tests.reference.definitions import Reading
from tests.reference.learned import bert, mpnet
from tests.reference.rotary import e5_rope, modernbert, rotary_bert
from tests.reference.weights import Weights

_FORWARD: dict[str, Callable[[Weights, Tensor, Reading], Tensor]] = {
    "bert": bert,
    "roberta": bert,
    "xlm-roberta": bert,
    "mpnet": mpnet,
    "modernbert": modernbert,
    "nomic_bert": rotary_bert,
    "gte": rotary_bert,
    "jina_embeddings_v3": rotary_bert,
    "eurobert": llama,
    "mistral": llama,
    "llama": llama,
    "qwen2": llama,
    "qwen3": llama,
    "gemma3_text": gemma3,
    "e5rope": e5_rope,
    "t5": t5,
    "bloom": bloom,
    "mpt": mpt,
}


def forward(weights: Weights, ids: list[int], reading: Reading) -> Tensor:
    """Last hidden states of one text, ``[n, hidden]``, float64."""
    config = weights.config
    alibi = config.get("position_embedding_type") == "alibi"
    read = alibi_bert if alibi else _FORWARD[config["model_type"]]
    return read(weights, torch.tensor(ids), reading)
