"""The longer table: PI's and RP's formulas, and that only new rows learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from longembed_rag.errors import SettingsError
from longembed_rag.training.table import LongTable


def original(rows: int, *, hidden: int = 3, padding_idx: int | None = None) -> nn.Embedding:
    embedding = nn.Embedding(rows, hidden, padding_idx=padding_idx)
    generator = torch.Generator().manual_seed(rows)
    embedding.weight.data = torch.randn(rows, hidden, generator=generator)
    return embedding


def rows_of(table: LongTable) -> np.ndarray:
    return table.table().detach().numpy()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 3), st.integers(0, 5))
def test_pi(length: int, scale: int, offset: int, short: int) -> None:
    """``E[i*s] = E0[i]``, linear in between, the last row over and over at the end."""
    wanted = max(scale * length - min(short, length - 1), length + 1)
    start = original(offset + length)
    table = LongTable(start, method="pi", original_length=length, length=wanted, offset=offset)
    rows, before = rows_of(table), start.weight.detach().numpy()
    assert table.scale == -(-wanted // length)
    assert table.length == table.scale * length
    assert rows.shape == (offset + table.length, 3)
    assert np.array_equal(rows[:offset], before[:offset])
    at = np.arange(table.length) / table.scale
    for dim in range(3):
        line = np.interp(at, np.arange(length), before[offset:, dim])
        assert np.abs(rows[offset:, dim] - line).max() <= 1e-6
    assert np.array_equal(rows[offset :: table.scale], before[offset:])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 3))
def test_rp(length: int, scale: int, offset: int) -> None:
    """``E[i] = E0[i mod L0]``."""
    start = original(offset + length)
    table = LongTable(
        start, method="rp", original_length=length, length=scale * length, offset=offset
    )
    rows, before = rows_of(table), start.weight.detach().numpy()
    assert np.array_equal(rows[:offset], before[:offset])
    for at in range(scale * length):
        assert np.array_equal(rows[offset + at], before[offset + at % length])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(2, 5), st.integers(0, 2), st.sampled_from(["pi", "rp"]))
def test_only_new_rows_learn(length: int, scale: int, offset: int, method: str) -> None:
    """Whatever the gradient, the original rows stay bit for bit, and every other row moves."""
    start = original(offset + length)
    table = LongTable(
        start, method=method, original_length=length, length=scale * length, offset=offset
    )
    before = rows_of(table).copy()
    optimizer = torch.optim.SGD(table.parameters(), lr=0.5)
    table(torch.arange(offset + table.length)[None]).sum().backward()
    optimizer.step()
    after = rows_of(table)
    step = table.scale if method == "pi" else 1
    old = {*range(offset), *(offset + step * row for row in range(length))}
    moved = {row for row in range(len(after)) if not np.array_equal(before[row], after[row])}
    assert moved == set(range(len(after))) - old
    assert table.new.shape[0] == (scale - 1) * length
    assert [name for name, _ in table.named_parameters()] == ["new"]


def test_rows_beyond_the_original_length_are_dropped() -> None:
    """A table is made from the rows that are used, not from all that are there."""
    table = LongTable(original(8), method="rp", original_length=4, length=8)
    assert np.array_equal(rows_of(table)[4:], original(8).weight.detach().numpy()[:4])


def test_positions_are_looked_up() -> None:
    """Ids of any shape to rows, those of RoBERTa's offset included."""
    table = LongTable(
        original(6, padding_idx=1), method="pi", original_length=4, length=8, offset=2
    )
    ids = torch.tensor([[2, 3], [9, 4]])
    assert torch.equal(table(ids), table.table()[ids])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"length": 4}, "length=4 must be more than the 4 tokens"),
        ({"length": 2}, "length=2 must be more than the 4 tokens"),
        ({"method": "gp"}, "method='gp' is not one of: pi, rp"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], told: str) -> None:
    """The value is named."""
    values = {"method": "pi", "original_length": 4, "length": 8, **changes}
    with pytest.raises(SettingsError, match=told):
        LongTable(original(4), **values)  # type: ignore[arg-type]
