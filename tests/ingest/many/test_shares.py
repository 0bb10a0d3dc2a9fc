"""How a cluster is divided among the stages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.errors import SettingsError
from longembed_rag.ingest.many.pipeline import Shares
from longembed_rag.ingest.many.values import Workers
from longembed_rag.ray_cluster import RayCluster


def cluster(processors: float, gpus: float = 0) -> RayCluster:
    """A cluster."""
    return RayCluster(address="auto", processors=processors, gpus=gpus, dashboard=None)


@given(st.integers(1, 300), st.integers(0, 16), st.none() | st.integers(1, 16))
def test_there_is_room_for_all(processors: int, gpus: int, models: int | None) -> None:
    """Whatever a cluster has, every process of every stage fits at once."""
    if max(gpus if models is None else models, 1) > processors or 0 < gpus < (models or 0):
        return
    shares = Shares.of(Workers(models=models), cluster(processors, gpus))
    asked = shares.models * shares.model_processors + 2 * shares.sides * shares.side_processors
    assert 0 < asked <= processors + 1e-9
    assert shares.models * shares.model_gpus <= gpus
    assert shares.models == (models if models is not None else gpus or max(1, processors // 4))


@pytest.mark.parametrize(
    ("workers", "has", "told"),
    [
        ({"gpus": 2}, (8, 1), r"2 processes are to have a GPU each: .* at auto has 1 \(--gpus 0"),
        ({"models": 3}, (8, 2), r"3 processes are to have a GPU each: .* at auto has 2 \(--gpus 0"),
        ({"models": 9}, (8, 0), r"models=9: the Ray cluster at auto has 8 processors"),
    ],
)
def test_what_is_not_there_is_refused(
    workers: dict[str, Any], has: tuple[int, int], told: str
) -> None:
    """Ray would wait for it for ever."""
    with pytest.raises(SettingsError, match=told):
        Shares.of(Workers(**workers), cluster(*has))


@pytest.mark.parametrize(
    ("given_workers", "told"),
    [
        ({"models": 0}, "models=0 must be at least 1"),
        ({"gpus": -1}, "gpus=-1 must be at least 0"),
        ({"models": 2.5}, r"models=2\.5 must be a whole number"),
        ({"models": 3, "gpus": 2}, "each GPU has a model of its own"),
    ],
)
def test_numbers_are_looked_at(given_workers: dict[str, Any], told: str) -> None:
    """Before a cluster is asked for."""
    with pytest.raises(SettingsError, match=told):
        Workers(**given_workers)
