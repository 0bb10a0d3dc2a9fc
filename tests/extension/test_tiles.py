"""Attention by tiles and by pieces against full score matrices."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longembed_rag.extension import attention, tiles
from longembed_rag.extension.pieces import Arrangement, dual_chunk, self_extend, shifted
from longembed_rag.extension.piecewise import piecewise_attention
from tests.extension.test_attention import distances, full, states


@settings(max_examples=30)
@given(
    rows=st.integers(1, 200), window=st.integers(1, 90), causal=st.booleans(), fused=st.booleans()
)
def test_near_attention(rows: int, window: int, causal: bool, fused: bool) -> None:
    """Pairs closer than the window, by tiles of its width, with and without the fused kernel."""
    query, key, value = states(rows, seed=rows)
    apart = distances(rows)
    hidden = (apart.abs() >= window) | (causal & (apart > 0))
    expected, expected_lse = full(query, key, value, hidden=hidden, scale=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "_NARROW", 3)
        if not fused:
            patch.setattr(attention, "_fused_with_lse", lambda *_, **__: None)
        out, lse = tiles.near_attention(query, key, value, window=window, causal=causal, scale=0.3)
    assert (out - expected).abs().max() < 1e-5
    assert (lse - expected_lse).abs().max() < 1e-5


@settings(max_examples=40)
@given(
    method=st.sampled_from(["self_extend", "dca", "string"]),
    rows=st.integers(21, 150),
    length=st.integers(2, 20),
    causal=st.booleans(),
)
def test_pieces_make_the_whole(method: str, rows: int, length: int, causal: bool) -> None:
    """All pieces, each with logits of its own, merged as in one softmax over all pairs."""
    exact = max(1, length // 3)
    made: dict[str, Arrangement] = {
        "self_extend": self_extend(rows, 3, exact),
        "dca": dual_chunk(rows, max(1, length * 3 // 4), 1, length),
        "string": shifted(rows, exact, 1, length),
    }
    at = made[method]
    query, key, value = states(rows, seed=rows)
    # In place of a rotation: positions are added to one number of the query, and taken from it.
    ones, scale = torch.ones(2, 3, rows, 1), 0.05

    def turn(name: str, side: torch.Tensor) -> torch.Tensor:
        place = torch.from_numpy(at.positions[name]).float().view(1, 1, -1, 1).expand(2, 3, -1, 1)
        own = (place, ones) if side is query else (ones, -place)
        return torch.cat((side[..., :6], *own), dim=-1)

    wanted = torch.from_numpy(at.distances()).double()
    hidden = distances(rows) > 0 if causal else torch.zeros(rows, rows, dtype=torch.bool)
    parts = [query[..., :6], key[..., :6], value]
    expected, _ = full(*parts, hidden=hidden, scale=scale, bias=wanted * scale)
    out = piecewise_attention(
        at.seen(causal=causal), turn, query, key, value, causal=causal, scale=scale
    )
    assert (out - expected).abs().max() < 1e-5


def test_nothing_is_added_to_nothing() -> None:
    """Where no query has a key in an earlier tile, the result stays as it was."""
    query, key, value = states(9)
    out, lse = tiles.empty_result(query, value)
    tiles.add_tiles_(
        out, lse, query, key, value, period=9, gaps=range(1, 4), wrapped=True, scale=0.3
    )
    assert (out == 0).all()
    assert (lse == -math.inf).all()
