"""``longembed-rag train negatives``: pairs with their negatives, which can be trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from longembed_rag.training import mining
from longembed_rag.training.texts import is_held_out
from tests.cli.conftest import as_json
from tests.models import TinyModels
from tests.training.material import as_line, some_pairs, write_lines

Run = Callable[..., Result]


@pytest.fixture
def pairs() -> Path:
    made = [pair for pair in some_pairs(40, words=7) if not is_held_out(pair.passage)][:20]
    lines = [*map(as_line, made), {"text": made[0].passage + " more"}]
    return write_lines(Path("pairs.jsonl"), lines)


def arguments(pairs: Path, model: Path, *more: str) -> tuple[str, ...]:
    shared = ("--dtype", "float32", "--device", "cpu", "--model", str(model))
    return ("train", "negatives", "--pairs", str(pairs), "--out", "mined/n.jsonl", *shared, *more)


def test_from_pairs_to_negatives_to_a_model(run: Run, pairs: Path, tiny_models: TinyModels) -> None:
    """Every row is there, and training reads what was found."""
    bert = tiny_models.folder("bert")
    told = as_json(run(*arguments(pairs, bert, "--negatives", "3", "--margin", "0", "--json")))
    lines = [json.loads(line) for line in Path("mined/n.jsonl").read_text().splitlines()]
    before = [json.loads(line) for line in pairs.read_text().splitlines()]
    assert [line.get("pos", line.get("text")) for line in lines] == [
        line.get("pos", line.get("text")) for line in before
    ]
    counts = [len(line.get("neg", ())) for line in lines]
    assert max(counts) == 3
    assert told == {
        "out": str(Path("mined/n.jsonl")),
        **{"pairs": 20, "passages": 1},
        **{"negatives": sum(counts), "without": counts[:20].count(0)},
    }
    run_it = ("--length", "64", "--batch-pairs", "4", "--steps", "2", "--negatives", "2", "--json")
    train = ("train", "positions", "--pairs", "mined", "--out", "out", "--model", str(bert))
    hard = as_json(run(*train, "--dtype", "float32", *run_it))
    plain = ("train", "positions", "--pairs", str(pairs), "--out", "plain", "--model", str(bert))
    assert hard["tokens"] > 1.5 * as_json(run(*plain, "--dtype", "float32", *run_it))["tokens"]


def test_nothing_is_written_over(run: Run, pairs: Path, tiny_models: TinyModels) -> None:
    """Neither a file that is there, nor one that --pairs would not read."""
    bert = tiny_models.folder("bert")
    Path("mined").mkdir()
    Path("mined/n.jsonl").write_text("mine")
    result = run(*arguments(pairs, bert))
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert Path("mined/n.jsonl").read_text() == "mine"
    result = run(*arguments(pairs, bert, "--out", "mined/n.txt"))
    assert result.exit_code == 2
    assert "ends in .jsonl" in result.stderr


def test_ctrl_c_leaves_nothing(
    run: Run, pairs: Path, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half of a file, and one line."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mining, "_in_turn", stopped)
    result = run(*arguments(pairs, tiny_models.folder("bert")))
    assert result.exit_code == 130
    assert "nothing was written" in result.stderr
    assert list(Path("mined").iterdir()) == []
