"""Distances of one's own for each pair of tokens, as a list of pieces (pure functions).

SelfExtend, dual chunk attention, STRING and DPE all do the same thing: they sort the pairs of
query and key into a few sets, and in each set they rotate queries and keys by positions whose
difference is the distance that they want. An :class:`Arrangement` says just that. Whoever computes
attention (piecewise.py, rows.py) merges the sets, and knows none of the methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from longembed_rag.extension.plan import ExtensionPlan

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: Into how many groups of dimensions DPE cuts a head (arXiv 2504.18857, and its code's README).
DPE_GROUPS = 8
#: Turns within the original length from which on a group's distances stay as they are, and below
#: which they are stretched in full: where YaRN puts the two ends (arXiv 2309.00071, section 3.2).
DPE_FAST, DPE_SLOW = 32.0, 1.0


@dataclass(frozen=True)
class Near:
    """Pairs with ``|i - j| < window``.

    Attributes:
        window: Tokens.
    """

    window: int
    #: It has no side.
    backwards: ClassVar[bool] = False

    def mask(self, tokens: int) -> Bools:
        """Which pairs of query and key those are, ``[n, n]``; for figures and tests."""
        return np.abs(_apart(tokens)) < self.window


@dataclass(frozen=True)
class Far:
    """Pairs whose key lies ``first`` tokens or more to one side.

    With a period, ``u = i - first`` and ``j`` are both read modulo that period, and the pairs fall
    into two sets, which want different positions: those where ``u`` is not less than ``j`` (modulo
    the period), and those where it is, having begun anew since.

    Attributes:
        first: Smallest distance among them, in tokens.
        period: Tokens; None for one set of all.
        wrapped: Whether these are the pairs where ``u`` has begun anew.
        backwards: Whether the key lies to the right; all is then counted from the text's end.
    """

    first: int
    period: int | None = None
    wrapped: bool = False
    backwards: bool = False

    def mask(self, tokens: int) -> Bools:
        """As :meth:`Near.mask`."""
        at = np.arange(tokens)
        at = tokens - 1 - at if self.backwards else at
        after, key = (at - self.first)[:, None], at[None, :]
        seen = after >= key
        if self.period is not None:
            seen = seen & ((after % self.period < key % self.period) == self.wrapped)
        return np.asarray(seen, dtype=np.bool_)


@dataclass(frozen=True)
class Chunks:
    """Pairs by how many chunks lie between query and key.

    Attributes:
        size: Tokens of a chunk; chunks are counted from the text's beginning.
        nearest: How many chunks the key's is away at least; 0 for the query's own.
        furthest: How many at most; None for all.
        backwards: Whether the key lies to the right.
    """

    size: int
    nearest: int
    furthest: int | None
    backwards: bool = False

    def blocks(self, tokens: int) -> Iterator[tuple[slice, slice]]:
        """Queries, chunk by chunk, and the keys that they see."""
        count = -(-tokens // self.size)
        for chunk in range(count):
            last = count - 1 if self.furthest is None else self.furthest
            if self.backwards:
                begin, end = chunk + self.nearest, min(chunk + last, count - 1)
            else:
                begin, end = max(chunk - last, 0), chunk - self.nearest
            if begin <= end < count:
                yield self._tokens(chunk, chunk, tokens), self._tokens(begin, end, tokens)

    def _tokens(self, begin: int, end: int, tokens: int) -> slice:
        return slice(begin * self.size, min((end + 1) * self.size, tokens))

    def mask(self, tokens: int) -> Bools:
        """As :meth:`Near.mask`."""
        seen = np.zeros((tokens, tokens), dtype=np.bool_)
        for rows, columns in self.blocks(tokens):
            seen[rows, columns] = True
        return seen


Pairs = Near | Far | Chunks


@dataclass(frozen=True)
class Piece:
    """A set of pairs, and by which positions it is rotated.

    Attributes:
        pairs: Which pairs of query and key.
        query: The positions of queries, by their name in the arrangement.
        key: Those of keys.
    """

    pairs: Pairs
    query: str
    key: str


@dataclass(frozen=True)
class Arrangement:
    """Every pair of a text's tokens, in one piece each.

    Attributes:
        pieces: The first one holds every token with itself.
        positions: For each name one position per token, ``[n]``, or for each pair of dimensions
            one of its own, ``[n, d / 2]``; only differences mean anything, so they may be negative.
    """

    pieces: tuple[Piece, ...]
    positions: Mapping[str, Ints]

    def seen(self, *, causal: bool) -> tuple[Piece, ...]:
        """The pieces that a model sees."""
        return tuple(each for each in self.pieces if not (causal and each.pairs.backwards))

    def distances(self) -> Ints:
        """All pairs' relative positions, ``[n, n]`` or ``[n, n, d / 2]``; for figures and tests."""
        sizes = [each.shape for each in self.positions.values()]
        tokens, *rest = max(sizes, key=len)
        found = np.zeros((tokens, tokens, *rest), dtype=np.int64)
        for piece in self.pieces:
            pair = [self.positions[name] for name in (piece.query, piece.key)]
            query, key = (at[:, None] if rest and at.ndim == 1 else at for at in pair)
            mask = piece.pairs.mask(tokens)
            found[mask] = np.broadcast_to(query[:, None] - key[None, :], found.shape)[mask]
        return found


def _apart(tokens: int) -> Ints:
    at = np.arange(tokens, dtype=np.int64)
    return np.asarray(at[:, None] - at[None, :], dtype=np.int64)


def _band(tokens: int, window: int) -> Piece:
    return Piece(Near(min(window, tokens)), "near", "near")


def self_extend(tokens: int, group_size: int | Ints, neighbor_window: int) -> Arrangement:
    """SelfExtend (arXiv 2401.01325, section 3), and DPE, which is the same by dimensions.

    Far to the left the relative position is ``(i//g + w - w//g) - j//g``; far to the right
    ``i//g - (j//g + w - w//g)``. Both share the grouped keys once the shift is moved to the
    query, so one set of rotated keys serves both sides.

    Args:
        tokens: The text's.
        group_size: ``g``, or one for each pair of dimensions, ``[d / 2]``.
        neighbor_window: ``w``, tokens.
    """
    near = np.arange(tokens, dtype=np.int64)
    group = near // group_size if isinstance(group_size, int) else near[:, None] // group_size
    shift = neighbor_window - neighbor_window // group_size
    pieces = [_band(tokens, neighbor_window)]
    if neighbor_window < tokens:
        pieces.append(Piece(Far(neighbor_window), "after", "key"))
        pieces.append(Piece(Far(neighbor_window, backwards=True), "before", "key"))
    positions = {"near": near, "key": group, "after": group + shift, "before": group - shift}
    return Arrangement(tuple(pieces), positions)


def dual_chunk(
    tokens: int, chunk_size: int, local_window: int, original_length: int
) -> Arrangement:
    """Dual chunk attention (arXiv 2402.17463, equations 2, 5, 7 and 8).

    Keys stand at ``j mod s``. Queries stand at ``i mod s`` within a chunk; before the next
    chunk at ``s, s + 1, ..`` for its first ``w`` tokens and at ``L0 - 1`` for the others; before
    chunks further on at ``L0 - 1``. Keys to the right, which the paper's models do not see, are
    the mirror of that: the key stands where the query would.

    Args:
        tokens: The text's.
        chunk_size: ``s``, below ``L0``.
        local_window: ``w``, at most ``L0 - s``.
        original_length: ``L0``.
    """
    near = np.arange(tokens, dtype=np.int64) % chunk_size
    last = original_length - 1
    following = np.where(near < local_window, near + chunk_size, last)
    pieces = [Piece(Chunks(chunk_size, 0, 0), "near", "near")]
    for nearest, furthest, name in ((1, 1, "next"), (2, None, "far")):
        if tokens > nearest * chunk_size:
            pieces.append(Piece(Chunks(chunk_size, nearest, furthest), name, "near"))
    for nearest, furthest, name in ((1, 1, "next"), (2, None, "far")):
        if tokens > nearest * chunk_size:
            backwards = Chunks(chunk_size, nearest, furthest, backwards=True)
            pieces.append(Piece(backwards, "near", name))
    return Arrangement(
        tuple(pieces), {"near": near, "next": following, "far": np.full_like(near, last)}
    )


def shifted(tokens: int, exact: int, restart: int, original_length: int) -> Arrangement:
    """STRING (arXiv 2410.18745, section 4): distances from ``S`` on become ``d - S + W``.

    In the paper a text fits the model, and the largest distances of its training, which few pairs
    of it had, are never used: none is beyond ``L0 - S + W - 1``. Here texts are longer. So that it
    stays so, what would go beyond begins at ``W`` again: ``W + (d - S) mod (L0 - S)``.

    Args:
        tokens: The text's.
        exact: ``S``, below ``L0``: distances below it stay.
        restart: ``W``, at most ``S``.
        original_length: ``L0``.
    """
    near = np.arange(tokens, dtype=np.int64)
    period = max(1, original_length - exact)
    pieces, positions = [_band(tokens, exact)], {"near": near}
    for backwards, sign, side in ((False, 1, "after"), (True, -1, "before")):
        at = near[::-1] if backwards else near
        query = (at - exact) % period + restart
        positions[f"{side}_key"] = sign * (at % period)
        positions[side] = sign * query
        positions[f"{side}_again"] = sign * (query + period)
        names = [(False, side), (True, f"{side}_again")]
        for wrapped, name in names[: -(-(tokens - exact) // period)]:
            far = Far(exact, period, wrapped=wrapped, backwards=backwards)
            pieces.append(Piece(far, name, f"{side}_key"))
    return Arrangement(tuple(pieces), positions)


def dpe_group_sizes(inv_freq: Floats, original_length: int, most: int) -> Ints:
    """How many neighbours share a position under DPE, for each pair of dimensions, ``[d / 2]``.

    DPE (arXiv 2504.18857) cuts a head's dimensions into eight groups, finds for each up
    to which distance it works, by needles that the model is to find, and groups positions by the
    length wanted over the length found; dimensions that hardly add to attention stay as they are.
    What it found holds for its models. For others the rule here, which is ours, goes by how often
    a group turns within ``L0``: 32 times or more, and every angle between two tokens has been
    trained, however far apart they are, so distances stay; less than once, and none beyond
    ``L0`` has been, so they are grouped by ``most``; in between by a power of it, evenly by the
    logarithm of the turns.

    Args:
        inv_freq: Radians per position, ``[d / 2]``.
        original_length: ``L0``.
        most: The group size of the slowest dimensions.
    """
    count = len(inv_freq)
    slow = np.maximum(inv_freq, np.finfo(np.float64).tiny)  # some models leave dimensions unturned
    group = np.arange(count) * min(DPE_GROUPS, count) // count
    logs = np.array([np.log(slow[group == each]).mean() for each in range(group[-1] + 1)])
    turns = logs + np.log(original_length / (2 * np.pi))
    ramp = (np.log(DPE_FAST) - turns) / (np.log(DPE_FAST) - np.log(DPE_SLOW))
    sizes = np.rint(float(most) ** np.clip(ramp, 0.0, 1.0)).astype(np.int64)
    return np.asarray(sizes[group], dtype=np.int64)


def arrangement(plan: ExtensionPlan, inv_freq: Floats) -> Arrangement | None:
    """The pieces in which a plan sees its pairs; None where every token has one position.

    Args:
        plan: How a text is read.
        inv_freq: The model's radians per position, ``[d / 2]``.
    """
    window, length = plan.neighbor_window, plan.original_length
    if not plan.extends or window is None:
        return None
    if plan.method == "self_extend" and plan.group_size is not None:
        return self_extend(plan.tokens, plan.group_size, window)
    if plan.method == "dpe" and plan.group_size is not None:
        sizes = dpe_group_sizes(inv_freq, length, plan.group_size)
        return self_extend(plan.tokens, sizes, window)
    if plan.method == "dca" and plan.chunk_size is not None:
        return dual_chunk(plan.tokens, plan.chunk_size, window, length)
    if plan.method == "string" and plan.restart is not None:
        return shifted(plan.tokens, window, plan.restart, length)
    return None
