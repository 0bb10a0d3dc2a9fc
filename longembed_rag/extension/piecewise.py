"""Attention over the pieces of an arrangement (pieces.py), each rotated by positions of its own.

Every piece is attention over some pairs, by the fused kernel where it can be had whole: a band and
strips along the diagonal by tiles, what lies beyond by one causal attention, chunks by rectangles.
They are merged exactly by their log-sum-exp, so memory is linear in the text's length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from longembed_rag.extension.attention import add_far_, attend_with_lse, merge_
from longembed_rag.extension.pieces import Chunks, Far, Near, Piece
from longembed_rag.extension.tiles import add_tiles_, empty_result, near_attention

#: Rotates states by the positions of a name.
Turn = Callable[[str, Tensor], Tensor]


def piecewise_attention(
    pieces: Sequence[Piece],
    turn: Turn,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool,
    scale: float,
) -> Tensor:
    """Attention over all pieces together, ``[batch, heads, n, head_dim]``.

    Args:
        pieces: Those that the model sees; the first one holds every token with itself.
        turn: What rotates queries and keys.
        query: Un-rotated.
        key: Un-rotated.
        value: Values.
        causal: Whether tokens see only what stands before them.
        scale: Factor on the logits.
    """
    held: dict[tuple[str, str], Tensor] = {}
    sides = {"query": query, "key": key}
    result: tuple[Tensor, Tensor] | None = None
    for number, piece in enumerate(pieces):
        for side, name in _wanted(piece):
            if (side, name) not in held:
                held[side, name] = turn(name, sides[side])
        turned = held["query", piece.query], held["key", piece.key]
        if isinstance(piece.pairs, Near):
            window = piece.pairs.window
            result = near_attention(*turned, value, window=window, causal=causal, scale=scale)
        else:
            result = empty_result(query, value) if result is None else result
            if isinstance(piece.pairs, Far):
                _add_side_(*result, *turned, value, pairs=piece.pairs, scale=scale)
            else:
                _add_chunks_(*result, *turned, value, pairs=piece.pairs, causal=causal, scale=scale)
        # Each is as large as the states: none stays longer than it is used.
        later = {each for other in pieces[number + 1 :] for each in _wanted(other)}
        held = {each: states for each, states in held.items() if each in later}
        del turned
    assert result is not None
    return result[0].to(query.dtype)


def _wanted(piece: Piece) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("query", piece.query), ("key", piece.key)


def _add_side_(
    out: Tensor, lse: Tensor, query: Tensor, key: Tensor, value: Tensor, *, pairs: Far, scale: float
) -> None:
    """Add the keys of one side that are far enough away."""
    first, period = pairs.first, pairs.period
    far = query.shape[2] - first
    if far <= 0:
        return
    if period is None:
        add_far_(out, lse, query, key, value, window=first, scale=scale, backwards=pairs.backwards)
        return
    rows, columns = slice(first, None), slice(None, far)
    if pairs.backwards:
        rows, columns = columns, rows
    states = [query[:, :, rows], key[:, :, columns], value[:, :, columns]]
    if pairs.backwards:
        states = [each.flip(2) for each in states]
    more, more_lse = empty_result(states[0], states[2])
    gaps = range(1 if pairs.wrapped else 0, -(-far // period))
    add_tiles_(
        more, more_lse, *states, period=period, gaps=gaps, wrapped=pairs.wrapped, scale=scale
    )
    if pairs.backwards:
        more, more_lse = more.flip(2), more_lse.flip(2)
    merge_(out[:, :, rows], lse[:, :, rows], more, more_lse)


def _add_chunks_(
    out: Tensor,
    lse: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    pairs: Chunks,
    causal: bool,
    scale: float,
) -> None:
    """Add the keys of each chunk's own, neighbouring or remaining chunks."""
    for rows, columns in pairs.blocks(query.shape[2]):
        more, more_lse = attend_with_lse(
            query[:, :, rows],
            key[:, :, columns],
            value[:, :, columns],
            causal=causal and pairs.nearest == 0,
            scale=scale,
        )
        merge_(out[:, :, rows], lse[:, :, rows], more, more_lse)
