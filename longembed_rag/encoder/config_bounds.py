"""What the numbers and names in a model's ``config.json`` can be, before they are used."""

from __future__ import annotations

import math
from typing import Any

from longembed_rag.encoder.stated import MOST, Stated
from longembed_rag.errors import ModelLoadError

#: More layers and positions than any model has: a list or a tensor of them is made at once.
_MOST_LAYERS, _MOST_POSITIONS = 10_000, 1 << 26

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
_COUNTS = {
    **dict.fromkeys(_LAYERS, _MOST_LAYERS),
    **dict.fromkeys(_POSITIONS, _MOST_POSITIONS),
    **dict.fromkeys(
        (
            *("vocab_size", "hidden_size", "intermediate_size", "type_vocab_size", "head_dim"),
            *("num_attention_heads", "num_key_value_heads", "n_embd", "n_head", "n_heads"),
            *("d_model", "n_inner", "sliding_window", "local_attention"),
            *("global_attn_every_n_layers", "relative_attention_num_buckets"),
        ),
        MOST,
    ),
}
#: A key with one of these words, and the least and the most that its number can be.
_RANGES = {
    "dropout": (0.0, 1.0),
    "pdrop": (0.0, 1.0),
    "_eps": (0.0, 1.0),
    "epsilon": (0.0, 1.0),
    "rope_theta": (1e-6, 1e15),
    "initializer_range": (0.0, math.inf),
}
_MAY_BE_ZERO = ("type_vocab_size",)
_ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function")


def require_bounds(stated: Stated) -> None:
    """Require of a config what no model can do without: sizes that are sizes, numbers in range.

    Args:
        stated: ``config.json``.

    Raises:
        ModelLoadError: A value cannot be; names file and key.
    """
    stated.text("model_type")
    stated.texts("architectures")
    for key, most in _COUNTS.items():
        if not (key in _MAY_BE_ZERO and stated.get(key) == 0):
            stated.count(key, most=most)
    for key, value in stated.items():
        for word, (least, most_of) in _RANGES.items():
            if word in key and isinstance(value, (int, float)) and not least <= value <= most_of:
                stated.refuse(key, f"a number from {least:g} to {most_of:g}")
        if key.startswith("rope_") and not _all_positive(value):
            stated.refuse(key, "made of numbers above zero")
    _require_token_ids(stated)


def _all_positive(value: Any) -> bool:
    """Whether every number in a nested value is finite and above zero."""
    if isinstance(value, (dict, list)):
        return all(map(_all_positive, value.values() if isinstance(value, dict) else value))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return not is_number or 0 < value < 1e15


def _require_token_ids(stated: Stated) -> None:
    rows, padding = stated.count("vocab_size"), stated.get("pad_token_id")
    # Old models write -1 for none.
    if padding is None or (type(padding) is int and padding == -1):
        return
    if type(padding) is not int or not 0 <= padding < (rows or MOST):
        stated.refuse("pad_token_id", "one of the tokens that vocab_size counts")


def require_activations(stated: Stated) -> None:
    """Require that transformers knows the activations that a config names.

    Args:
        stated: ``config.json``.

    Raises:
        ModelLoadError: It does not; names file and key.
    """
    from transformers.activations import ACT2FN

    for key in _ACTIVATIONS:
        name = stated.text(key)
        if name is not None and name not in ACT2FN:
            stated.refuse(key, "an activation that transformers knows")


def require_positive_length(length: int, *, model_name: str) -> int:
    """A context length that leaves room for tokens.

    Raises:
        ModelLoadError: The config leaves none.
    """
    if length < 1:
        raise ModelLoadError(
            f"{model_name}: its config.json leaves {length} positions for tokens; "
            "max_position_embeddings and pad_token_id do not belong together"
        )
    return length
