"""How many of a ranking's results are worth keeping, told from their scores alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from longembed_rag.errors import SettingsError


def adaptive_count(scores: Sequence[float], *, least: int = 1, most: int | None = None) -> int:
    """How many results to keep: those before the largest gap between neighbouring scores.

    This is Adaptive-k (Taguchi, Maekawa and Bhutani 2025, https://arxiv.org/abs/2506.08479): where
    the scores fall most steeply, what fits the query ends and the rest begins. Of equally large
    gaps the first one counts. The last tenth of a ranking is not looked at, since a few very bad
    results at its end would make the largest gap. Where no score differs, nothing says where to
    cut, and all are kept.

    Args:
        scores: Of all candidates, best first; the more there are, the clearer the gap.
        least: Keep this many even when the gap comes earlier.
        most: Keep no more even when the gap comes later; None sets no limit.

    Returns:
        The number to keep, from the front; never more than there are.

    Raises:
        SettingsError: A score is not finite, the scores are not in descending order, or the
            limits contradict each other.
    """
    if least < 1:
        raise SettingsError(f"least={least} must be 1 or more")
    if most is not None and most < least:
        raise SettingsError(f"most={most} must not be below least={least}")
    _require_descending(scores)
    count = max(_before_largest_gap(scores), least)
    return min(count, len(scores), len(scores) if most is None else most)


def _require_descending(scores: Sequence[float]) -> None:
    for place, score in enumerate(scores):
        if not math.isfinite(score):
            raise SettingsError(f"score {place + 1} is {score}, which cannot be compared")
    for place, (score, following) in enumerate(pairwise(scores)):
        if following > score:
            raise SettingsError(
                f"scores must be sorted, best first: number {place + 2} ({following}) is above "
                f"number {place + 1} ({score})"
            )


def _before_largest_gap(scores: Sequence[float]) -> int:
    # In whole numbers: 0.9 * len() would now and then fall on the wrong side.
    considered = math.ceil(9 * len(scores) / 10)
    gaps = [score - following for score, following in pairwise(scores[:considered])]
    largest = max(gaps, default=0.0)
    return gaps.index(largest) + 1 if largest > 0 else len(scores)
