"""Several texts in one forward pass, end to end in one row, with no padding.

The model sees one row of tokens. What belongs together is known to the attention function and to
the position modules through the pack that is active in the running thread: a text therefore never
meets a neighbour's tokens, its length or its plan (law 1), and no mask is ever built (law 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from longembed_rag.extension.frequencies import RotaryFrequencies, extended
from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.positions import position_ids, self_extend_positions

FULL = "full_attention"
LOCAL = "sliding_attention"


@dataclass(frozen=True)
class Rotation:
    """Cosines and sines for one set of positions, each float32, shape ``[n, d]``."""

    cos: Tensor
    sin: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        """Rotate ``[..., n, head_dim]``; dimensions beyond ``d`` pass through unrotated."""
        width = self.cos.shape[-1]
        turned = states[..., :width].float()
        first, second = turned.chunk(2, dim=-1)
        turned = turned * self.cos + torch.cat((-second, first), dim=-1) * self.sin
        turned = turned.to(states.dtype)
        if width == states.shape[-1]:
            return turned
        return torch.cat((turned, states[..., width:]), dim=-1)


@dataclass(frozen=True)
class Run:
    """Neighbouring segments of one length, hence of one plan.

    Attributes:
        start: First token of the run in the row.
        count: Segments in it.
        plan: The plan of each of them.
        unseen: How many tokens at the end of each see the others without being seen.
    """

    start: int
    count: int
    plan: ExtensionPlan
    unseen: int = 0

    @property
    def stop(self) -> int:
        """One past the run's last token in the row."""
        return self.start + self.count * self.plan.tokens


@dataclass
class Pack:
    """The segments of one forward pass and everything their attention needs.

    Attributes:
        plans: One plan per segment, in the order in which the segments stand in the row.
        device: Where the model runs.
        frequencies: How each kind of layer rotates; empty for models that do not.
        unseen: How many tokens at the end of each segment see the others without being seen, as
            those do that fill a query up; none where nothing is said.
    """

    plans: Sequence[ExtensionPlan]
    device: torch.device
    frequencies: Mapping[str, RotaryFrequencies] = field(default_factory=dict)
    unseen: Sequence[int] = ()
    _rotations: dict[tuple[object, ...], Rotation] = field(default_factory=dict)

    @cached_property
    def runs(self) -> list[Run]:
        """The segments, neighbours of one plan taken together."""
        runs, start = [], 0
        unseen = self.unseen or (0,) * len(self.plans)
        for (plan, hidden), group in groupby(zip(self.plans, unseen, strict=True)):
            run = Run(start, len(list(group)), plan, hidden)
            runs.append(run)
            start = run.stop
        return runs

    @cached_property
    def positions(self) -> Tensor:
        """Each token's position under its plan, float64, shape ``[tokens]``.

        It stays on the CPU, as not every device knows float64.
        """
        parts = [np.tile(position_ids(run.plan), run.count) for run in self.runs]
        return torch.from_numpy(np.concatenate(parts))

    def rotation(self, plan: ExtensionPlan, layer: str, role: str = "near") -> Rotation:
        """The rotation of one plan's tokens in one kind of layer, built once per forward pass.

        Args:
            plan: The segment's plan.
            layer: ``"full_attention"`` or ``"sliding_attention"``; local layers never see far
                tokens, so nothing about them is extended.
            role: ``"near"`` for plain positions, or a field of
                :class:`~longembed_rag.extension.positions.SelfExtendPositions`.
        """
        key = (plan, layer, role)
        if key not in self._rotations:
            frequencies = self.frequencies.get(layer, self.frequencies[FULL])
            positions: np.ndarray[Any, Any]
            if layer == LOCAL:
                positions = np.arange(plan.tokens, dtype=np.float64)
            else:
                frequencies = extended(frequencies, plan)
                positions = self._role_positions(plan, role)
            self._rotations[key] = self._turn(positions, frequencies)
        return self._rotations[key]

    @staticmethod
    def _role_positions(plan: ExtensionPlan, role: str) -> np.ndarray[Any, Any]:
        if plan.method == "self_extend" and plan.extends:
            assert plan.group_size is not None
            assert plan.neighbor_window is not None
            at = self_extend_positions(plan.tokens, plan.group_size, plan.neighbor_window)
            return cast("np.ndarray[Any, Any]", getattr(at, role))
        # PI rotates plain positions by divided frequencies; on a table it divides the positions.
        if plan.method == "pi":
            return np.arange(plan.tokens, dtype=np.float64)
        return position_ids(plan)

    def _turn(self, positions: np.ndarray[Any, Any], frequencies: RotaryFrequencies) -> Rotation:
        # float32, as the models themselves compute angles, so that short texts stay theirs.
        at = torch.from_numpy(positions.astype(np.float32)).to(self.device)
        inv_freq = torch.from_numpy(frequencies.inv_freq.astype(np.float32)).to(self.device)
        angles = at[:, None] * inv_freq
        angles = torch.cat((angles, angles), dim=-1)
        factor = frequencies.attention_scaling
        return Rotation(angles.cos() * factor, angles.sin() * factor)


_active: ContextVar[Pack | None] = ContextVar("longembed_rag_pack", default=None)


def active_pack() -> Pack | None:
    """The pack of the forward pass that runs in this thread; None outside of one."""
    return _active.get()


@contextmanager
def activate(pack: Pack) -> Iterator[Pack]:
    """Make a pack the one that the running thread's forward pass reads."""
    token = _active.set(pack)
    try:
        yield pack
    finally:
        _active.reset(token)
