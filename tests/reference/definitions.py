"""The methods as formulas: scale, position ids, distances, frequencies (float64)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from tests.families import ORIGINAL_LENGTH

NTK_TABLE = {2: 3.0, 4: 5.0, 8: 10.0}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides a text's vector, under the names that the package uses."""

    method: str = "none"
    max_length: int = 32768
    overflow: str = "windows"
    scaling: str = "dynamic"
    attention_scaling: str = "log_n"
    group_size: int | None = None
    neighbor_window: int | None = None
    ntk_lambda: float | None = None
    original_length: int = ORIGINAL_LENGTH
    pooling: str | None = None
    prompt: str = ""
    include_prompt: bool = True
    normalize: bool = True
    rope_theta: float | None = None
    rope_factors: str | None = None
    resonance: bool = False
    attention_temperature: float | None = None
    chunk_size: int | None = None


@dataclass(frozen=True)
class Reading:
    """How one forward pass of ``length`` tokens is read.

    Attributes:
        method: ``"none"`` where the original model reads (always within its window).
        length: Tokens, specials and prompt included.
        original_length: The model's own window, L0.
        scale: s.
        settings: Overrides and attention scaling.
    """

    method: str
    length: int
    original_length: int
    scale: int
    settings: Settings

    @property
    def extended(self) -> bool:
        """Whether the text is longer than the model's own window."""
        return self.length > self.original_length


def scale_of(length: int, original_length: int, settings: Settings) -> int:
    """The scale s: 1 within the window, else dynamic or static."""
    if length <= original_length:
        return 1
    if settings.scaling == "static":
        return math.ceil(settings.max_length / original_length)
    scale = 1
    while length > scale * original_length:
        scale *= 2
    return scale


def reading_of(length: int, settings: Settings) -> Reading:
    """How a text of that many tokens is read in one forward pass."""
    scale = scale_of(length, settings.original_length, settings)
    method = settings.method if length > settings.original_length else "none"
    return Reading(method, length, settings.original_length, scale, settings)


def group_size_of(reading: Reading) -> int:
    """Group size: s for GP, s + 1 for SelfExtend, unless set."""
    default = reading.scale + 1 if reading.method == "self_extend" else reading.scale
    return reading.settings.group_size or default


def neighbor_window_of(reading: Reading) -> int:
    """SelfExtend's neighbour window: L0 / s, unless set."""
    return reading.settings.neighbor_window or max(1, reading.original_length // reading.scale)


def ntk_lambda_of(reading: Reading, rotary_dimension: int) -> float:
    """Factor on the rotary base: the paper's table, else s^(d/(d-2)) rounded up."""
    if reading.settings.ntk_lambda is not None:
        return reading.settings.ntk_lambda
    if reading.scale in NTK_TABLE:
        return NTK_TABLE[reading.scale]
    return float(math.ceil(reading.scale ** (rotary_dimension / (rotary_dimension - 2))))


def table_rows(reading: Reading, table: Tensor) -> Tensor:
    """The learned position vectors of every token, ``[n, hidden]``.

    Args:
        reading: How the text is read.
        table: The usable rows only, ``[L0, hidden]``: RoBERTa's offset is already cut off.
    """
    positions = range(reading.length)
    last = len(table) - 1
    if reading.method == "gp":
        return table[[i // group_size_of(reading) for i in positions]]
    if reading.method == "rp":
        return table[[i % reading.original_length for i in positions]]
    if reading.method == "pi":
        rows = []
        for i in positions:
            left, rest = divmod(i, reading.scale)
            right = min(left + 1, last)
            share = rest / reading.scale
            rows.append((1 - share) * table[left] + share * table[right])
        return torch.stack(rows)
    return table[list(positions)]


def self_extend_distance(i: int, j: int, group: int, window: int) -> int:
    """SelfExtend's relative position of query i and key j."""
    if abs(i - j) < window:
        return i - j
    if i > j:
        return (i // group + window - window // group) - j // group
    return i // group - (j // group + window - window // group)


def dual_chunk_distance(i: int, j: int, length: int, settings: Settings) -> int:
    """DCA's relative position of query i and key j, of which j may lie to the right."""
    if j > i:
        return -dual_chunk_distance(j, i, length, settings)
    size = settings.chunk_size
    if size is None:
        size = min(length * 3 // 4, length - (settings.neighbor_window or 0))
    window = settings.neighbor_window or length - size
    if i // size == j // size:
        return i - j
    if i // size == j // size + 1 and i % size < window:
        return i % size + size - j % size
    return length - 1 - j % size


def shifted_distance(distance: int, length: int, settings: Settings) -> int:
    """STRING's distance in place of a real one."""
    if distance < 0:
        return -shifted_distance(-distance, length, settings)
    exact = settings.neighbor_window or length // 3
    restart = min(128, length // 16, exact)
    return distance if distance < exact else restart + (distance - exact) % (length - exact)


def dpe_groups(reading: Reading, frequencies: Tensor) -> list[int]:
    """How many neighbours share a position, for each pair of dimensions."""
    length, settings = reading.original_length, reading.settings
    window = settings.neighbor_window or length // 8
    most = settings.group_size
    if most is None:
        most = math.ceil((reading.scale * length - window) / (length - window))
    pairs = len(frequencies)
    groups = min(8, pairs)
    found = []
    for k in range(pairs):
        number = k * groups // pairs
        own = [float(frequencies[m]) for m in range(pairs) if m * groups // pairs == number]
        turns = length * math.prod(own) ** (1 / len(own)) / (2 * math.pi)
        share = min(1.0, max(0.0, 1 - math.log(turns) / math.log(32)))
        found.append(round(most**share))
    return found


@lru_cache(maxsize=64)
def pair_distances(reading: Reading, theta: float = 0.0, dimension: int = 0) -> Tensor:
    """Relative position of every query and key, as the full layers see it.

    ``[n, n]``, or where each pair of dimensions has its own ``[n, n, d / 2]``.
    """
    n = range(reading.length)
    length, settings = reading.original_length, reading.settings
    if reading.method == "dca":
        return torch.tensor([[dual_chunk_distance(i, j, length, settings) for j in n] for i in n])
    if reading.method == "string":
        return torch.tensor([[shifted_distance(i - j, length, settings) for j in n] for i in n])
    if reading.method == "dpe":
        groups = dpe_groups(reading, inverse_frequencies(theta, dimension))
        window = settings.neighbor_window or length // 8
        layers = {
            group: torch.tensor([[self_extend_distance(i, j, group, window) for j in n] for i in n])
            for group in set(groups)
        }
        return torch.stack([layers[group] for group in groups], dim=-1)
    if reading.method == "gp":
        group = group_size_of(reading)
        return torch.tensor([[i // group - j // group for j in n] for i in n])
    if reading.method == "self_extend":
        group, window = group_size_of(reading), neighbor_window_of(reading)
        return torch.tensor([[self_extend_distance(i, j, group, window) for j in n] for i in n])
    return plain_distances(reading.length)


def plain_distances(length: int) -> Tensor:
    """``i - j`` for every query and key."""
    return torch.arange(length)[:, None] - torch.arange(length)[None, :]


def inverse_frequencies(theta: float, dimension: int) -> Tensor:
    """``theta ** (-2k / d)``, shape ``[d / 2]``."""
    exponents = -2 * torch.arange(dimension // 2, dtype=torch.float64) / dimension
    return torch.tensor(theta, dtype=torch.float64) ** exponents


def shipped_factors(parameters: dict[str, Any], length: int) -> tuple[Tensor, float]:
    """What a model's own rope type divides frequencies and multiplies cosines and sines by.

    Of LongRoPE, and nothing of others: the short factors up to the length that the model was
    trained on before it was extended, the long ones beyond it.
    """
    if parameters.get("rope_type") != "longrope":
        return torch.ones(1, dtype=torch.float64), 1.0
    original = parameters["original_max_position_embeddings"]
    factors = parameters["long_factor" if length > original else "short_factor"]
    attention = math.sqrt(1 + math.log(parameters["factor"]) / math.log(original))
    return torch.tensor(factors, dtype=torch.float64), attention


def extended_frequencies(reading: Reading, theta: float, dimension: int) -> Tensor:
    """The inverse frequencies of the full layers of a model that has no rope type of its own."""
    settings, past = reading.settings, reading.extended
    found = _frequencies_by_method(reading, theta, dimension)
    if past and settings.resonance:
        return 2 * math.pi / (2 * math.pi / found).round()
    return found


def _frequencies_by_method(reading: Reading, theta: float, dimension: int) -> Tensor:
    scale = reading.scale
    if reading.method == "pi":
        return inverse_frequencies(theta, dimension) / scale
    if reading.method == "ntk":
        return inverse_frequencies(theta * ntk_lambda_of(reading, dimension), dimension)
    if reading.method == "dynamic_ntk":
        longer = scale * reading.length / reading.original_length - (scale - 1)
        return inverse_frequencies(theta * longer ** (dimension / (dimension - 2)), dimension)
    if reading.method in ("yarn", "ntk_by_parts"):
        return _yarn_frequencies(theta, dimension, scale, reading.original_length)
    if reading.method == "abf":
        return inverse_frequencies(reading.settings.rope_theta or 50 * theta, dimension)
    if reading.method == "longrope":
        factors = torch.tensor(_rope_factors(reading)["long_factor"], dtype=torch.float64)
        return inverse_frequencies(theta, dimension) / factors
    return inverse_frequencies(theta, dimension)


def _rope_factors(reading: Reading) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(reading.settings.rope_factors or "")
    return values


def yarn_ramp(theta: float, dimension: int, original_length: int) -> tuple[float, float]:
    """Where YaRN's ramp starts and ends, as indices of frequencies (beta 32 and 1)."""

    def index(rotations: float) -> float:
        wave = original_length / (rotations * 2 * math.pi)
        return dimension * math.log(wave) / (2 * math.log(theta))

    return max(math.floor(index(32)), 0), min(math.ceil(index(1)), dimension - 1)


def _yarn_frequencies(theta: float, dimension: int, scale: int, original_length: int) -> Tensor:
    low, high = yarn_ramp(theta, dimension, original_length)
    if low == high:
        high += 0.001
    steps = torch.arange(dimension // 2, dtype=torch.float64)
    interpolated = ((steps - low) / (high - low)).clamp(0, 1)
    plain = inverse_frequencies(theta, dimension)
    return plain / scale * interpolated + plain * (1 - interpolated)


def yarn_attention_factor(scale: float) -> float:
    """The factor that YaRN puts on cos and sin, so on queries and on keys."""
    return 0.1 * math.log(scale) + 1.0 if scale > 1 else 1.0


def query_factors(reading: Reading, *, causal: bool) -> Tensor:
    """What every query is multiplied by in the full layers, ``[n]``.

    Factors on cosines and sines count twice, as they fall on keys, too.
    """
    factors = _query_factors(reading, causal=causal)
    if reading.extended and reading.settings.attention_temperature is not None:
        factors = factors / reading.settings.attention_temperature
    return factors


def _query_factors(reading: Reading, *, causal: bool) -> Tensor:
    ones = torch.ones(reading.length, dtype=torch.float64)
    if reading.method == "yarn":
        return ones * yarn_attention_factor(reading.scale) ** 2
    if reading.method == "longrope":
        stretched = math.log(_rope_factors(reading)["factor"])
        return ones * (1 + stretched / math.log(reading.original_length))
    # "none" reads on with nothing changed; PCW and truncate never read past the window.
    unscaled = not reading.extended or reading.method == "none"
    if unscaled or reading.settings.attention_scaling == "none":
        return ones
    if reading.settings.attention_scaling == "yarn":
        return ones * yarn_attention_factor(reading.scale) ** 2
    base = math.log(reading.original_length)
    if causal and reading.method == "self_extend":
        lengths = torch.arange(1, reading.length + 1, dtype=torch.float64)
        return (lengths.log() / base).clamp(min=1)
    return ones * max(1.0, math.log(reading.length) / base)
