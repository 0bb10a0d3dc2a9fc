"""Cutting content tokens into windows, and how much each window weighs (pure functions)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longembed_rag.errors import SettingsError

#: Moves the end of a window back to a better place to cut: from its first content token and one
#: past its last one to one past its last one.
EndOf = Callable[[int, int], int]


@dataclass(frozen=True)
class Window:
    """A run of content tokens that is read in one forward pass.

    Attributes:
        start: First content token.
        stop: One past the last content token.
        weight: Share of this window's vector in the text's vector; the weights add up to 1.
        fresh: First content token that no earlier window has read.
        sinks: Content tokens from the beginning of the text that are read before the window's own,
            so that these see them, and take no other part.
    """

    start: int
    stop: int
    weight: float
    fresh: int
    sinks: int = 0

    @property
    def tokens(self) -> int:
        """Content tokens that are read in it."""
        return self.sinks + self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class WindowRules:
    """How texts are cut that are read in several windows.

    The paper's PCW is the default: no overlap, but that the last window reaches back to be full,
    and every window weighs the same.

    Attributes:
        overlap: Tokens at the beginning of a window that the one before has read, too.
        sinks: Tokens at the beginning of the text that PCW's other windows see as well: attention
            sinks (arXiv 2309.17453), which take no part in pooling.
        by_tokens: Whether a window of PCW weighs by the tokens that it is the first to read.
    """

    overlap: int = 0
    sinks: int = 0
    by_tokens: bool = False

    def require_room(self, room: int) -> None:
        """Refuse rules under which windows of so many content tokens read too little anew.

        Raises:
            SettingsError: Less than half of a window would be new.
        """
        if 2 * (self.overlap + self.sinks) > room:
            raise SettingsError(
                f"window_overlap={self.overlap} and window_sinks={self.sinks} leave less than half "
                f"of a window of {room} tokens for what is new; lower them"
            )


PLAIN = WindowRules()


def parallel_windows(
    tokens: int,
    room: int,
    rules: WindowRules = PLAIN,
    *,
    opens: bool = True,
    end_of: EndOf | None = None,
) -> list[tuple[int, int]]:
    """Windows of parallel context windows (PCW), the last one always full.

    Args:
        tokens: Content tokens.
        room: Content tokens that fit beside the special tokens and the prompt.
        rules: How windows overlap.
        opens: Whether the text begins here, so that the first window has no sinks before it.
        end_of: Says where a window had better end than where its room does, in its second half;
            None leaves it there.
    """
    start, size = 0, room if opens else room - rules.sinks
    if tokens <= size:
        return [(0, tokens)]
    bounds: list[tuple[int, int]] = []
    while start + size < tokens:
        limit = start + size
        stop = limit if end_of is None else end_of(start, limit)
        bounds.append((start, stop))
        size = room - rules.sinks
        # An end that moved back must not keep the next window from reading on.
        start = max(stop - rules.overlap, start + 1)
    bounds.append((tokens - size, tokens))
    return bounds


def overflow_windows(tokens: int, room: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Windows of a text beyond ``max_length``, the last one as short as it falls.

    With overlap it is "long late chunking" (arXiv 2409.04701, algorithm 2): what opens a window has
    been read by the one before, and is only there to be seen.

    Args:
        tokens: Content tokens.
        room: Content tokens that fit into ``max_length``.
        overlap: Tokens at the beginning of a window that the one before has read, too.
    """
    bounds = [(0, min(room, tokens))]
    while bounds[-1][1] < tokens:
        start = bounds[-1][1] - overlap
        bounds.append((start, min(start + room, tokens)))
    return bounds


def cut(
    tokens: int,
    *,
    section_room: int,
    window_room: int | None,
    rules: WindowRules = PLAIN,
    end_of: EndOf | None = None,
) -> list[Window]:
    """Cut content first into sections of ``max_length``, then each section into PCW windows.

    A section weighs as many parts as it has tokens of its own; the windows of a section weigh the
    same, or as many parts as each has tokens of its own.

    Args:
        tokens: Content tokens that are to be read.
        section_room: Content tokens that fit into ``max_length``.
        window_room: Content tokens that fit into the original length; None leaves sections whole.
        rules: How windows overlap and weigh; sections that are cut into windows do not overlap.
        end_of: As for :func:`parallel_windows`.
    """
    overlap = rules.overlap if window_room is None else 0
    windows: list[Window] = []
    fresh = 0
    for start, stop in overflow_windows(tokens, section_room, overlap):
        share = (stop - fresh) / tokens if tokens else 1.0
        if window_room is None:
            windows.append(Window(start, stop, share, fresh))
            fresh = stop
            continue
        bounds = parallel_windows(
            stop - start, window_room, rules, opens=not start, end_of=_from(start, end_of)
        )
        for left, right in bounds:
            weight = share / len(bounds)
            if rules.by_tokens and tokens:
                weight = (start + right - fresh) / tokens
            sinks = rules.sinks if start + left else 0
            windows.append(Window(start + left, start + right, weight, fresh, sinks))
            fresh = start + right
    return windows


def _from(start: int, end_of: EndOf | None) -> EndOf | None:
    """Ends of windows within a section that begins somewhere in the text."""
    if end_of is None:
        return None
    return lambda left, limit: end_of(start + left, start + limit) - start
