"""The example and the README's first one run as they stand; test_mteb.py runs the other."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent


def test_the_example_finds_the_reports(capsys: pytest.CaptureFixture[str]) -> None:
    """Both questions are answered by the right report."""
    runpy.run_path(str(HERE / "examples" / "long_documents.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("? ")[1].split()[0] for line in lines] == ["lease", "garden"]


def test_the_readme_reads_a_long_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs nothing but an empty folder."""
    monkeypatch.chdir(tmp_path)
    block = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)[0]
    exec(compile(block.replace("* 2000", "* 200"), "README.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out
    assert (tmp_path / "long-model" / "modules.json").is_file()
