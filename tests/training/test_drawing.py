"""Drawing by source: large ones more often than small ones, but not as often as they are larger."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.training.drawing import Sources, around, up_to_letters


def drawn(sources: Sources[tuple[str, int]], count: int, seed: int = 0) -> list[tuple[str, int]]:
    """So many things, as a seed decides."""
    random = np.random.default_rng(seed)
    return [sources.pick(random) for _ in range(count)]


def sources_of(**sizes: int) -> Sources[tuple[str, int]]:
    """Sources of so many things each, mixed in the order in which they come."""
    most = max(sizes.values())
    return Sources(
        (name, (name, at)) for at in range(most) for name, size in sizes.items() if at < size
    )


def test_sources_are_drawn_by_the_square_root_of_their_size() -> None:
    """One thing, a hundred, and 2,500 of them: 1 to 10 to 50, and alike within a source."""
    sources = sources_of(small=1, middle=100, large=2500)
    assert len(sources) == 2601
    found = drawn(sources, 12_200)
    counts = {name: sum(each[0] == name for each in found) for name in ("small", "middle", "large")}
    assert counts["small"] == pytest.approx(200, rel=0.25)
    assert counts["middle"] == pytest.approx(2000, rel=0.1)
    assert counts["large"] == pytest.approx(10_000, rel=0.03)
    within = np.bincount([at for name, at in found if name == "middle"], minlength=100)
    assert within.min() > 0
    # Chi-square of 99 degrees of freedom: above 160 once in ten thousand times.
    assert ((within - within.mean()) ** 2 / within.mean()).sum() < 160


def test_the_seed_decides() -> None:
    """The same things from the same generator, others from another."""
    sources = sources_of(one=30, two=5)
    assert drawn(sources, 40) == drawn(sources, 40) == drawn(sources_of(one=30, two=5), 40)
    assert drawn(sources, 40) != drawn(sources, 40, seed=1)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.integers(0, 1000))
def test_only_what_is_there_is_drawn(names: list[str], seed: int) -> None:
    """From any number of sources, and nothing that was never put in."""
    items = [(name, (name, at)) for at, name in enumerate(names)]
    found = drawn(Sources(items), 20, seed)
    assert set(found) <= {item for _, item in items}


@pytest.mark.parametrize("edge", [0.0, float(np.nextafter(1.0, 0.0))])
def test_the_edges_of_chance(edge: float) -> None:
    """The smallest and the largest number that a generator gives find a source too."""

    class Edge(np.random.Generator):
        def random(self, *given: object) -> float:  # type: ignore[override]
            return edge

    sources = Sources([(str(at), at) for at in range(7)])
    assert sources.pick(Edge(np.random.PCG64(0))) == (0 if edge == 0 else 6)


@given(st.integers(0, 9), st.integers(1, 10))
def test_around_the_end(start: int, count: int) -> None:
    """Every item once, from one on."""
    start %= count
    found = list(around(start, range(100, 100 + count)))
    assert found[0] == 100 + start
    assert sorted(found) == list(range(100, 100 + count))
    assert all((b - a) % count == 1 % count for a, b in pairwise(found))


def test_passages_up_to_letters_by_hand() -> None:
    """Each once, until there are enough letters; all of them where there are too few."""
    passages = [("a", "four"), ("", "six or"), ("b", "four"), ("c", "x"), ("d", "more")]
    assert up_to_letters(11, passages) == [("a", "four"), ("", "six or"), ("c", "x")]
    assert up_to_letters(1, passages) == [("a", "four")]
    assert len(up_to_letters(99, passages)) == 4
