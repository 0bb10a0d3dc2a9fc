"""Ray on this machine for tests: as :func:`connect_ray` starts it, but small."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from longembed_rag import connect_ray

_PROJECT = Path(__file__).parents[1]


@contextmanager
def small_ray() -> Iterator[None]:
    """A cluster of two processors without a page of its own, which takes seconds less to start.

    What it starts imports the project and its tests from here.
    """
    ray = pytest.importorskip("ray")
    init = ray.init

    def small(**given: Any) -> Any:
        return init(**given, num_cpus=2, include_dashboard=False)

    paths = [str(_PROJECT), str(_PROJECT / "eval"), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        patch.setattr(ray, "init", small)
        with connect_ray("local"):
            yield
