"""Fixtures of the command line's tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from longembed_rag import EncoderSettings
from longembed_rag.cli import main
from longembed_rag.encoder.sharing import SharedEncoder
from tests.models import TinyModels

Run = Callable[..., Result]
LONG_TEXT = "the lease was signed by the tenant in the spring of that year. " * 12


@pytest.fixture(autouse=True)
def clean_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty working directory and without anybody's LONGEMBED_* variables."""
    for name in os.environ:
        if name.startswith(("LONGEMBED_", "QDRANT_")) or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def kept() -> dict[EncoderSettings, SharedEncoder]:
    """Encoders of the tiny models, which others may have that come later, as in one process."""
    return {}


@pytest.fixture
def run(
    tiny_models: TinyModels,
    shared_weights: None,
    kept: dict[EncoderSettings, SharedEncoder],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run a command; the model is a tiny BERT unless a flag says otherwise."""
    _write_settings(tiny_models)
    shared, usual = SharedEncoder.of_settings, str(tiny_models.folder("bert"))

    def keeping(settings: EncoderSettings) -> SharedEncoder:
        found = shared(settings)
        return kept.setdefault(settings, found) if settings.model == usual else found

    monkeypatch.setattr(SharedEncoder, "of_settings", keeping)

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(main, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def documents() -> Path:
    """A folder of three files, one of them long."""
    return _write_documents()


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store of :func:`filled` lies."""
    return tmp_path_factory.mktemp("searched")


@pytest.fixture
def filled(
    run: Run, searched: Path, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The documents, ingested: one store for all tests that only search it."""
    monkeypatch.chdir(searched)
    if not Path("documents").exists():
        _write_settings(tiny_models)
        _write_documents()
        assert run("ingest", "documents").exit_code == 0
    return Path("documents").resolve()


def _write_settings(tiny_models: TinyModels) -> None:
    Path("longembed.toml").write_text(f'model = "{tiny_models.folder("bert").as_posix()}"\n')


def _write_documents() -> Path:
    folder = Path("documents").resolve()
    (folder / "more").mkdir(parents=True)
    (folder / "lease.txt").write_text(LONG_TEXT)
    (folder / "note.md").write_text("# Note\n\nA short note about apples.\n")
    (folder / "more" / "page.html").write_text("<html><body><p>Pears.</p></body></html>")
    return folder


def as_json(result: Result) -> Any:
    """The one JSON value on stdout."""
    return json.loads(result.stdout)
