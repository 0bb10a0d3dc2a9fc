"""Two clients that are told the same and have to answer the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from longembed_rag.points.edge_client.client import EdgeClient

NAME = "twins"
SIZE = 6
CONFIG: dict[str, Any] = {
    "vectors_config": {
        "dense": models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
        "dot": models.VectorParams(size=SIZE, distance=models.Distance.DOT),
        "far": models.VectorParams(size=SIZE, distance=models.Distance.EUCLID),
        "rows": models.VectorParams(
            size=SIZE,
            distance=models.Distance.COSINE,
            multivector_config=models.MultiVectorConfig(
                comparator=models.MultiVectorComparator.MAX_SIM
            ),
        ),
    },
    "sparse_vectors_config": {
        "words": models.SparseVectorParams(modifier=models.Modifier.IDF),
        "plain": models.SparseVectorParams(),
    },
}


def sparse(rng: np.random.Generator) -> models.SparseVector:
    """Some terms out of few, so that vectors meet."""
    indices = rng.choice(40, size=6, replace=False)
    return models.SparseVector(indices=indices.tolist(), values=rng.random(6).tolist())


def make_points(count: int, *, seed: int = 0) -> list[models.PointStruct]:
    """Points with every kind of vector; each third one has none."""
    rng = np.random.default_rng(seed)
    points = []
    for identity in range(count):
        vectors: dict[str, Any] = {
            name: rng.standard_normal(SIZE).tolist() for name in ("dense", "dot", "far")
        }
        vectors["rows"] = rng.standard_normal((1 + identity % 4, SIZE)).tolist()
        vectors["words"], vectors["plain"] = sparse(rng), sparse(rng)
        payload = {
            "tag": f"tag {identity % 5}",
            "number": identity,
            "inner": {"tags": [f"t{identity % 2}", f"t{identity % 3}"]},
        }
        points.append(
            models.PointStruct(
                id=identity, vector={} if identity % 7 == 3 else vectors, payload=payload
            )
        )
    return points


@dataclass
class Twins:
    """The engine and local mode."""

    edge: EdgeClient
    local: QdrantClient

    def write(self, method: str, **arguments: Any) -> None:
        """Tell both the same."""
        for client in (self.edge, self.local):
            getattr(client, method)(NAME, **arguments)

    def ask(self, method: str, **arguments: Any) -> tuple[Any, Any]:
        """Ask both the same."""
        return tuple(
            getattr(client, method)(NAME, **arguments) for client in (self.edge, self.local)
        )  # type: ignore[return-value]

    def reopen(self) -> None:
        """Close the engine's client and open it again."""
        path = Path(self.edge.init_options["path"])
        self.edge.close()
        self.edge = EdgeClient(path)

    def same_hits(self, **arguments: Any) -> Sequence[models.ScoredPoint]:
        """Ask both a query; the hits with their scores, payloads and vectors have to be equal."""
        ours, theirs = self.ask("query_points", **arguments)
        assert_same(ours.points, theirs.points)
        return ours.points

    def same_points(self) -> list[models.Record]:
        """All points with all they have; they have to be equal."""
        (ours, _), (theirs, _) = self.ask("scroll", limit=1000, with_vectors=True)
        assert_same(ours, theirs)
        return ours


def assert_same(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """Require that points are the same, in the same order, but for float32's last digits."""
    assert [point.id for point in ours] == [point.id for point in theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert our.payload == their.payload
        if hasattr(their, "score"):
            assert our.score == pytest.approx(their.score, abs=1e-5)
        assert_same_vectors(our.vector, their.vector)


def assert_same_vectors(ours: Any, theirs: Any) -> None:
    """Require that a point's vectors are the same."""
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs)
        for name in theirs:
            assert_same_vectors(ours[name], theirs[name])
    elif isinstance(theirs, models.SparseVector):
        assert ours.indices == theirs.indices
        assert ours.values == pytest.approx(theirs.values, abs=1e-5)
    elif theirs is None:
        assert ours is None
    else:
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
