"""Sums of many stretches of a row of token states, for devices that want few launches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longembed_rag.extension.packing import to_device


def sums_at_once(
    states: Tensor,
    bounds: Sequence[tuple[int, int]],
    totals: Sequence[float],
    weights: NDArray[np.float32] | None = None,
) -> Tensor:
    """Sums of stretches of token states, in a few launches for all.

    Args:
        states: ``[tokens, hidden]``.
        bounds: First and one-past-last token of each stretch, in order, none over another.
        totals: What each sum is divided by.
        weights: What each token weighs, float32, ``[tokens]``; None weighs all alike.

    Returns:
        Float32, ``[stretches, hidden]``.
    """
    edges = np.array([bounds[0][0], *(edge for pair in bounds for edge in pair)])
    rows = states[bounds[0][0] : bounds[-1][1]].float()
    if weights is not None:
        taken = weights[bounds[0][0] : bounds[-1][1]]
        rows = rows * to_device(torch.from_numpy(taken), states.device)[:, None]
    lengths = to_device(torch.from_numpy(np.diff(edges)), states.device)
    # What lies between two stretches is a segment of its own, which is left out.
    sums = torch.segment_reduce(rows, "sum", lengths=lengths, axis=0, unsafe=True)[1::2]
    by = to_device(torch.tensor(totals, dtype=torch.float32), states.device)
    return sums / by[:, None]
