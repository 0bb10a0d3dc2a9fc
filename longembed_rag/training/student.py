"""A rotary student in the shape of a BERT teacher: its table folded away, rotation in its place.

The student is transformers' ``jina_embeddings_v3``: BERT's layers, word for word, with queries and
keys rotated by their positions (RoFormer, arXiv 2104.09864). Two things make it a good start:

* The mean row of the teacher's position table is added to the token types, so that the first layer
  norm sees what it is used to.
* Rotation turns pair ``k`` of a head's dimensions by ``position * theta^(-2k/d)``: the first pairs
  spin, the last ones hardly move. A head's logits ``q . k`` stay the same when queries are
  multiplied by an invertible matrix and keys by its inverse transpose, so each head's dimensions
  are turned until what carries most of its logits lies in the slow pairs and the rest in the fast
  ones. What the head compares by meaning then survives the rotation.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from longembed_rag.errors import UnsupportedModelError

#: Where each of a BERT layer's parts goes.
_LAYER_NAMES = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.o_proj",
    "attention.output.LayerNorm": "post_attention_layernorm",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "output.LayerNorm": "post_mlp_layernorm",
}

#: Smallest share of a head's largest singular value that is still inverted.
_FLOOR = 1e-4


def rotary_student(
    teacher: nn.Module, samples: list[Tensor], *, length: int, theta: float = 10_000.0
) -> nn.Module:
    """Build the student of a BERT teacher.

    Args:
        teacher: transformers' ``BertModel``, float32.
        samples: Token ids of a few texts, ``[texts, n]`` each, on which the heads' dimensions are
            sorted; none leaves them as they are.
        length: What its config states as context length, tokens.
        theta: Base of the rotation.

    Returns:
        transformers' ``JinaEmbeddingsV3Model``, float32, its weights the teacher's.

    Raises:
        UnsupportedModelError: The teacher is not a BERT, or its heads have an odd width.
    """
    from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model

    config = cast("Any", teacher.config)
    width = config.hidden_size // config.num_attention_heads
    if config.model_type != "bert" or width % 2:
        raise UnsupportedModelError(
            f"a rotary student is made of a BERT with heads of even width, not of "
            f"{config.model_type!r} with heads of {width}"
        )
    shared = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
    more = ("intermediate_size", "hidden_act", "type_vocab_size", "layer_norm_eps", "pad_token_id")
    student = JinaEmbeddingsV3Model(
        JinaEmbeddingsV3Config(
            **{name: getattr(config, name) for name in (*shared, *more)},
            max_position_embeddings=length,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            bos_token_id=None,
            eos_token_id=None,
            rope_parameters={"rope_type": "default", "rope_theta": theta},
        ),
        add_pooling_layer=False,
    )
    state = teacher.state_dict()
    student.load_state_dict(_renamed(state, config.num_hidden_layers))
    if samples:
        sort_heads(student, _logit_moments(teacher, samples), heads=config.num_attention_heads)
    return cast(nn.Module, student.eval())


def _renamed(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    table = state["embeddings.position_embeddings.weight"]
    types = state["embeddings.token_type_embeddings.weight"]
    new = {
        "embeddings.word_embeddings.weight": state["embeddings.word_embeddings.weight"],
        "embeddings.token_type_embeddings.weight": types + table.mean(dim=0),
        "embeddings.LayerNorm.weight": state["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": state["embeddings.LayerNorm.bias"],
    }
    for layer in range(layers):
        for theirs, ours in _LAYER_NAMES.items():
            for part in ("weight", "bias"):
                new[f"layers.{layer}.{ours}.{part}"] = state[
                    f"encoder.layer.{layer}.{theirs}.{part}"
                ]
    return new


Moments = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def _logit_moments(teacher: nn.Module, samples: list[Tensor]) -> Moments:
    """Second moments of each layer's queries and keys, ``[heads, d, d]`` in float64 each."""
    layers = cast("Any", teacher).encoder.layer
    heads = cast("Any", teacher.config).num_attention_heads
    caught: dict[tuple[int, str], Tensor] = {}

    def catch(at: tuple[int, str]) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            split = output.detach().double().view(-1, heads, output.shape[-1] // heads)
            moment = torch.einsum("nhd,nhe->hde", split, split)
            caught[at] = caught[at] + moment if at in caught else moment

        return hook

    hooks = []
    for number, layer in enumerate(layers):
        hooks.append(layer.attention.self.query.register_forward_hook(catch((number, "query"))))
        hooks.append(layer.attention.self.key.register_forward_hook(catch((number, "key"))))
    try:
        for ids in samples:
            teacher(input_ids=ids)
    finally:
        for hook in hooks:
            hook.remove()
    return [(caught[n, "query"], caught[n, "key"]) for n in range(len(layers))]


@torch.no_grad()
def sort_heads(student: nn.Module, moments: Moments, *, heads: int) -> None:
    """Turn each head's dimensions so that the slow pairs carry most of its logits, in place.

    With second moments ``C`` of queries and ``D`` of keys, ``C^(1/2) D^(1/2) = P S R'`` splits the
    logits into uncorrelated products whose spread is ``S``, largest first.

    Args:
        student: Its queries and keys are changed; their unrotated products are not.
        moments: Of each layer's queries and keys.
        heads: Number of heads.
    """
    for layer, (query_moments, key_moments) in zip(
        cast("Any", student).layers, moments, strict=True
    ):
        attention = layer.self_attn
        order = _slow_first(query_moments.shape[-1])
        for head in range(heads):
            query_turn, key_turn = _turns(query_moments[head], key_moments[head])
            _apply(attention.q_proj, query_turn, head, order)
            _apply(attention.k_proj, key_turn, head, order)


def _slow_first(width: int) -> Tensor:
    """The dimension that the component of each rank goes to: slow pairs first."""
    half = width // 2
    return torch.tensor([dim for pair in reversed(range(half)) for dim in (pair, pair + half)])


def _turns(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices ``[d, d]`` for a head's queries and keys; their product stays the identity."""
    left, spread, _ = torch.linalg.svd(_power(queries, 0.5) @ _power(keys, 0.5))
    spread = spread.clamp(min=_FLOOR * float(spread[0]))
    query_turn = spread.sqrt()[:, None] * (left.T @ _power(queries, -0.5))
    return query_turn, torch.linalg.inv(query_turn).T


def _power(moment: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric matrix, its smallest values held up so that it can be inverted."""
    values, vectors = torch.linalg.eigh(moment)
    values = values.clamp(min=_FLOOR**2 * float(values[-1]))
    return cast(Tensor, vectors @ (values.pow(exponent)[:, None] * vectors.T))


def _apply(projection: nn.Linear, turn: Tensor, head: int, order: Tensor) -> None:
    width = turn.shape[0]
    rows = slice(head * width, (head + 1) * width)
    for tensor in (projection.weight, projection.bias):
        turned = turn @ tensor[rows].double().reshape(width, -1)
        placed = torch.empty_like(turned)
        placed[order] = turned
        tensor[rows] = placed.reshape(tensor[rows].shape).to(tensor.dtype)
