"""The same collection in the engine and in qdrant-client's own local mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from longembed_rag.points.edge_client.client import EdgeClient
from tests.points.edge_client.twins import CONFIG, NAME, Twins, make_points


@pytest.fixture
def client(tmp_path: Path) -> Iterator[EdgeClient]:
    """A client of an empty folder."""
    opened = EdgeClient(tmp_path / "edge")
    yield opened
    opened.close()


@contextmanager
def running_twins(path: Path) -> Iterator[Twins]:
    """Both clients, each with the same empty collection."""
    local = QdrantClient(":memory:")  # as with a path, but for a commit per point
    both = Twins(EdgeClient(path), local)
    both.write("create_collection", metadata={"made": "by a test"}, **CONFIG)
    both.edge.create_payload_index(NAME, "tag", models.PayloadSchemaType.KEYWORD)
    yield both
    both.edge.close()
    local.close()


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Twins]:
    """Both clients, to write to."""
    with running_twins(tmp_path / "edge") as both:
        yield both


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Both clients with 60 points, to read only: making collections is what takes time."""
    with running_twins(tmp_path_factory.mktemp("filled")) as both:
        both.write("upsert", points=make_points(60))
        yield both
