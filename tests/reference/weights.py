"""Weights looked up by name, and the arithmetic between attentions, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor


class Weights:
    """Weights and config of one model, looked up by name."""

    def __init__(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        self._tensors = {name: tensor.double() for name, tensor in tensors.items()}
        self.config = config

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def linear(self, states: Tensor, name: str) -> Tensor:
        """``states @ weight.T + bias``, without the bias where there is none."""
        return functional.linear(states, self[name + ".weight"], self._bias(name))

    def layer_norm(self, states: Tensor, name: str, eps: float) -> Tensor:
        """Layer normalisation over the last dimension."""
        centred = states - states.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
        bias = self._bias(name)
        return scaled * self[name + ".weight"] + (0 if bias is None else bias)

    def rms_norm(self, states: Tensor, name: str, *, one_plus: bool = False) -> Tensor:
        """Root-mean-square normalisation; Gemma's weights are stored minus one."""
        scaled = (
            states / (states.pow(2).mean(-1, keepdim=True) + self.config["rms_norm_eps"]).sqrt()
        )
        return scaled * (self[name + ".weight"] + (1 if one_plus else 0))

    def _bias(self, name: str) -> Tensor | None:
        return self._tensors.get(name + ".bias")


def gelu(states: Tensor) -> Tensor:
    return states * 0.5 * (1 + torch.erf(states / math.sqrt(2)))


def gelu_tanh(states: Tensor) -> Tensor:
    inner = math.sqrt(2 / math.pi) * (states + 0.044715 * states.pow(3))
    return states * 0.5 * (1 + torch.tanh(inner))


def silu(states: Tensor) -> Tensor:
    return states * torch.sigmoid(states)


def gated_mlp(
    weights: Weights, states: Tensor, name: str, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    gate = activation(weights.linear(states, name + "gate_proj"))
    return weights.linear(gate * weights.linear(states, name + "up_proj"), name + "down_proj")
