"""Cosines and the best part of each document, against loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from longembed_eval.systems import vectors as vectors_module
from longembed_eval.systems.protocol import Progress
from longembed_eval.systems.readings import Reading, Readings
from longembed_eval.systems.vectors import Level, VectorSystem, best_by_owner, cosines, indexed


def reading(vectors: Any, parts: Any = (), owners: Sequence[int] = ()) -> Reading:
    whole = np.array(vectors, dtype=np.float32)
    pieces = np.array(parts, dtype=np.float32).reshape(-1, whole.shape[1])
    return Reading(
        vectors=whole,
        parts=pieces,
        owners=np.array(owners, dtype=np.int64),
        spans=np.zeros((len(pieces), 2), dtype=np.int64),
        part_tokens=np.full(len(pieces), 3),
        tokens=np.arange(1, len(whole) + 1),
        tokens_read=np.ones(len(whole), dtype=np.int64),
        seconds=2.0,
        peak_memory_bytes=7,
    )


@dataclass
class FakeReader:
    """Gives vectors that were made up; a query's text is its vector."""

    made: Reading
    settings: dict[str, Any]

    def prepare(self) -> None:
        """Nothing to load."""

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        return self.made

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[float(x) for x in q.split()] for q in queries], dtype=np.float32)


def system(made: Reading, level: Level, folder: Path, names: Sequence[str]) -> VectorSystem:
    found = VectorSystem(FakeReader(made, {}), level, Readings(folder))
    found.index(dict.fromkeys(names, "text"), on_progress=lambda done, total: None)
    return found


def test_cosines_by_hand() -> None:
    """Length does not matter, direction does."""
    queries = np.array([[3.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    vectors = np.array([[0.1, 0.0], [0.0, 5.0], [-2.0, 0.0]], dtype=np.float32)
    half = np.sqrt(0.5)
    expected = [[1.0, 0.0, -1.0], [half, half, -half]]
    np.testing.assert_allclose(cosines(queries, vectors), expected, atol=1e-6)
    assert cosines(queries, vectors).dtype == np.float32


def test_cosine_with_nothing_is_zero() -> None:
    """A zero vector is like nothing, and no reason for a warning."""
    zero, one = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert cosines(zero, one) == cosines(one, zero) == cosines(zero, zero) == 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_best_part_equals_a_loop(data: st.DataObject) -> None:
    """MaxSim, with documents that have many parts, one, or none."""
    documents = data.draw(st.integers(1, 6))
    owners = sorted(data.draw(st.lists(st.integers(0, documents - 1), max_size=12)))
    queries = data.draw(st.integers(0, 3))
    values = st.floats(-1, 1, width=32)
    row = st.lists(values, min_size=len(owners), max_size=len(owners))
    rows = data.draw(st.lists(row, min_size=queries, max_size=queries))
    scores = np.array(rows, dtype=np.float32).reshape(queries, len(owners))
    expected = np.full((queries, documents), -np.inf, dtype=np.float32)
    for query in range(queries):
        for part, owner in enumerate(owners):
            expected[query, owner] = max(expected[query, owner], scores[query, part])
    found = best_by_owner(scores, np.array(owners, dtype=np.int64), documents)
    np.testing.assert_array_equal(found, expected)


def test_documents_are_ranked_by_their_vectors(tmp_path: Path) -> None:
    """Best first, at most so many; equal ones by their ids."""
    made = reading([[0, 1], [1, 0], [2, 0], [1, 1]])
    found = system(made, "documents", tmp_path, ["d", "c", "b", "a"])
    (ranking,) = found.search(["1 0"], depth=3)
    assert [name for name, _ in ranking] == ["b", "c", "a"]
    assert [score for _, score in ranking] == pytest.approx([1.0, 1.0, np.sqrt(0.5)])
    assert len(found.search(["1 0"], depth=99)[0]) == 4
    assert found.search(["1 0", "0 1"], depth=1)[1][0][0] == "d"


def test_documents_are_ranked_by_their_best_part(tmp_path: Path) -> None:
    """One part that fits beats several that nearly do."""
    made = reading([[1, 0]] * 3, [[1, 0.2], [1, 0.2], [0, 1], [1, 0], [0.5, 0.5]], [0, 0, 1, 1, 2])
    found = system(made, "parts", tmp_path, ["many", "one", "none"])
    (ranking,) = found.search(["1 0"], depth=10)
    assert [name for name, _ in ranking] == ["one", "many", "none"]
    assert ranking[0][1] == pytest.approx(1.0)


@pytest.mark.parametrize("level", ["documents", "parts"])
def test_blocks_of_queries_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    """Large collections are compared block by block; the rankings are the same."""
    generator = np.random.default_rng(1)
    made = reading(
        generator.normal(size=(7, 3)),
        generator.normal(size=(20, 3)),
        sorted([*range(7), *[3] * 13]),
    )
    found = system(made, level, tmp_path, [f"d{i}" for i in range(7)])
    queries = [" ".join(map(str, row)) for row in generator.normal(size=(9, 3))]
    whole = found.search(queries, depth=7)
    monkeypatch.setattr(vectors_module, "_BLOCK", 41)
    assert len(whole) == 9
    for one, other in zip(found.search(queries, depth=7), whole, strict=True):
        assert [name for name, _ in one] == [name for name, _ in other]


def test_documents_without_any_part_come_last(tmp_path: Path) -> None:
    """They are found by nothing; JSON cannot hold their score of minus infinity."""
    made = reading([[1, 0], [1, 0]], [[0, 1]], [1])
    (ranking,) = system(made, "parts", tmp_path, ["empty", "full"]).search(["1 0"], depth=10)
    assert ranking[0][0] == "full"


def test_what_indexing_took() -> None:
    """Vectors and bytes are those that are compared; tokens are summed."""
    made = reading([[1, 0], [0, 1]], [[1, 0]] * 5, [0, 0, 0, 1, 1])
    whole, parts = indexed(made, level="documents"), indexed(made, level="parts", more_seconds=1)
    assert (whole.vectors, whole.index_bytes) == (2, 2 * 2 * 4)
    assert (parts.vectors, parts.index_bytes) == (5, 5 * 2 * 4)
    assert (whole.seconds, parts.seconds, whole.peak_memory_bytes) == (2.0, 3.0, 7)
    assert (whole.tokens, whole.tokens_read) == (3, 2)
