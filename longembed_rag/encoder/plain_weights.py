"""A BERT's weights out of its safetensors files, as float32, by the names that are used here.

The names are those that transformers gives ``JinaEmbeddingsV3``; others are renamed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from longembed_rag.encoder.e5rope import E5_ROPE_KEYS
from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.weights import damaged_weights, weight_files
from longembed_rag.errors import ModelLoadError

Floats = NDArray[np.float32]

# How published checkpoints call them, as patterns, by the model's type.
_RENAMED: dict[str, dict[str, str]] = {
    "bert": E5_ROPE_KEYS,
    "jina_embeddings_v3": {
        **E5_ROPE_KEYS,
        r"^roberta\.": "",
        r"encoder\.layers\.": "layers.",
        r"emb_ln": "embeddings.LayerNorm",
        r"mixer\.out_proj": "self_attn.o_proj",
        r"mixer\.Wqkv": "self_attn.qkv_proj",
        r"norm1": "post_attention_layernorm",
        r"norm2": "post_mlp_layernorm",
    },
    "gte": {
        r"^(?:new\.|gte\.)": "",
        r"encoder\.layer\.": "layers.",
        r"attention\.o_proj": "self_attn.o_proj",
        r"attention\.qkv_proj": "self_attn.qkv_proj",
        r"attn_ln": "post_attention_layernorm",
        r"mlp_ln": "post_mlp_layernorm",
    },
    "nomic_bert": {
        r"^nomic_bert\.": "",
        r"encoder\.layers\.": "layers.",
        r"emb_ln": "embeddings.LayerNorm",
        r"attn\.out_proj": "self_attn.o_proj",
        r"attn\.Wqkv": "self_attn.qkv_proj",
        r"mlp\.fc11": "mlp.up_proj",
        r"mlp\.fc12": "mlp.gate_proj",
        r"mlp\.fc2": "mlp.down_proj",
        r"norm1": "post_attention_layernorm",
        r"norm2": "post_mlp_layernorm",
    },
}
_GATED = ("gte", "nomic_bert")


@dataclass(frozen=True)
class Linear:
    """``rows @ weight.T + bias``.

    Attributes:
        weight: Shape ``[out, in]``.
        bias: Shape ``[out]``; None adds nothing.
    """

    weight: Floats
    bias: Floats | None

    def __call__(self, rows: Floats) -> Floats:
        """``[n, in]`` to ``[n, out]``."""
        out: Floats = rows @ self.weight.T
        if self.bias is not None:
            out += self.bias
        return out


@dataclass(frozen=True)
class Norm:
    """A layer normalisation.

    Attributes:
        weight: Shape ``[hidden]``.
        bias: Shape ``[hidden]``.
        epsilon: Added to the variance.
    """

    weight: Floats
    bias: Floats
    epsilon: float

    def __call__(self, rows: Floats) -> Floats:
        """Each row with mean 0 and variance 1, then scaled and shifted."""
        centred = rows - rows.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        normal: Floats = centred / np.sqrt(variance + np.float32(self.epsilon))
        normal *= self.weight
        normal += self.bias
        return normal


@dataclass(frozen=True)
class Layer:
    """The parts of one layer, in the order in which they act.

    Attributes:
        attention_in: Queries, keys and values together.
        attention_out: What mixes the heads.
        attention_norm: After attention.
        up: Into the wide middle.
        gate: What the middle is multiplied by; None where it is not.
        down: Out of it.
        norm: After it.
    """

    attention_in: Linear
    attention_out: Linear
    attention_norm: Norm
    up: Linear
    gate: Linear | None
    down: Linear
    norm: Norm


class Tensors:
    """The weights in a model's files, by the names that are used here."""

    def __init__(self, folder: ModelFolder, config: Any, *, where: str) -> None:
        from safetensors import safe_open

        self._config, self._where = config, where
        self._at: dict[str, tuple[Any, str]] = {}
        for path in weight_files(folder):
            file = safe_open(path, framework="numpy")
            for stored in cast(Any, file).keys():  # noqa: SIM118  # it is no dict
                name = stored
                for pattern, ours in _RENAMED[config.model_type].items():
                    name = re.sub(pattern, ours, name)
                self._at[name] = (file, stored)

    def _find(self, name: str) -> tuple[Any, str]:
        if name not in self._at:
            raise ModelLoadError(
                f"{self._where} do not belong to its config.json: parameters are missing, {name} "
                "among them"
            )
        return self._at[name]

    def slices(self, name: str) -> Any:
        """A tensor that is read row by row."""
        file, stored = self._find(name)
        return file.get_slice(stored)

    def floats(self, name: str) -> Floats:
        """A tensor in float32."""
        file, stored = self._find(name)
        found: Floats = file.get_tensor(stored).astype(np.float32)
        if found.size and not (np.isfinite(found.min()) and np.isfinite(found.max())):
            raise damaged_weights(self._where, stored)
        return found

    def norm(self, name: str) -> Norm:
        """A layer normalisation."""
        weight, bias = (self.floats(f"{name}.{each}") for each in ("weight", "bias"))
        return Norm(weight, bias, float(self._config.layer_norm_eps))

    def layer(self, number: int) -> Layer:
        """One of the model's layers."""
        at = f"layers.{number}"
        gate, (up, down) = None, ("up_proj", "down_proj") if self._is_gated else ("fc1", "fc2")
        if self._is_gated and f"{at}.mlp.up_gate_proj.weight" in self._at:
            both = self.linear(f"{at}.mlp.up_gate_proj")
            opening, gate = _halves(both)
        else:
            opening = self.linear(f"{at}.mlp.{up}")
            gate = self.linear(f"{at}.mlp.gate_proj") if self._is_gated else None
        attention = f"{at}.self_attn"
        parts = [f"{attention}.qkv_proj"]
        if f"{parts[0]}.weight" not in self._at:
            parts = [f"{attention}.{each}_proj" for each in "qkv"]
        return Layer(
            attention_in=self.linear(*parts),
            attention_out=self.linear(f"{attention}.o_proj"),
            attention_norm=self.norm(f"{at}.post_attention_layernorm"),
            up=opening,
            gate=gate,
            down=self.linear(f"{at}.mlp.{down}"),
            norm=self.norm(f"{at}.post_mlp_layernorm"),
        )

    @property
    def _is_gated(self) -> bool:
        return self._config.model_type in _GATED

    def linear(self, *names: str) -> Linear:
        """One or several linear layers, as one."""
        weights = np.concatenate([self.floats(f"{name}.weight") for name in names])
        biases = [self.floats(f"{name}.bias") for name in names if f"{name}.bias" in self._at]
        return Linear(weights, np.concatenate(biases) if len(biases) == len(names) else None)


def _halves(both: Linear) -> tuple[Linear, Linear]:
    biases = (None, None) if both.bias is None else np.split(both.bias, 2)
    first, second = np.split(both.weight, 2)
    return Linear(first, biases[0]), Linear(second, biases[1])
