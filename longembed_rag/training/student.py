"""A rotary student in the shape of a BERT teacher: its table folded away, rotation in its place.

The student is transformers' ``jina_embeddings_v3``: BERT's layers, word for word, with queries and
keys rotated by their positions (RoFormer, arXiv 2104.09864). Two things make it a good start:

* The mean row of the teacher's position table is added to the token types, so that the first layer
  norm sees what it is used to. The token that opens every text always had row 0, which is like no
  other: what it differs by from the mean is added to that token's word embedding.
* Rotation turns pair ``k`` of a head's dimensions by ``position * theta^(-2k/d)``: the first pairs
  spin, the last ones hardly move. A head's logits ``q . k`` stay the same when queries are
  multiplied by an invertible matrix and keys by its inverse transpose, so each head's dimensions
  are turned until what carries most of its logits lies in the slow pairs and the rest in the fast
  ones. What the head compares by meaning then survives the rotation. Before that, the mean key is
  taken from all keys: softmax does not see it, but rotated it would favour some distances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
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
    teacher: nn.Module,
    samples: Sequence[Tensor],
    *,
    length: int,
    theta: float = 10_000.0,
    rows: int | None = None,
) -> nn.Module:
    """Build the student of a BERT teacher.

    Args:
        teacher: transformers' ``BertModel``, float32.
        samples: Token ids of a few texts, ``[texts, n]`` each, on which the heads' dimensions are
            sorted; none leaves them as they are.
        length: What its config states as context length, tokens.
        theta: Base of the rotation.
        rows: Rows of the teacher's table that it reads well; None takes all.

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
    opening = {int(ids[0]) for sample in samples for ids in sample}
    first = opening.pop() if len(opening) == 1 else None
    student.load_state_dict(
        _renamed(state, layers=config.num_hidden_layers, rows=rows, opening=first)
    )
    if samples:
        sort_heads(student, logit_moments(teacher, samples), heads=config.num_attention_heads)
    return cast(nn.Module, student.eval())


def _renamed(
    state: dict[str, Tensor], *, layers: int, rows: int | None, opening: int | None
) -> dict[str, Tensor]:
    table = state["embeddings.position_embeddings.weight"][:rows]
    # Row 0 belongs to the opening token alone.
    mean = table.mean(dim=0) if opening is None else table[1:].mean(dim=0)
    words = state["embeddings.word_embeddings.weight"].clone()
    if opening is not None:
        words[opening] += table[0] - mean
    types = state["embeddings.token_type_embeddings.weight"]
    new = {
        "embeddings.word_embeddings.weight": words,
        "embeddings.token_type_embeddings.weight": types + mean,
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


@dataclass(frozen=True)
class LogitMoments:
    """What one layer's queries and keys are like, float64.

    Attributes:
        queries: Second moments of the queries, ``[heads, d, d]``.
        keys: Covariance of the keys, ``[heads, d, d]``.
        mean_key: ``[heads, d]``.
    """

    queries: Tensor
    keys: Tensor
    mean_key: Tensor


@torch.no_grad()
def logit_moments(teacher: nn.Module, samples: Sequence[Tensor]) -> list[LogitMoments]:
    """The moments of every layer of a BERT over some texts."""
    layers = cast("Any", teacher).encoder.layer
    heads = cast("Any", teacher.config).num_attention_heads
    caught: dict[tuple[int, str], list[Tensor]] = defaultdict(list)

    def catch(at: tuple[int, str]) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            states = output.detach().double()
            caught[at].append(states.view(-1, heads, states.shape[-1] // heads))

        return hook

    hooks = []
    for number, layer in enumerate(layers):
        hooks.append(layer.attention.self.query.register_forward_hook(catch((number, "query"))))
        hooks.append(layer.attention.self.key.register_forward_hook(catch((number, "key"))))
    try:
        for ids in samples:
            teacher(input_ids=ids)
    finally:
        for each in hooks:
            each.remove()
    return [
        _moments(torch.cat(caught[number, "query"]), torch.cat(caught[number, "key"]))
        for number in range(len(layers))
    ]


def _moments(queries: Tensor, keys: Tensor) -> LogitMoments:
    """Of queries and keys, ``[tokens, heads, d]`` each."""
    mean = keys.mean(dim=0)
    centred = keys - mean
    count = len(keys)
    return LogitMoments(
        queries=torch.einsum("nhd,nhe->hde", queries, queries) / count,
        keys=torch.einsum("nhd,nhe->hde", centred, centred) / count,
        mean_key=mean,
    )


@torch.no_grad()
def sort_heads(student: nn.Module, moments: Sequence[LogitMoments], *, heads: int) -> None:
    """Turn each head's dimensions so that the slow pairs carry most of its logits, in place.

    With second moments ``C`` of queries and covariance ``D`` of keys, ``C^(1/2) D^(1/2) = P S R'``
    splits the logits into uncorrelated products whose spread is ``S``, largest first.

    Args:
        student: Its queries and keys are changed; what softmax makes of their unrotated products
            is not.
        moments: Of each layer's queries and keys.
        heads: Number of heads.
    """
    for layer, found in zip(cast("Any", student).layers, moments, strict=True):
        attention = layer.self_attn
        attention.k_proj.bias -= found.mean_key.flatten().to(attention.k_proj.bias.dtype)
        order = _slow_first(found.queries.shape[-1])
        for head in range(heads):
            query_turn, key_turn = _turns(found.queries[head], found.keys[head])
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
