"""``longembed-rag tune``."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from longembed_eval.candidates import Candidate
from longembed_eval.results import Difference
from longembed_eval.tune import Tuning
from longembed_rag import EncoderSettings
from tests.models import TinyModels

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Run = Callable[..., Result]

SENTENCES = [
    "The {0} river carried yellow timber towards the northern harbour every winter.",
    "Several merchants of {0} quarrelled about copper prices during the autumn market.",
    "An old painter near {0} collected violins, lanterns and broken marble statues.",
]


@pytest.fixture
def docs() -> Path:
    """Four documents of prose, each about its own place, longer than the tiny model reads."""
    folder = Path("docs").resolve()
    folder.mkdir()
    for place in ("Arlen", "Borvik", "Castell", "Dorne"):
        lines = [
            SENTENCES[i % 3].format(place).replace("every", f"every {i}th", 1) for i in range(20)
        ]
        (folder / f"{place}.txt").write_text(" ".join(lines))
    return folder


def tuning(*, better: bool) -> Tuning:
    default = Candidate(settings={}, label="default (pcw)", documents=4, of_documents=50.0)
    rival = Candidate(
        settings={"method": "gp", "max_length": 64}, label="gp", documents=4, of_documents=60.0
    )
    return Tuning(
        best=rival if better else default,
        default=default,
        versus_default=Difference(mean=10, low=5, high=15),
        candidates=(rival, default),
        documents=4,
        queries=12,
        seconds=1.0,
        reason="it was measured",
    )


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the measurement say that something is better, or that nothing is."""

    def decide(better: bool) -> None:
        found = tuning(better=better)
        monkeypatch.setattr("longembed_eval.tune.tune", lambda *args, **options: found)

    return decide


def keys() -> dict[str, Any]:
    return tomllib.loads(Path("longembed.toml").read_text())


def test_documents_are_measured(run: Run, docs: Path) -> None:
    """The whole way with a tiny model: JSON with every candidate and the verdict."""
    result = run("tune", "--docs", str(docs), "--minutes", "1", "--json", "--max-length", "128")
    assert result.exit_code == 2, "what is measured cannot be set"
    result = run("tune", "--docs", str(docs), "--minutes", "1", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["default"]["settings"] == {}
    assert {"best", "candidates", "reason", "settings", "written", "queries"} <= set(found)
    assert len(found["candidates"]) >= 4
    assert "without them" in result.stderr  # what such queries can tell


def test_the_better_setting_is_written(
    run: Run, docs: Path, decided: Callable[[bool], None]
) -> None:
    """The file gets the setting, and keeps the model that stood there."""
    decided(True)
    before = keys()
    result = run("tune", "--docs", str(docs))
    assert result.exit_code == 0, result.stderr
    assert keys() == {**before, "method": "gp", "max_length": 64}
    assert "longembed.toml now says so" in " ".join(result.stdout.split())
    assert "it was measured" in Path("longembed.toml").read_text()


def test_what_was_set_by_flag_is_written_along(
    run: Run, docs: Path, decided: Callable[[bool], None]
) -> None:
    """A setting was measured together with the flags, and holds only with them."""
    decided(True)
    run("tune", "--docs", str(docs), "--pooling", "cls")
    assert keys()["pooling"] == "cls"


@pytest.mark.parametrize(("better", "flags"), [(False, ()), (True, ("--dry-run",))])
def test_nothing_is_written(
    run: Run, docs: Path, decided: Callable[[bool], None], better: bool, flags: tuple[str, ...]
) -> None:
    """Where the default is as good, or on a dry run, the file stays as it is."""
    decided(better)
    before = Path("longembed.toml").read_text()
    result = run("tune", "--docs", str(docs), *flags)
    assert result.exit_code == 0
    assert Path("longembed.toml").read_text() == before


def test_rescale_factors_are_made_and_written_along(
    run: Run, docs: Path, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds what a search found; the setting is written where longrope is the best."""
    asked: list[EncoderSettings] = []

    def tune(task: Any, settings: EncoderSettings, **options: Any) -> Tuning:
        asked.append(settings)
        found = tuning(better=True)
        return replace(found, best=replace(found.best, settings={"method": "longrope"}))

    monkeypatch.setattr("longembed_eval.tune.tune", tune)
    model = ("--model", str(tiny_models.folder("gte")), "--rope-factors", "factors.json")
    result = run("tune", "--docs", str(docs), "--minutes", "0.001", *model)
    assert result.exit_code == 0, result.stderr
    assert "the best of 4 sets of rescale factors" in result.stderr
    written = Path("factors.json").read_text()
    assert asked[0].rope_factors == written.strip()
    assert (keys()["method"], keys()["rope_factors"]) == ("longrope", "factors.json")
    result = run("tune", "--docs", str(docs), *model)
    assert result.exit_code == 2
    assert "factors.json is there already" in result.stderr
    assert Path("factors.json").read_text() == written


def test_documents_that_are_not_there(run: Run) -> None:
    """The path is named."""
    result = run("tune", "--docs", "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_the_extra_is_named_where_it_is_missing(
    run: Run, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is measured, with the command that helps."""
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "longembed_eval.extras.find_spec", lambda name: None if name == "tomlkit" else there(name)
    )
    result = run("tune", "--docs", str(docs))
    assert result.exit_code != 0
    assert "longembed-rag[eval]" in result.stderr
