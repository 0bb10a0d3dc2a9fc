"""A folder of documents and a library over a store in it, without any model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from longembed_rag import Library
from tests.store.fakes import FakeEncoder

Open = Callable[..., Library]
TEXTS = {
    "lease.txt": "The lease was signed by the tenant.",
    "garden.txt": "Apples and pears grow in the garden.",
}


@pytest.fixture
def encoder() -> FakeEncoder:
    """Counts what it embeds."""
    return FakeEncoder()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of two documents."""
    for name in ("LONGEMBED_API_KEY", "QDRANT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    reports = tmp_path.resolve() / "reports"
    reports.mkdir()
    for name, text in TEXTS.items():
        (reports / name).write_text(text)
    return reports


@pytest.fixture
def opened(folder: Path, encoder: FakeEncoder) -> Iterator[Open]:
    """Opens libraries with the fake encoder, which are closed in the end."""
    libraries = []

    def open_one(*place: Any, **options: Any) -> Library:
        libraries.append(Library.open(*place, **{"encoder": encoder, **options}))
        return libraries[-1]

    yield open_one
    for library in libraries:
        library.close()


@pytest.fixture
def library(opened: Open) -> Library:
    """An empty library."""
    return opened()


@pytest.fixture
def filled(library: Library) -> Library:
    """One that holds the folder."""
    assert library.ingest("reports/").added == 2
    return library
