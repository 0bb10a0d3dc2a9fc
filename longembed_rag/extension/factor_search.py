"""A small evolutionary search for LongRoPE's rescale factors (arXiv 2402.13753, section 3.2).

As there: a population that starts from PI, NTK and YaRN and what chance makes of them, the best of
each round as parents, mutations and crossovers as children, and factors that never fall from the
fast pairs of dimensions to the slow ones, between 1 and 1.25 times the scale in steps of 0.01. From
LongRoPE2 (arXiv 2502.20082) comes a start in which the pairs past the critical one, which training
never turned once round, are slowed by more than the scale. Populations are small, since whoever
searches waits for it; tokens at the start of a text are not left alone (LongRoPE's second
non-uniformity), as no model that ships factors does so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longembed_rag.extension.frequencies import (
    RotaryFrequencies,
    interpolate,
    inverse_frequencies,
    ntk,
    yarn,
)
from longembed_rag.extension.plan import default_ntk_lambda
from longembed_rag.extension.rescaling import RopeFactors, critical_pair
from longembed_rag.extension.sharpening import longrope_attention_factor

#: The most that a pair is slowed by, in scales, and the step from one factor to the next.
MOST, STEP = 1.25, 0.01
#: How many of a population have children, and how many of these are mutations and crossovers.
PARENTS, MUTATIONS, CROSSOVERS = 4, 4, 4
#: How likely a mutation changes a factor, and by how much (the deviation of its logarithm).
CHANGED, WIDTH = 0.3, 0.15
#: Slower than the scale by so much past the critical pair, which is taken a sixteenth earlier.
_BEYOND = 1.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """What factors are for, and where they may lie.

    Attributes:
        theta: The model's rotary base.
        rotary_dim: Rotated dimensions per head (``d``).
        original_length: ``L0``, tokens.
        length: The longest text that they are for, tokens.
    """

    theta: float
    rotary_dim: int
    original_length: int
    length: int

    @property
    def scale(self) -> float:
        """How many times ``L0`` that is (``s``)."""
        return self.length / self.original_length

    def within(self, factors: Floats) -> Floats:
        """Factors brought into order and into bounds, in steps."""
        bounded = np.clip(np.sort(factors), 1.0, max(1.0, MOST * self.scale))
        stepped: Floats = np.round(np.round(bounded / STEP) * STEP, 2)
        return stepped

    def starts(self) -> list[Floats]:
        """PI, NTK, YaRN, and NTK up to a critical pair with more than the scale beyond it."""
        own = inverse_frequencies(self.theta, self.rotary_dim)
        whole = max(2, int(np.ceil(self.scale)))
        frequencies = RotaryFrequencies(own, self.theta)
        by_parts = yarn(frequencies, scale=self.scale, original_length=self.original_length)
        known = [
            interpolate(own, self.scale),
            ntk(own, default_ntk_lambda(whole, self.rotary_dim)),
            by_parts,
        ]
        pairs = len(own)
        first = critical_pair(self.theta, self.rotary_dim, self.original_length) - pairs // 16
        part = np.minimum(np.arange(pairs) / max(first, 1), 1.0)
        beyond = (_BEYOND * self.scale) ** part
        return [self.within(each) for each in (*(own / found for found in known), beyond)]

    def named(self, factors: Floats) -> RopeFactors:
        """Factors as a file holds them."""
        return RopeFactors(
            tuple(map(float, factors)),
            self.original_length,
            self.scale,
            longrope_attention_factor(self.scale, self.original_length),
        )


@dataclass(frozen=True)
class FoundFactors:
    """What a search came to.

    Attributes:
        factors: The best.
        fitness: How good they are.
        start_fitness: How good the best of those was that the search began with.
        tried: How many were tried.
    """

    factors: RopeFactors
    fitness: float
    start_fitness: float
    tried: int


def evolve_rope_factors(
    fitness: Callable[[RopeFactors], float],
    *,
    theta: float,
    rotary_dim: int,
    original_length: int,
    length: int,
    rounds: int = 20,
    seed: int = 0,
    is_late: Callable[[], bool] = lambda: False,
) -> FoundFactors:
    """Search for rescale factors of a model.

    Args:
        fitness: How good some are; more is better.
        theta: The model's rotary base.
        rotary_dim: Rotated dimensions per head.
        original_length: What the model was trained to read, tokens.
        length: The longest text that they shall be for, tokens.
        rounds: Most generations.
        seed: What chance is drawn with.
        is_late: Whether to stop; what the search begins with is tried in any case.

    Returns:
        The best that was tried, which is never worse than PI, NTK and YaRN.
    """
    space = Space(theta, rotary_dim, original_length, length)
    draw = np.random.default_rng(seed)
    tried: dict[tuple[float, ...], float] = {}

    def judge(candidates: list[Floats], *, all_of_them: bool) -> None:
        for each in candidates:
            key = tuple(map(float, each))
            if key not in tried and (all_of_them or not is_late()):
                tried[key] = fitness(space.named(each))

    judge(space.starts(), all_of_them=True)
    start = max(tried.values())
    for _ in range(rounds):
        if is_late():
            break
        best = sorted(tried, key=lambda key: -tried[key])[:PARENTS]
        judge(_children([np.array(key) for key in best], space, draw), all_of_them=False)
    winner = max(tried, key=lambda key: tried[key])
    return FoundFactors(space.named(np.array(winner)), tried[winner], start, len(tried))


def _children(parents: list[Floats], space: Space, draw: np.random.Generator) -> list[Floats]:
    """Mutations of single parents and crossovers of two, in bounds and in order."""
    found = []
    for _ in range(MUTATIONS):
        parent = parents[draw.integers(len(parents))]
        changed = draw.random(len(parent)) < CHANGED
        found.append(parent * np.exp(draw.normal(0.0, WIDTH, len(parent)) * changed))
    for _ in range(CROSSOVERS):
        one, other = (parents[draw.integers(len(parents))] for _ in range(2))
        found.append(np.where(draw.random(len(one)) < 0.5, one, other))
    return [space.within(each) for each in found]
