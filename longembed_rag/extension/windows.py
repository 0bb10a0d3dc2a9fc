"""Cutting content tokens into windows, and how much each window weighs (pure functions)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A run of content tokens that is read in one forward pass.

    Attributes:
        start: First content token.
        stop: One past the last content token.
        weight: Share of this window's vector in the text's vector; the weights add up to 1.
        fresh: First content token that no earlier window has read.
    """

    start: int
    stop: int
    weight: float
    fresh: int


def parallel_windows(tokens: int, room: int) -> list[tuple[int, int]]:
    """Windows of parallel context windows (PCW): no overlap, and the last one always full.

    Args:
        tokens: Content tokens.
        room: Content tokens that fit beside the special tokens and the prompt.
    """
    if tokens <= room:
        return [(0, tokens)]
    bounds = [(start, start + room) for start in range(0, tokens - room + 1, room)]
    if bounds[-1][1] < tokens:
        bounds.append((tokens - room, tokens))
    return bounds


def overflow_windows(tokens: int, room: int) -> list[tuple[int, int]]:
    """Windows of a text beyond ``max_length``: no overlap, the last one as short as it falls."""
    return [(start, min(start + room, tokens)) for start in range(0, max(tokens, 1), room)]


def cut(tokens: int, *, section_room: int, window_room: int | None) -> list[Window]:
    """Cut content first into sections of ``max_length``, then each section into PCW windows.

    A section weighs as many parts as it has tokens; the windows of a section weigh the same.

    Args:
        tokens: Content tokens that are to be read.
        section_room: Content tokens that fit into ``max_length``.
        window_room: Content tokens that fit into the original length; None leaves sections whole.
    """
    windows = []
    for start, stop in overflow_windows(tokens, section_room):
        bounds = [(0, stop - start)]
        if window_room is not None:
            bounds = parallel_windows(stop - start, window_room)
        share = (stop - start) / tokens if tokens else 1.0
        fresh = start
        for left, right in bounds:
            windows.append(Window(start + left, start + right, share / len(bounds), fresh))
            fresh = start + right
    return windows
