"""The example and the README's code run, and its table names every option."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from haystack_integrations.components.embedders.longembed import (
    LongDocumentEmbedder,
    LongTextEmbedder,
)
from haystack_integrations.components.retrievers.longembed import LongRetriever
from haystack_integrations.document_stores.longembed import LongDocumentStore

HOME = Path(__file__).parent.parent


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The example prints a prompt with the passage that answers, far into the document."""
    runpy.run_path(str(HOME / "examples" / "question.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "widow Svoboda" in printed
    assert int(re.findall(r"lease, from character (\d+):", printed)[0]) > 3000


def test_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's code runs as it stands there, and prints what it says."""
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    for part in code:
        exec(compile(part, "README.md", "exec"), names)
    names["store"].close()
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    assert printed == re.findall(r"^# (.*)$", "\n".join(code), re.MULTILINE)


@pytest.mark.parametrize(
    "kind", [LongRetriever, LongDocumentStore, LongDocumentEmbedder, LongTextEmbedder]
)
def test_the_readme_names_every_option(kind: type) -> None:
    """No option of a class is missing from the README's table."""
    named = set(re.findall(r"`(\w+)`", (HOME / "README.md").read_text()))
    options = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    assert set(options) - {"self", "settings"} <= named
