"""Published checkpoints that transformers has no class for, as models that it has one for.

Layer for layer they are what a class of transformers computes: under its names, their weights
load into it, and none of their own code is run.

- BERT with ALiBi and gated blocks, as jina-embeddings-v2 and MosaicBERT have it, is ``gte``
  without its rotation (the biases are :mod:`longembed_rag.extension.biased`'s).
- jina-embeddings-v3 as its makers published it, with adapters among its weights, is
  ``jina_embeddings_v3`` (the adapters are :mod:`longembed_rag.encoder.adapters`').
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.stated import Stated, told
from longembed_rag.encoder.weights import read_headers
from longembed_rag.errors import ModelLoadError, UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_SHARED = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "max_position_embeddings", "type_vocab_size", "initializer_range"),
    *("layer_norm_eps", "pad_token_id", "hidden_dropout_prob", "attention_probs_dropout_prob"),
)
_GATES = {"geglu": "gelu", "reglu": "relu"}

_BERT = r"^(?:bert\.|model\.)?"
_BERT_LAYER = _BERT + r"encoder\.layer\.(\d+)\."
_QKV = tuple(rf"layers.\1.self_attn.{each}_proj.\2" for each in "qkv")
#: Names in the checkpoint, and what they are called in ``gte``; several share a tensor's rows.
_ALIBI_NAMES: dict[str, tuple[str, ...]] = {
    _BERT + r"embeddings\.(word_embeddings|token_type_embeddings|LayerNorm)\.": (
        r"embeddings.\1.",
    ),
    _BERT_LAYER + r"attention\.self\.Wqkv\.(\w+)$": _QKV,
    _BERT_LAYER + r"attention\.self\.query\.": (r"layers.\1.self_attn.q_proj.",),
    _BERT_LAYER + r"attention\.self\.key\.": (r"layers.\1.self_attn.k_proj.",),
    _BERT_LAYER + r"attention\.self\.value\.": (r"layers.\1.self_attn.v_proj.",),
    _BERT_LAYER + r"attention\.output\.dense\.": (r"layers.\1.self_attn.o_proj.",),
    _BERT_LAYER + r"attention\.output\.LayerNorm\.": (r"layers.\1.post_attention_layernorm.",),
    # The first half goes through the activation.
    _BERT_LAYER + r"mlp\.gated_layers\.(\w+)$": (
        r"layers.\1.mlp.gate_proj.\2",
        r"layers.\1.mlp.up_proj.\2",
    ),
    _BERT_LAYER + r"mlp\.wo\.": (r"layers.\1.mlp.down_proj.",),
    _BERT_LAYER + r"mlp\.layernorm\.": (r"layers.\1.post_mlp_layernorm.",),
}
#: The same of the kind that normalises queries, keys and what attention makes, as
#: jina-embeddings-v2-base-code does: here the second half goes through the activation.
_NORMED_NAMES: dict[str, tuple[str, ...]] = {
    _BERT_LAYER + r"attention\.output\.LayerNorm\.": (r"layers.\1.self_attn.out_norm.",),
    _BERT_LAYER + r"attention\.self\.layer_norm_([qk])\.": (r"layers.\1.self_attn.\2_norm.",),
    _BERT_LAYER + r"layer_norm_1\.": (r"layers.\1.post_attention_layernorm.",),
    _BERT_LAYER + r"mlp\.up_gated_layer\.(\w+)$": (
        r"layers.\1.mlp.up_proj.\2",
        r"layers.\1.mlp.gate_proj.\2",
    ),
    _BERT_LAYER + r"mlp\.down_layer\.": (r"layers.\1.mlp.down_proj.",),
    _BERT_LAYER + r"layer_norm_2\.": (r"layers.\1.post_mlp_layernorm.",),
}
_JINA = r"^(?:roberta\.)?"
_JINA_LAYER = _JINA + r"encoder\.layers\.(\d+)\."
_PARAMETRIZED = r"(?:parametrizations\.(\w+)\.original|(\w+))$"
_JINA_NAMES: dict[str, tuple[str, ...]] = {
    _JINA + r"embeddings\.(\w+)\." + _PARAMETRIZED: (r"embeddings.\1.\2\3",),
    _JINA + r"emb_ln\.": ("embeddings.LayerNorm.",),
    _JINA_LAYER + r"mixer\.Wqkv\." + _PARAMETRIZED: tuple(
        rf"layers.\1.self_attn.{each}_proj.\2\3" for each in "qkv"
    ),
    _JINA_LAYER + r"mixer\.out_proj\." + _PARAMETRIZED: (r"layers.\1.self_attn.o_proj.\2\3",),
    _JINA_LAYER + r"mlp\.(fc1|fc2)\." + _PARAMETRIZED: (r"layers.\1.mlp.\2.\3\4",),
    _JINA_LAYER + r"norm1\.": (r"layers.\1.post_attention_layernorm.",),
    _JINA_LAYER + r"norm2\.": (r"layers.\1.post_mlp_layernorm.",),
}
#: What no vector depends on.
_UNREAD = re.compile(r"pooler\.|^cls\.|lm_head|position_ids$|\.lora_[AB]$|rotary|\.alibi$")


def is_alibi_bert(raw: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of a BERT with ALiBi in place of its table."""
    alibi = raw.get("position_embedding_type") == "alibi" or "alibi_starting_size" in raw
    return raw.get("model_type") == "bert" and alibi


def is_jina_v3(raw: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of jina-embeddings-v3 as its makers published it."""
    rotary = raw.get("position_embedding_type") == "rotary"
    return raw.get("model_type") == "xlm-roberta" and rotary


def jina_targets(name: str) -> tuple[str, ...]:
    """What a weight of jina-embeddings-v3 is called in transformers; several share its rows.

    Args:
        name: As its makers call it, without adapters: ``"encoder.layers.0.mlp.fc1.weight"``.

    Raises:
        UnsupportedModelError: It is none that is known.
    """
    for pattern, targets in _JINA_NAMES.items():
        if re.search(pattern, name):
            return tuple(re.sub(pattern, target, name) for target in targets)
    raise UnsupportedModelError(f"{name} is no layer that is known of jina-embeddings-v3")


def converted_config(raw: Stated, *, model_name: str) -> Any:
    """The config of such a checkpoint as transformers has it; None of any other.

    Raises:
        UnsupportedModelError: It is one whose layers are of another kind.
    """
    shared = {name: raw[name] for name in _SHARED if name in raw}
    if is_jina_v3(raw):
        from transformers import JinaEmbeddingsV3Config

        rope = {"rope_type": "default", "rope_theta": float(raw.get("rotary_emb_base", 10000.0))}
        act = raw.text("hidden_act") or "gelu"
        return JinaEmbeddingsV3Config(**shared, hidden_act=act, rope_parameters=rope)
    if not is_alibi_bert(raw):
        return None
    from transformers import GteConfig

    # MosaicBERT states none, and gates by GELU.
    gate = raw.text("feed_forward_type") or "geglu"
    if gate not in _GATES:
        raise UnsupportedModelError(
            f"{model_name}: feed_forward_type={gate!r} in its config.json is not supported for "
            f"BERT with ALiBi; supported are {', '.join(_GATES)}"
        )
    shared.setdefault("type_vocab_size", 2)
    config = GteConfig(**shared, hidden_act=_GATES[gate])
    config.position_embedding_type = "alibi"
    return config


def load_converted(
    folder: ModelFolder, config: Any, *, dtype: torch.dtype, attention: str, weights: list[Any]
) -> Any:
    """The model of such a checkpoint.

    Args:
        folder: Where it lies.
        config: What :func:`converted_config` made.
        dtype: Of its weights.
        attention: Name of the attention function.
        weights: Its safetensors files.

    Raises:
        UnsupportedModelError: Its layers are of another kind.
        ModelLoadError: Weights are missing, or of another model.
    """
    import torch
    from transformers import GteModel, JinaEmbeddingsV3Model

    raw = Stated(folder.path / "config.json")
    jina = is_jina_v3(raw)
    config._attn_implementation = attention
    names = _JINA_NAMES if jina else _ALIBI_NAMES
    with torch.device("meta"):
        model: Any = (JinaEmbeddingsV3Model if jina else GteModel)(config, add_pooling_layer=False)
        if any(name.endswith(".layer_norm_q.weight") for name in read_headers(weights)):
            names = {**names, **_NORMED_NAMES}
            _add_norms(model, config)
    with told(where := f"the weights in {folder.path}"):
        state = _renamed(weights, names, folder.name, dtype)
        wanted = model.state_dict()
        missing = sorted(set(wanted) - set(state))
        if missing:
            raise ModelLoadError(
                f"{where} do not belong to its config.json: {len(missing)} parameters are "
                f"missing, {missing[0]} among them"
            )
        model.load_state_dict(state, assign=True)
    # These hold what no file has.
    model.rotary_emb = type(model.rotary_emb)(config)
    for name, buffer in list(model.embeddings.named_buffers()):
        filled = torch.zeros_like(buffer, device="cpu")
        if name == "position_ids":
            filled += torch.arange(filled.shape[-1])
        setattr(model.embeddings, name, filled)
    return model


def _add_norms(model: Any, config: Any) -> None:
    """Let a ``gte`` normalise queries and keys, over all heads, and what attention makes.

    That is ``norm(dense(mixed) + states)``, to which the block adds its input once more.
    """
    from torch import nn

    for layer in model.layers:
        attention = layer.self_attn
        for name in ("q_norm", "k_norm", "out_norm"):
            norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
            setattr(attention, name, norm)
        attention.q_proj.register_forward_hook(partial(_normed, attention, "q_norm"))
        attention.k_proj.register_forward_hook(partial(_normed, attention, "k_norm"))
        attention.register_forward_hook(_with_input)


def _normed(attention: Any, name: str, module: Any, args: Any, out: Tensor) -> Any:
    return getattr(attention, name)(out)


def _with_input(attention: Any, args: tuple[Any, ...], out: tuple[Any, ...]) -> tuple[Any, ...]:
    return attention.out_norm(out[0] + args[0]), *out[1:]


def _renamed(
    files: list[Any], names: Mapping[str, tuple[str, ...]], model_name: str, dtype: torch.dtype
) -> dict[str, Tensor]:
    """A checkpoint's tensors by the names of transformers' class."""
    from safetensors import safe_open

    rules = [(re.compile(pattern), targets) for pattern, targets in names.items()]
    found: dict[str, Tensor] = {}
    for file in files:
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  # it is no dict
                if _UNREAD.search(name):
                    continue
                rule = next((each for each in rules if each[0].search(name)), None)
                if rule is None:
                    raise UnsupportedModelError(
                        f"{model_name}: its weights hold {name}, which is not known of this "
                        "kind of checkpoint, so that its vectors would be others"
                    )
                pattern, targets = rule
                tensor = weights.get_tensor(name).to(dtype)
                for target, part in zip(targets, tensor.chunk(len(targets)), strict=True):
                    found[pattern.sub(target, name)] = part.contiguous()
    return found
