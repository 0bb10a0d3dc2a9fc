"""What a config says of a position table that was tuned to be longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from longembed_rag.encoder.families import TUNED_TABLE, TunedTable
from longembed_rag.encoder.planner import Planner
from longembed_rag.errors import ModelLoadError
from tests.models import TinyModels, edit_json

GOOD = {"method": "pi", "original_length": 8, "scale": 4}


def planner_with(said: Any, tiny_models: TinyModels, name: str) -> Planner:
    folder = tiny_models.copy("bert", f"bert-table-{name}")
    edit_json(folder / "config.json", lambda values: {**values, TUNED_TABLE: said})
    return Planner.from_pretrained(folder)


def test_steps() -> None:
    """PI spread the original rows, RP left them in front; both come back from a config."""
    for method, step in (("pi", 4), ("rp", 1)):
        table = TunedTable(method, 8, 4)
        assert table.step == step
        assert TunedTable(**table.to_dict()) == table


@pytest.mark.parametrize("method", ["pi", "rp"])
def test_a_table_that_is_spoken_of_is_used(method: str, tiny_models: TinyModels) -> None:
    """Short texts stand at its anchors."""
    planner = planner_with({**GOOD, "method": method}, tiny_models, f"good-{method}")
    assert (planner.rules.anchors, planner.rules.anchor_step) == (8, 4 if method == "pi" else 1)
    assert planner.original_length == 32


@pytest.mark.parametrize(
    "said",
    [
        "pi",
        [],
        7,
        {},
        {"method": "pi", "scale": 4},
        {**GOOD, "method": "gp"},
        {**GOOD, "method": None},
        {**GOOD, "original_length": "eight"},
        {**GOOD, "original_length": None},
        {**GOOD, "original_length": 0},
        {**GOOD, "scale": -4},
        {**GOOD, "scale": 5},
        {**GOOD, "original_length": 33, "scale": 1},
    ],
    ids=repr,
)
def test_nonsense_is_refused(said: Any, tiny_models: TinyModels, tmp_path: Path) -> None:
    """With the model and the name of the entry, before any weights are read."""
    with pytest.raises(ModelLoadError, match=f"bert-table-.*{TUNED_TABLE} in its config.json"):
        planner_with(said, tiny_models, f"{tmp_path.name}")


@pytest.mark.parametrize("family", ["roberta", "mpnet"])
def test_rows_before_the_first_position_do_not_count(family: str, tiny_models: TinyModels) -> None:
    """RoBERTa's table has two rows that no text reaches."""
    folder = tiny_models.copy(family, f"{family}-table")
    said = {"method": "pi", "original_length": 34, "scale": 1}
    edit_json(folder / "config.json", lambda values: {**values, TUNED_TABLE: said})
    with pytest.raises(ModelLoadError, match="speaks of 34 positions, but its table has 32"):
        Planner.from_pretrained(folder)
