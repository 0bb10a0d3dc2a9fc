"""Fixtures of the benchmark's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from longembed_eval import published


@pytest.fixture(autouse=True)
def weights_are_read_once(shared_weights: None) -> None:
    """Every system of a benchmark has an encoder of its own; how they load is tested elsewhere."""


@pytest.fixture(scope="session", autouse=True)
def small_tasks_may_bear_the_papers_names() -> Iterator[None]:
    """Made-up results have tasks of a few documents; the sizes have a test of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "_SIZES", {"narrativeqa": (355, 10_449)})
        yield
