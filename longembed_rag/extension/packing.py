"""Several texts in one forward pass, end to end in one row, with no padding.

The model sees one row of tokens. What belongs together is known to the attention function and to
the position modules through the pack that is active in the running thread: a text therefore never
meets a neighbour's tokens, its length or its plan (law 1), and no mask is ever built (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.extension.frequencies import RotaryFrequencies, extended
from longembed_rag.extension.fusing import rotate
from longembed_rag.extension.pieces import Arrangement, arrangement
from longembed_rag.extension.plan import ExtensionPlan
from longembed_rag.extension.positions import position_ids

Kept = TypeVar("Kept")

FULL = "full_attention"
LOCAL = "sliding_attention"


@dataclass(frozen=True)
class Rotation:
    """Cosines and sines for one set of positions, float32, ``[n, d]`` or what states go by.

    Attributes:
        cos: Cosines.
        sin: Sines.
        factor: What all dimensions are multiplied by beside, those beyond ``d`` included; the
            cosines and sines hold it already.
    """

    cos: Tensor
    sin: Tensor
    factor: Tensor | None = None

    def __call__(self, states: Tensor) -> Tensor:
        """Rotate ``[..., n, head_dim]``; dimensions beyond ``d`` pass through unrotated."""
        width = self.cos.shape[-1]
        turned = rotate(states[..., :width], self.cos, self.sin)
        if width == states.shape[-1]:
            return turned
        rest = states[..., width:]
        if self.factor is not None:
            rest = (rest.float() * self.factor).to(rest.dtype)
        return torch.cat((turned, rest), dim=-1)


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
    _kept: dict[tuple[object, ...], Any] = field(default_factory=dict)

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

    def keep(self, key: tuple[object, ...], make: Callable[[], Kept]) -> Kept:
        """What every layer needs, made once per forward pass."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast("Kept", self._kept[key])

    def arrangement(self, plan: ExtensionPlan) -> Arrangement | None:
        """How full layers see a plan's pairs; None where every token has one position."""
        if not self.frequencies:
            return None
        inv_freq = self.frequencies[FULL].of(plan.tokens).inv_freq
        return self.keep(("arrangement", plan), lambda: arrangement(plan, inv_freq))

    def rotation(self, plan: ExtensionPlan, layer: str, role: str = "near") -> Rotation:
        """The rotation of one plan's tokens in one kind of layer, built once per forward pass.

        Args:
            plan: The segment's plan.
            layer: ``"full_attention"`` or ``"sliding_attention"``; local layers never see far
                tokens, so nothing about them is extended.
            role: ``"near"`` for the plan's plain positions, or the name of others in its
                :meth:`arrangement`.
        """

        def make() -> Rotation:
            positions, frequencies = self._turns(plan, layer, role)
            at, inv_freq = self._floats(positions), self._floats(frequencies.inv_freq)
            return _rotation(at, inv_freq, frequencies.attention_scaling)

        return self.keep((plan, layer, role), make)

    def row_rotation(
        self, runs: Sequence[Run], layer: str, role: str, factors: NDArray[np.float64] | None
    ) -> Rotation:
        """:meth:`rotation` of neighbouring runs at once, for states ``[tokens, heads, head_dim]``.

        Args:
            runs: The runs.
            layer: As for :meth:`rotation`.
            role: As for :meth:`rotation`.
            factors: What each token is multiplied by beside, ``[tokens]``; None for nothing.
        """

        def make() -> Rotation:
            turns = [self._turns(run.plan, layer, role) for run in runs]
            pairs = zip(turns, runs, strict=True)
            at = [np.tile(at, (run.count, *[1] * (at.ndim - 1))) for (at, _), run in pairs]
            inv_freq = np.stack([frequencies.inv_freq for _, frequencies in turns])
            scaling = np.array([frequencies.attention_scaling for _, frequencies in turns])
            if (inv_freq == inv_freq[0]).all():
                each = self._floats(inv_freq[0])
            else:
                each = self._by_token(inv_freq, runs)
            by_token = self._by_token(scaling[:, None], runs)
            factor = None if factors is None else self._floats(factors)[:, None]
            flat = _rotation(
                self._floats(np.concatenate(at)),
                each,
                by_token if factor is None else by_token * factor,
            )
            rest = None if factor is None else factor[:, None]
            return Rotation(flat.cos[:, None], flat.sin[:, None], rest)

        scaled = factors is not None
        return self.keep((runs[0].start, runs[-1].stop, layer, role, scaled), make)

    def _by_token(self, by_run: NDArray[Any], runs: Sequence[Run]) -> Tensor:
        """Rows of one per run as rows of one per token."""
        lengths = torch.tensor([run.stop - run.start for run in runs])
        which = torch.arange(len(runs)).repeat_interleave(lengths)
        return self._floats(by_run)[to_device(which, self.device)]

    def _turns(
        self, plan: ExtensionPlan, layer: str, role: str
    ) -> tuple[NDArray[Any], RotaryFrequencies]:
        """Where a plan's tokens stand in a kind of layer, and how fast it turns them."""
        frequencies = self.frequencies.get(layer, self.frequencies[FULL])
        if layer == LOCAL:
            return np.arange(plan.tokens, dtype=np.float64), frequencies.of(plan.tokens)
        arranged = self.arrangement(plan)
        if arranged is not None:
            return arranged.positions[role], extended(frequencies, plan)
        return _plain_positions(plan), extended(frequencies, plan)

    def _floats(self, values: NDArray[Any]) -> Tensor:
        # float32, as the models themselves compute angles, so that short texts stay theirs.
        return to_device(torch.from_numpy(values.astype(np.float32)), self.device)


def _plain_positions(plan: ExtensionPlan) -> NDArray[Any]:
    # PI rotates plain positions by divided frequencies; on a table it divides the positions.
    if plan.method == "pi":
        return np.arange(plan.tokens, dtype=np.float64)
    return position_ids(plan)


def _rotation(at: Tensor, inv_freq: Tensor, factor: float | Tensor) -> Rotation:
    """By positions, ``[n]``, and frequencies, ``[d / 2]``; either may be ``[n, d / 2]``."""
    angles = (at[:, None] if at.ndim == 1 else at) * inv_freq
    angles = torch.cat((angles, angles), dim=-1)
    return Rotation(angles.cos() * factor, angles.sin() * factor)


def to_device(held: Tensor, device: torch.device) -> Tensor:
    """A CPU's tensor on a device, without waiting for what the device still has to do."""
    if device.type != "cuda":
        return held.to(device)
    return held.pin_memory().to(device, non_blocking=True)


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
