"""What was written is there after kill -9, whenever it comes."""

from __future__ import annotations

import random
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import models

from longembed_rag.points.edge.engine import Shard
from longembed_rag.points.edge_client.client import EdgeClient
from tests.forked import forked


def write(pipe: Connection, path: Path, begin: int) -> None:
    """Write points, 20 at a time, and say so after each time."""
    client = EdgeClient(path)
    if not client.collection_exists("c"):
        client.create_collection(
            "c",
            {"dense": models.VectorParams(size=32, distance=models.Distance.DOT)},
            sparse_vectors_config={
                "words": models.SparseVectorParams(modifier=models.Modifier.IDF)
            },
            metadata={"record": "of the collection"},
        )
        client.create_payload_index("c", "text", "keyword")
    pipe.send("ready")
    for first in range(begin, begin + 100_000, 20):
        points = [
            models.PointStruct(
                id=number,
                vector={
                    "dense": np.full(32, float(number)).tolist(),
                    "words": models.SparseVector(
                        indices=[number % 7, 100 + number], values=[1.0, 2.0]
                    ),
                },
                payload={"text": f"text {number}", "number": number},
            )
            for number in range(first, first + 20)
        ]
        client.upsert("c", points, wait=True)
        pipe.send(first + 20)


def killed_after(path: Path, *, begin: int, seconds: float) -> int:
    """Let a process write and kill it; the number of points that it said were written."""
    with forked(write, path, begin) as writer:
        assert writer.pipe.recv() == "ready"
        time.sleep(seconds)
        writer.kill()
        assert writer.process.exitcode == -signal.SIGKILL
        said = begin
        # The last word may be cut off: what it says was not confirmed.
        with suppress(EOFError, OSError):
            while True:
                said = writer.pipe.recv()
        return said


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    """Killed again and again at any moment, each confirmed point is there, whole and findable."""
    rng = random.Random(3)
    confirmed = 0
    for _ in range(3):
        confirmed = killed_after(tmp_path, begin=confirmed, seconds=rng.uniform(0.01, 0.3))
        client = EdgeClient(tmp_path)
        points, _ = client.scroll("c", limit=200_000, with_vectors=True)
        # Its last write may have gone through without its word for it, but not in part.
        assert len(points) in (confirmed, confirmed + 20)
        for number, point in enumerate(points):
            assert point.id == number
            assert point.payload == {"text": f"text {number}", "number": number}
            assert isinstance(point.vector, dict)
            assert point.vector["dense"] == [float(number)] * 32
            assert point.vector["words"].indices == [number % 7, 100 + number]  # type: ignore[union-attr]
        last = confirmed - 1
        if confirmed:
            terms = models.SparseVector(indices=[100 + last], values=[1.0])
            assert client.query_points("c", terms, using="words").points[0].id == last
            assert client.facet("c", "text", limit=1).hits[0].count == 1
        assert client.get_collection("c").config.metadata == {"record": "of the collection"}
        client.close()
    assert confirmed > 100


def make(pipe: Connection, path: Path) -> None:
    """Make a collection, change it and delete it, again and again."""
    client = EdgeClient(path)
    pipe.send("ready")
    while True:
        client.create_collection("c", {}, metadata={"whole": True})
        client.update_collection("c", metadata={"more": 1})
        client.delete_collection("c")


def test_killed_makers_leave_all_or_nothing(tmp_path: Path) -> None:
    """Killed while it makes and deletes a collection, a process leaves it whole or not at all."""
    rng = random.Random(5)
    for _ in range(4):
        with forked(make, tmp_path) as maker:
            assert maker.pipe.recv() == "ready"
            time.sleep(rng.uniform(0.02, 0.2))
            maker.kill()
        client = EdgeClient(tmp_path)
        if client.collection_exists("c"):
            metadata = client.get_collection("c").config.metadata or {}
            assert metadata["whole"]
            client.upsert("c", [models.PointStruct(id=1, vector={}, payload={})])
            client.delete_collection("c")
        assert [each.name for each in tmp_path.iterdir()] == [".lock"]
        client.close()


def test_what_was_written_is_flushed_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many seconds of updates the log is written out, so that opening stays quick."""
    monkeypatch.setattr("longembed_rag.points.edge.engine._UNFLUSHED", 0.0)
    client = EdgeClient(tmp_path)
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    shard: Shard = client._collection("c").shard
    client.upsert("c", models.Batch(ids=[1], vectors=np.ones((1, 2)).tolist()))
    assert shard._unflushed == 0.0
    monkeypatch.undo()
    client.upsert("c", models.Batch(ids=[2], vectors=np.ones((1, 2)).tolist()))
    assert shard._unflushed > 0.0
    client.close()
