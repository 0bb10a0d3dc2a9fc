"""What a GPU does in one kernel where eager code takes several.

Between matrix products and attention, a large model spends a third of its time on small steps
that read and write all states: rotations, norms, gates, merges. :class:`Fused` compiles such a step
once it has been used enough to pay for it; where that fails, the step goes on as it was. On CPUs
nothing is compiled.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

#: Where compiling pays.
_DEVICES = frozenset({"cuda"})
#: Numbers that a step has seen before it is compiled: a second or so of a GPU's work, as compiling
#: takes about as long. Someone who reads one query never waits for it.
_WORTH = 1 << 31


class Fused:
    """A function of tensors that becomes one kernel on a GPU.

    Setting ``TORCH_COMPILE_DISABLE=1`` leaves it as it is, as everything that torch compiles.

    Args:
        function: Computes; calls nothing but torch.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._compiled: Callable[..., Tensor] | None = None
        self._seen = 0
        self._given_up = False

    def __call__(self, states: Tensor, *arguments: Any) -> Tensor:
        """What the function gives."""
        if self._given_up or states.device.type not in _DEVICES:
            return self._function(states, *arguments)
        if self._compiled is None:
            self._seen += states.numel()
            if self._seen < _WORTH:
                return self._function(states, *arguments)
            return self._first(states, *arguments)
        return self._compiled(states, *arguments)

    def _first(self, states: Tensor, *arguments: Any) -> Tensor:
        """Compile, and never again where that fails: no text is lost for want of speed."""
        compiled = torch.compile(self._function, dynamic=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = compiled(states, *arguments)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError, OSError):
            self._given_up = True
            return self._function(states, *arguments)
        self._compiled = compiled
        return out


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = states.float()
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat((-second, first), dim=-1) * sin
    return turned.to(states.dtype)


def _merge(
    near: Tensor,
    near_lse: Tensor,
    after: Tensor,
    after_lse: Tensor,
    before: Tensor,
    before_lse: Tensor,
    window: int,
) -> Tensor:
    top, bottom = (0, 0, 0, 0, window, 0), (0, 0, 0, 0, 0, window)
    lses = (
        near_lse,
        functional.pad(after_lse, top[4:], value=-torch.inf),
        functional.pad(before_lse, bottom[4:], value=-torch.inf),
    )
    outs = (near, functional.pad(after, top), functional.pad(before, bottom))
    most = torch.maximum(torch.maximum(lses[0], lses[1]), lses[2])
    weights = [(lse - most).exp() for lse in lses]
    total = weights[0] + weights[1] + weights[2]
    mixed = torch.zeros_like(near, dtype=torch.float32)
    for weight, out in zip(weights, outs, strict=True):
        mixed = mixed + out.float() * (weight / total).transpose(-1, -2).unsqueeze(-1)
    return mixed.to(near.dtype)


def _merge_causal(
    near: Tensor, near_lse: Tensor, after: Tensor, after_lse: Tensor, window: int
) -> Tensor:
    lse = functional.pad(after_lse, (window, 0), value=-torch.inf)
    out = functional.pad(after, (0, 0, 0, 0, window, 0))
    share = torch.sigmoid(lse - near_lse).transpose(-1, -2).unsqueeze(-1)
    return (near.float() + (out.float() - near.float()) * share).to(near.dtype)


def _offset_norm(states: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    wide = states.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return (wide * (1.0 + weight.float())).to(states.dtype)


#: Turn the last dimension's halves by cosines and sines.
rotate = Fused(_rotate)
#: Merge attention over the band with that over the far keys to both sides, by their log-sum-exps:
#: ``[..., n, heads, head_dim]`` and ``[..., heads, n]``; the sides lack the first and the last
#: ``window`` rows.
merge = Fused(_merge)
#: The same where there are far keys to the left alone.
merge_causal = Fused(_merge_causal)
#: Gemma's RMS norm, whose weights are what is added to one.
offset_norm = Fused(_offset_norm)
