"""Where labels go, so that none covers another: plain geometry, in points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle, by its left and lower edge, its width and its height."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """The area that two rectangles share."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, wide) * max(0.0, high)

    def outside(self, other: Box) -> float:
        """The area of this rectangle that lies outside another."""
        return self.width * self.height - self.overlap(other)


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Heights as near as possible to those wanted, at least ``gap`` apart, within bounds.

    Neighbours that are too near are moved together, each as far as the other. Where not all fit
    between the bounds, the gap shrinks.

    Args:
        wanted: Where each would stand.
        gap: Least distance between two.
        low: Lower bound.
        high: Upper bound.

    Returns:
        A height for each, in the order of ``wanted``.
    """
    if not wanted:
        return []
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    # Blocks of neighbours that touch: their members and the height of the lowest.
    blocks: list[tuple[list[int], float]] = []
    for index in order:
        members, start = [index], min(max(wanted[index], low), high)
        while blocks and start < blocks[-1][1] + gap * len(blocks[-1][0]):
            members = blocks.pop()[0] + members
            middle = sum(wanted[m] - gap * place for place, m in enumerate(members))
            top = high - gap * (len(members) - 1)
            start = min(max(middle / len(members), low), top)
        blocks.append((members, start))
    heights = [0.0] * len(wanted)
    for members, start in blocks:
        for place, index in enumerate(members):
            heights[index] = start + gap * place
    return heights


def beside(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    within: Box,
    margin: float = 9.0,
) -> list[Box]:
    """A place for a label beside each point that covers no other point or label, if there is one.

    Args:
        anchors: The points.
        sizes: Width and height of each point's label.
        within: What labels must not leave.
        margin: Between a point and its label.

    Returns:
        Where each label goes, in the order of the points.
    """
    radius = margin * 0.6
    taken = [Box(x - radius, y - radius, 2 * radius, 2 * radius) for x, y in anchors]
    places: dict[int, Box] = {}
    order = sorted(range(len(anchors)), key=lambda index: (-anchors[index][1], anchors[index][0]))
    for index in order:
        candidates = _candidates(anchors[index], sizes[index], margin)
        costs = [
            sum(box.overlap(other) for other in taken)
            + 4 * box.outside(within)
            # Near places first, where they are as free as far ones.
            + 0.5 * place
            for place, box in enumerate(candidates)
        ]
        best = candidates[costs.index(min(costs))]
        places[index] = best
        taken.append(best)
    return [places[index] for index in range(len(anchors))]


def _candidates(anchor: tuple[float, float], size: tuple[float, float], margin: float) -> list[Box]:
    """Places around a point: right, left, above and below, then farther away."""
    (x, y), (width, height) = anchor, size
    right, left, middle = x + margin, x - margin - width, x - width / 2
    found = []
    for step in (0.0, 1.0, -1.0):
        found += [(right, y + step * height * 0.8), (left, y + step * height * 0.8)]
    found += [(middle, y + margin + height / 2), (middle, y - margin - height / 2)]
    for step in (2.0, -2.0, 3.0, -3.0, 4.0, -4.0):
        found += [(right + 4, y + step * height), (left - 4, y + step * height)]
    return [Box(x_, y_ - height / 2, width, height) for x_, y_ in found]
