"""The example, and the one in the README, run as they stand."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.usefixtures("encoder")
def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Offline, with the default model."""
    runpy.run_path(str(ROOT / "examples" / "chain.py"), run_name="__main__")
    answers = capsys.readouterr().out.splitlines()
    assert answers[0] == "who signed the lease?"
    assert answers[1].endswith("(notes/lease)")
    assert answers[3].endswith("(notes/ship)")


@pytest.mark.usefixtures("encoder")
def test_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it prints is what its comments say."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    said = re.findall(r"# prints: (.*)", code)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert said
    assert capsys.readouterr().out.splitlines() == said
