"""The Python that docs/integrations.md shows runs, in a folder with a collection of two files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longembed_rag import Library, LongEmbedding

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
LEASE = "The lease was signed by the tenant."
GARDEN = "Apples and pears grow in the garden."


@pytest.fixture(scope="module")
def embedding() -> LongEmbedding:
    """The default model, which stays loaded."""
    embedding = LongEmbedding()
    assert embedding.encoder is not None
    return embedding


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_is_shown_runs(
    block: str,
    embedding: LongEmbedding,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A block prints what it says it prints, or the sentence that answers."""
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "lease.txt").write_text(LEASE)
    (reports / "garden.txt").write_text(GARDEN)
    with Library.open(".longembed") as library:
        assert library.ingest(reports).added == 2
    exec(block, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    for expected in re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE) or [LEASE]:
        assert expected in printed
