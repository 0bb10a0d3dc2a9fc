"""``benchmarks/gpu.py``, whose figures need a GPU: that it runs through, in a small size."""

from __future__ import annotations

import json
import runpy
import sys
import warnings
from pathlib import Path

import pytest

from longembed_rag.extension.kernels import CUDNN, FLASH
from tests.kernels_of_tests import interpreted

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((), id="a CPU's own", marks=pytest.mark.slow),
        pytest.param((FLASH, CUDNN), id="interpreted"),
    ],
)
def test_every_row_is_measured(
    names: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All rows and ratios are printed and written, with the machine's name."""
    result = tmp_path / "gpu.json"
    arguments = ["--tiny", "--device", "cpu", "--repeats", "1", "--out", str(result)]
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *arguments])
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    with interpreted(*names) as counted, warnings.catch_warnings():
        program = runpy.run_path(str(PROGRAM), run_name="__main__")
    assert bool(counted.flash) == bool(names)
    written = json.loads(result.read_text(encoding="utf-8"))
    assert written["machine"]["processor"]
    assert set(program["GOALS"]) <= set(written["found"])
    assert all(value > 0 for value in written["found"].values())
    told = capsys.readouterr().out
    for row in written["rows"]:
        assert row["what"] in told
        assert row["seconds"] > 0
    for method in ("pcw", "none", "ntk", "self_extend"):
        assert sum(method in row["what"] for row in written["rows"]) >= 2
