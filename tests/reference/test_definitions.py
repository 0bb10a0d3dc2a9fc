"""The reference's own formulas against published constants."""

from __future__ import annotations

import pytest
import torch

from tests.reference import definitions
from tests.reference.definitions import Settings, reading_of


@pytest.mark.parametrize(
    ("theta", "expected"),
    [
        (1e4, {1: 0.74989421, 16: 0.01, 31: 0.00013335}),
        (1e5, {1: 0.69783058, 16: 0.00316228, 31: 1.433e-05}),
    ],
)
def test_inverse_frequencies(theta: float, expected: dict[int, float]) -> None:
    """Frequencies of a 64-dimensional head equal the published ones."""
    frequencies = definitions.inverse_frequencies(theta, 64)
    for index, value in expected.items():
        assert frequencies[index].item() == pytest.approx(value, rel=5e-4)


def test_self_extend_distances() -> None:
    """Ten tokens with g=2 and w=4 see the distances of the published figure."""
    settings = Settings(method="self_extend", group_size=2, neighbor_window=4, original_length=5)
    distances = definitions.pair_distances(reading_of(10, settings))
    assert distances[0].neg().tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6]
    assert distances[4].neg().tolist() == [-4, -3, -2, -1, 0, 1, 2, 3, 4, 4]


def test_dual_chunk_distances() -> None:
    """Twelve tokens with s=6, w=4 and L0=10 see the distances of the paper's figure 2."""
    settings = Settings(method="dca", chunk_size=6, neighbor_window=4, original_length=10)
    distances = definitions.pair_distances(reading_of(12, settings))
    assert distances[11].tolist() == [9, 8, 7, 6, 5, 4, 5, 4, 3, 2, 1, 0]
    assert distances[6, :7].tolist() == [6, 5, 4, 3, 2, 1, 0]


def test_shifted_distances() -> None:
    """From S = L0 / 3 on distances are d - S + W, as long as the paper's texts are."""
    settings = Settings(method="string", original_length=48)
    distances = definitions.pair_distances(reading_of(60, settings))[:, 0].tolist()
    assert distances[:16] == list(range(16))
    assert distances[16:48] == [d - 16 + 3 for d in range(16, 48)]
    assert distances[48:] == list(range(3, 15))


@pytest.mark.parametrize(
    ("dimension", "original_length", "expected"), [(64, 512, (3, 16)), (128, 4096, (20, 46))]
)
def test_yarn_ramp(dimension: int, original_length: int, expected: tuple[int, int]) -> None:
    """YaRN's ramp starts and ends where transformers' does."""
    assert definitions.yarn_ramp(1e4, dimension, original_length) == expected


def test_yarn_attention_factor() -> None:
    """A factor of 8 multiplies cos and sin by 1.20794."""
    assert definitions.yarn_attention_factor(8) == pytest.approx(1.20794, abs=1e-5)


@pytest.mark.parametrize(
    ("original_length", "length", "expected"),
    [
        (512, 1024, 1.1111),
        (512, 2048, 1.2222),
        (512, 4096, 1.3333),
        (512, 32768, 1.6667),
        (4096, 8192, 1.0833),
        (4096, 32768, 1.25),
        (512, 300, 1.0),
    ],
)
def test_log_n(original_length: int, length: int, expected: float) -> None:
    """Queries are scaled by ln n / ln L0, never below one."""
    settings = Settings(method="ntk", original_length=original_length)
    factors = definitions.query_factors(reading_of(length, settings), causal=True)
    assert factors[[0, -1]].tolist() == pytest.approx([expected, expected], abs=1e-4)


@pytest.mark.parametrize(
    ("original_length", "scale", "ntk_lambda", "group_size", "neighbor_window"),
    [
        (512, 2, 3, 3, 256),
        (512, 4, 5, 5, 128),
        (512, 8, 10, 9, 64),
        (4096, 2, 3, 3, 2048),
        (4096, 4, 5, 5, 1024),
        (4096, 8, 10, 9, 512),
    ],
)
def test_table_six(
    original_length: int, scale: int, ntk_lambda: float, group_size: int, neighbor_window: int
) -> None:
    """Defaults are those of the paper's table 6."""
    settings = Settings(method="self_extend", original_length=original_length)
    reading = reading_of(original_length * scale, settings)
    assert definitions.group_size_of(reading) == group_size
    assert definitions.neighbor_window_of(reading) == neighbor_window
    assert definitions.ntk_lambda_of(reading, 64) == ntk_lambda


def test_interpolated_table_repeats_its_last_row() -> None:
    """Between anchors the table is linear; past the last anchor its last row stays."""
    table = torch.arange(4, dtype=torch.float64)[:, None]
    reading = reading_of(8, Settings(method="pi", original_length=4))
    rows = definitions.table_rows(reading, table).flatten().tolist()
    assert rows == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]
