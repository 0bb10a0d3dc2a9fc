"""Fixtures of the server's tests: a server each module, with three short documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import TinyModels
from tests.server.served import Served, folder_of_its_own, served

TEXTS = {
    "lease": "the lease was signed by the tenant in the spring of that year",
    "garden": "apples and pears grow in the garden behind the house",
    "long": "the ship sailed north and the crew was cold and tired of salt " * 8,
}


@pytest.fixture(autouse=True)
def untold_warnings() -> None:
    """Nothing: what a text's answer tells is no warning of a server's, see pytestmark."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for a store, and this user's folders of state and sockets in it."""
    with folder_of_its_own() as found:
        yield found


@pytest.fixture(scope="module")
def server(tiny_models: TinyModels, folder: Path) -> Iterator[Served]:
    """A server with three documents; tests leave them as they are."""
    with served(tiny_models, folder) as found:
        assert found.add(**TEXTS)["status"] == "done"
        yield found
