"""Attention over a whole pack at once, where torch has the kernels for it.

Segment by segment, a pack of short texts costs thousands of small launches. By *windowed* attention
(see kernels.py) neighbouring runs go through in one launch, whatever their lengths: plain layers,
local layers, and the band of SelfExtend and DPE. Its far sides go the same way over rows
shifted by the window, or, where a run is long enough, by *whole* attention. What follows from a
text's own plan, its rotation and its log-n scaling, is applied to all rows of the pack at once.
Arrangements of another shape (DCA and STRING) go run by run, as without these kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.extension.fusing import merge, merge_causal
from longembed_rag.extension.kernels import (
    Segments,
    takes_whole,
    takes_windowed,
    whole,
    windowed,
)
from longembed_rag.extension.packing import FULL, LOCAL, Pack, Run, to_device
from longembed_rag.extension.pieces import Far, Near, Piece

#: From how many operations on a run goes by whole attention. cuDNN plans anew for every shape that
#: it has not met, for which it takes as long as a GPU takes for about this much.
_HEAVY = 1e12


@dataclass(frozen=True)
class Stretch:
    """Neighbouring runs whose attention is one call.

    Attributes:
        runs: The runs.
        window: From which distance on keys are far; None where none is.
        heavy: Whether it is a single run that goes by whole attention.
        apart: Whether it is a single run that no kernel takes: with tokens that are seen by none,
            or with pieces of another shape than a band and its sides.
    """

    runs: tuple[Run, ...]
    window: int | None = None
    heavy: bool = False
    apart: bool = False

    @property
    def rows(self) -> slice:
        """Its tokens in the pack's row."""
        return slice(self.runs[0].start, self.runs[-1].stop)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each segment."""
        return [run.plan.tokens for run in self.runs for _ in range(run.count)]


@dataclass(frozen=True)
class Layer:
    """What a layer's attention is like.

    Attributes:
        causal: Whether tokens see only what stands before them.
        scale: Factor on the logits, before log-n scaling.
        window: The sliding window of a local layer (``|i - j| < window``); None for full ones.
    """

    causal: bool
    scale: float
    window: int | None = None

    @property
    def kind(self) -> str:
        """As packs call it."""
        return FULL if self.window is None else LOCAL


def reads_rows(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether :func:`stretch_attention` works here, for states ``[tokens, heads, head_dim]``."""
    return takes_windowed(query, key, value)


def stretches(pack: Pack, layer: Layer, query: Tensor, key: Tensor, value: Tensor) -> list[Stretch]:
    """Cut a pack into stretches, in order."""
    long = layer.window is None and takes_whole(query, key, value)
    width = query.shape[1] * query.shape[2]

    def way(run: Run) -> tuple[int | None, int | None, bool, bool]:
        pieces = _pieces(pack, run, layer)
        window = _window(pieces)
        if run.unseen or (window is None and len(pieces) > 1):
            return None, run.start, False, True
        rows = run.plan.tokens - (window or 0)
        heavy = long and 4 * run.count * rows**2 * width >= _HEAVY
        return window, run.start if heavy else None, heavy, False

    def cut() -> list[Stretch]:
        return [
            Stretch(tuple(runs), window=window, heavy=heavy, apart=apart)
            for (window, _, heavy, apart), runs in groupby(pack.runs, key=way)
        ]

    return pack.keep(("stretches", layer), cut)


def _pieces(pack: Pack, run: Run, layer: Layer) -> tuple[Piece, ...]:
    """The pieces of a run whose pairs have distances of their own in a layer; else none."""
    arranged = None if layer.window is not None else pack.arrangement(run.plan)
    return () if arranged is None else arranged.seen(causal=layer.causal)


def _window(pieces: Sequence[Piece]) -> int | None:
    """From which distance on keys are far, where pieces are a band and its sides."""
    if len(pieces) < 2 or not isinstance(pieces[0].pairs, Near):
        return None
    sides = [each.pairs for each in pieces[1:]]
    plain = all(isinstance(side, Far) and side.period is None for side in sides)
    return pieces[0].pairs.window if plain else None


def stretch_attention(
    pack: Pack, stretch: Stretch, layer: Layer, query: Tensor, key: Tensor, value: Tensor
) -> Tensor:
    """Attention of one stretch, each segment only with itself.

    Args:
        pack: The forward pass.
        stretch: Which runs; none that goes apart.
        layer: How its layer attends.
        query: The stretch's rows, un-rotated, ``[tokens, heads, head_dim]``.
        key: As ``query``, or with fewer heads.
        value: As ``key``.

    Returns:
        As ``query``.
    """
    key_of_factors = ("factors", stretch.rows.start, stretch.rows.stop, layer)
    factors = pack.keep(key_of_factors, lambda: _factors(stretch.runs, layer))
    near_query = _turn(pack, stretch, layer, "near", query, factors)
    near_key = _turn(pack, stretch, layer, "near", key, None)
    if stretch.heavy and stretch.window is None:
        run = stretch.runs[0]
        rows = (_batched(each, run) for each in (near_query, near_key, value))
        out, _ = whole(*rows, causal=layer.causal, scale=layer.scale)
        return out.transpose(1, 2).flatten(0, 1)
    reach = stretch.window if layer.window is None else layer.window
    left = None if reach is None else reach - 1
    near, near_lse = windowed(
        near_query,
        near_key,
        value,
        _segments(pack, stretch),
        left=left,
        right=0 if layer.causal else left,
        scale=layer.scale,
    )
    if stretch.window is None:
        return near
    pieces = _pieces(pack, stretch.runs[0], layer)
    del near_query, near_key
    far_key = _turn(pack, stretch, layer, pieces[1].key, key, None)
    far = _whole_far if stretch.heavy else _windowed_far
    if stretch.heavy:
        run = stretch.runs[0]
        near = _batched(near, run).transpose(1, 2)
        near_lse = near_lse.view(len(near_lse), run.count, -1).transpose(0, 1)
    far_query = _turn(pack, stretch, layer, pieces[1].query, query, factors)
    after = far(pack, stretch, far_query, far_key, value, scale=layer.scale)
    if layer.causal:
        out = merge_causal(near, near_lse, *after, stretch.window)
    else:
        far_query = _turn(pack, stretch, layer, pieces[2].query, query, factors)
        before = far(pack, stretch, far_query, far_key, value, scale=layer.scale, backwards=True)
        out = merge(near, near_lse, *after, *before, stretch.window)
    return out.flatten(0, 1) if stretch.heavy else out


def _turn(
    pack: Pack,
    stretch: Stretch,
    layer: Layer,
    role: str,
    states: Tensor,
    factors: NDArray[np.float64] | None,
) -> Tensor:
    """Rotate rows by their plans, and multiply them by their factors."""
    if pack.frequencies:
        return pack.row_rotation(stretch.runs, layer.kind, role, factors)(states)
    if factors is None:
        return states
    factor = to_device(torch.from_numpy(factors.astype(np.float32)), states.device)
    return (states.float() * factor[:, None, None]).to(states.dtype)


def _factors(runs: Sequence[Run], layer: Layer) -> NDArray[np.float64] | None:
    """What attention scaling multiplies every query by, ``[tokens]``; None where it is nothing."""
    if layer.window is not None or all(run.plan.attention_factor == 1 for run in runs):
        return None
    parts = []
    for run in runs:
        factors = run.plan.query_factors(causal=layer.causal)
        parts.append(np.tile(np.broadcast_to(factors, run.plan.tokens), run.count))
    return np.concatenate(parts)


def _segments(pack: Pack, stretch: Stretch) -> Segments:
    return pack.keep(
        ("segments", stretch.rows.start, stretch.rows.stop),
        lambda: Segments.of(stretch.lengths, pack.device),
    )


def _shifted(pack: Pack, stretch: Stretch) -> tuple[Segments, Tensor]:
    """What :func:`_windowed_far` reads, and which of its rows are of no segment.

    A segment of ``n`` tokens leaves ``n - w`` rows when queries and keys are shifted against each
    other by ``w``; the ``w`` rows up to the next one are a segment of their own, whose result
    nobody uses.
    """
    window = stretch.window
    assert window is not None

    def make() -> tuple[Segments, Tensor]:
        kept = [length - window for length in stretch.lengths]
        lengths = [each for rows in kept for each in (rows, window)][:-1]
        unused = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        return (
            Segments.of(lengths, pack.device),
            to_device(torch.from_numpy(unused), pack.device),
        )

    return pack.keep(("shifted", stretch.rows.start, stretch.rows.stop, window), make)


def _windowed_far(
    pack: Pack,
    stretch: Stretch,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float,
    backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """Attention with keys the window or more to one side, all segments in one launch.

    Query ``i`` sees keys ``0 .. i - w``, or ``i + w`` and all that follow: over rows shifted
    against each other, windows that are unbounded to one side.
    """
    window = stretch.window
    assert window is not None
    segments, unused = _shifted(pack, stretch)
    later, earlier = slice(window, None), slice(None, len(query) - window)
    rows, columns = (earlier, later) if backwards else (later, earlier)
    out, lse = windowed(
        query[rows],
        key[columns],
        value[columns],
        segments,
        left=0 if backwards else None,
        right=None if backwards else 0,
        scale=scale,
    )
    return out, lse.masked_fill(unused, -torch.inf)


def _whole_far(
    pack: Pack,
    stretch: Stretch,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float,
    backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """The same of a single run by causal attention; that to the right is read backwards."""
    run, window = stretch.runs[0], stretch.window
    assert window is not None
    later, earlier = slice(window, None), slice(None, run.plan.tokens - window)
    rows, columns = (earlier, later) if backwards else (later, earlier)
    pieces = [_batched(query, run)[:, :, rows]]
    pieces += [_batched(each, run)[:, :, columns] for each in (key, value)]
    if backwards:
        pieces = [each.flip(2) for each in pieces]
    out, lse = whole(pieces[0], pieces[1], pieces[2], causal=True, scale=scale)
    if backwards:
        out, lse = out.flip(2), lse.flip(2)
    return out.transpose(1, 2), lse


def _batched(states: Tensor, run: Run) -> Tensor:
    """A run's rows, ``[count * n, heads, d]``, as ``[count, heads, n, d]``, without a copy."""
    return states.view(run.count, run.plan.tokens, *states.shape[1:]).transpose(1, 2)
