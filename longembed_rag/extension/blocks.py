"""A model's norms and gated blocks in fewer kernels, for GPUs."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from longembed_rag.extension.fusing import Fused, offset_norm
from longembed_rag.extension.packing import active_pack


class _FastNorm(nn.Module):
    """Put before an RMS norm's class: torch's own norm, one kernel, while a pack is active."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """As the norm's own."""
        stock = cast("Any", super())
        if active_pack() is None:
            return cast(Tensor, stock.forward(hidden_states))
        norm = cast("Any", self)
        return functional.rms_norm(
            hidden_states, norm.weight.shape, norm.weight, norm.variance_epsilon
        )


class _FastOffsetNorm(nn.Module):
    """Put before Gemma's RMS norm, which torch has no kernel for."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """As the norm's own."""
        stock = cast("Any", super())
        if active_pack() is None:
            return cast(Tensor, stock.forward(hidden_states))
        norm = cast("Any", self)
        return offset_norm(hidden_states, norm.weight, norm.eps)


class _FastGate(nn.Module):
    """Put before a gated block's class: activation and product in one kernel."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """As the block's own."""
        stock = cast("Any", super())
        if active_pack() is None:
            return cast(Tensor, stock.forward(hidden_states))
        block = cast("Any", self)
        gated = _gate(block.act_fn)(block.gate_proj(hidden_states), block.up_proj(hidden_states))
        return cast(Tensor, block.down_proj(gated))


_gates: dict[str, Fused] = {}


def _gate(activation: nn.Module) -> Fused:
    """What gates by an activation; activations have no weights, so one serves all layers."""
    name = repr(activation)
    if name not in _gates:
        _gates[name] = Fused(lambda gate, up: activation(gate) * up)
    return _gates[name]


_classes: dict[type[nn.Module], type[nn.Module]] = {}


def _before(fast: type[nn.Module], stock: type[nn.Module]) -> type[nn.Module]:
    """A module's class with a faster way put before its own."""
    if stock not in _classes:
        _classes[stock] = type(stock.__name__, (fast, stock), {})
    return _classes[stock]


def fuse_blocks(model: nn.Module) -> int:
    """Let a model's RMS norms and gated blocks run in fewer kernels while a pack is active.

    Their weights, names and classes stay; outside of a pack the model is the stock one. Results
    differ by what the dtype rounds off.

    Args:
        model: A transformers model, changed in place.

    Returns:
        How many modules have a faster way.
    """
    parts = {"gate_proj", "up_proj", "down_proj"}
    changed = 0
    for module in model.modules():
        kind = type(module)
        if issubclass(kind, _FastNorm | _FastOffsetNorm | _FastGate):
            changed += 1
        elif kind.__name__ == "Gemma3RMSNorm":
            module.__class__ = _before(_FastOffsetNorm, kind)
            changed += 1
        elif kind.__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.__class__ = _before(_FastNorm, kind)
            changed += 1
        elif parts <= module._modules.keys() and hasattr(module, "act_fn"):
            module.__class__ = _before(_FastGate, kind)
            changed += 1
    return changed
