"""``longembed-rag train``: each kind from end to end with a tiny model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from longembed_rag import LongEncoder
from longembed_rag.cli.train import train_command
from longembed_rag.training import loop, running, runs
from longembed_rag.training.checkpoint import read_state
from longembed_rag.training.texts import is_held_out
from tests.cli.conftest import as_json
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of
from tests.training.material import as_line, one_of, some_pairs, write_lines

Run = Callable[..., Result]
SHARED = ("--dtype", "float32", "--device", "cpu", "--warmup", "0", "--checkpoint-minutes", "0")
KINDS = {
    "positions": ("--length", "64", "--batch-pairs", "6", "--steps", "4"),
    "rotary": (
        *("--batch-tokens", "128", "--steps", "3", "--length-steps", "2"),
        *("--lengths", "48", "--document-tokens", "96"),
    ),
    "length": ("--lengths", "24,32", "--document-tokens", "96", "--steps", "3"),
}


@pytest.fixture
def pairs() -> Path:
    """A file of pairs, of which some are held out."""
    made = some_pairs(400, words=7)
    held_out = [pair for pair in made if is_held_out(pair.passage)][:3]
    chosen = [*(pair for pair in made if not is_held_out(pair.passage))][:20]
    assert len(held_out) == 3
    return write_lines(Path("pairs.jsonl"), [as_line(pair) for pair in (*chosen, *held_out)])


def arguments(kind: str, pairs: Path, *more: str) -> tuple[str, ...]:
    return ("train", kind, "--pairs", str(pairs), "--out", "out", *SHARED, *KINDS[kind], *more)


@pytest.mark.parametrize("kind", one_of("rotary"))
def test_from_pairs_to_a_model(kind: str, run: Run, pairs: Path) -> None:
    """One JSON value on stdout with the model, which reads; how it went on stderr."""
    result = run(*arguments(kind, pairs, "--json"))
    assert result.exit_code == 0, result.stderr
    found = as_json(result)
    assert {"model", "step", "tokens", "seconds"} <= set(found)
    assert found["step"] == {"positions": 4, "rotary": 2, "length": 3}[kind]
    assert Path(found["model"]).parts[0] == "out"
    lines = result.stderr.splitlines()
    assert lines[0] == "20 pairs of 1 source and 0 passages to learn from; 3 pairs held out"
    assert all(line.startswith("step ") for line in lines[1:])
    assert "tokens/s" in lines[1]
    encoder = LongEncoder.from_pretrained(found["model"], device="cpu", dtype="float32")
    longest = {"positions": 64, "rotary": 48, "length": 32}[kind]
    assert encoder.original_length == longest
    assert bool(np.isfinite(encoder.encode([text_of(60)]).embeddings).all())


@pytest.mark.parametrize("kind", one_of("length"))
def test_the_same_command_goes_on(
    kind: str, run: Run, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped with Ctrl-C it says what to do; given again, it begins at the checkpoint."""
    save = running.save_model

    def stopped(folder: Path, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "save_model", stopped)
    result = run(*arguments(kind, pairs, "--json"))
    assert result.exit_code == 130
    assert "the same command goes on from the last checkpoint" in result.stderr
    assert as_json(result)["error"]["type"] == "KeyboardInterrupt"
    monkeypatch.setattr(running, "save_model", save)
    again = run(*arguments(kind, pairs))
    assert again.exit_code == 0, again.stderr
    assert again.stderr.count("\nstep ") == (
        again.stderr.count(" of 2 ") if kind == "rotary" else 0
    )
    assert "use it with --model" in again.stdout


@pytest.mark.parametrize("kind", one_of("positions"))
def test_ctrl_c_in_the_middle_of_training(
    kind: str, run: Run, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update before it is saved, though a checkpoint was not due, and the next one follows."""
    options = ("--checkpoint-minutes", "1000", "--json")
    update = loop.Trainer._update
    done: list[int] = []

    def stopped(self: Any, batch: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return update(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "_update", stopped)
        result = run(*arguments(kind, pairs, *options))
    assert result.exit_code == 130
    folder = Path("out/distilled" if kind == "rotary" else "out")
    assert read_state(folder / loop.CHECKPOINT)["step"] == 2
    again = run(*arguments(kind, pairs, *options))
    assert again.exit_code == 0, again.stderr
    steps = int(KINDS[kind][KINDS[kind].index("--steps") + 1])
    lines = [json.loads(line) for line in (folder / loop.LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [steps, steps]


def test_the_two_parts_of_rotary(
    run: Run, pairs: Path, monkeypatch: pytest.MonkeyPatch, tiny_models: TinyModels
) -> None:
    """Long documents have a rate and a warm-up of theirs."""
    seen: list[dict[str, Any]] = []
    model = running.Trained(tiny_models.folder("gte"), loop.Progress(1, 1, 1, 1.0, {}))

    def look(*given: Any, **options: Any) -> running.Trained:
        seen.append(options)
        return model

    monkeypatch.setattr(runs, "distil_rotary", look)
    monkeypatch.setattr(runs, "train_length", look)
    more = (
        "--steps",
        "11",
        "--warmup",
        "3",
        "--length-rate",
        "0.5",
        "--seed",
        "4",
        "--share",
        "0.4",
        "--half",
    )
    for steps, warmup in (("150", 15), ("1000", 20)):
        result = run(*arguments("rotary", pairs, *more, "--length-steps", steps))
        assert result.exit_code == 0, result.stderr
        short, long = seen[-2:]
        assert short["mixture"].batch_tokens == 128
        assert (short["options"].steps, short["options"].warmup_steps) == (11, 3)
        assert (long["options"].steps, long["options"].warmup_steps) == (int(steps), warmup)
        assert long["options"].learning_rate == 0.5
        assert short["options"].seed == long["options"].seed == 4
        assert (long["documents"].lengths, long["documents"].batch_tokens) == ((48,), 96)
        assert long["documents"].weights == (1.0,)
        assert (short["half"], long["half"]) == (False, True)
        assert long["share"] == 0.4
    result = run(*arguments("rotary", pairs, *more, "--length-steps", "0"))
    assert result.exit_code == 0, result.stderr
    assert seen[-1]["half"]


@pytest.mark.parametrize("kind", KINDS)
def test_help_tells_the_defaults(kind: str) -> None:
    """Every default that the help states is the one that is taken."""
    told = 0
    for option in train_command.commands[kind].params:
        found = re.search(r"\[default: ([^\]]+)\]", getattr(option, "help", None) or "")
        if found is None or not isinstance(option.default, (int, float, str, tuple)):
            continue
        default = option.default[0] if isinstance(option.default, tuple) else option.default
        stated = found[1] if isinstance(default, str) else float(found[1].replace(",", ""))
        assert stated == default, option.name
        told += 1
    assert told >= 6


def test_text_output_names_the_model(run: Run, pairs: Path) -> None:
    """With what was measured last, and how to use it."""
    result = run(*arguments("positions", pairs))
    model = Path("out/model")
    assert result.stdout.startswith(f"{model}: 4 updates, ")
    assert "accuracy@middle" in result.stdout
    assert result.stdout.splitlines()[-1] == f"use it with --model {model}"


def test_documents_far_apart(run: Run, pairs: Path, tiny_models: TinyModels) -> None:
    """Positions that skip: the model says how far; how far is refused where nothing skips."""
    more = ("--model", str(tiny_models.folder("gte")), "--positions", "pose", "--reach", "300")
    found = as_json(run(*arguments("length", pairs, *more, "--json")))
    assert LongEncoder.from_pretrained(found["model"], device="cpu").original_length == 300
    result = run(*arguments("length", pairs, "--reach", "300"))
    assert result.exit_code == 2
    assert "reach=300 says how far positions skip" in result.stderr


def test_rotary_without_long_documents(run: Run, pairs: Path) -> None:
    """The distilled student is the model then, and reads what its teacher read."""
    result = run(*arguments("rotary", pairs, "--length-steps", "0", "--json"))
    assert result.exit_code == 0, result.stderr
    assert Path(as_json(result)["model"]) == Path("out/distilled/model")
    assert not Path("out/long").exists()


def test_a_teacher_of_its_own(run: Run, pairs: Path, tiny_models: TinyModels) -> None:
    """Short texts may be kept near another model with as many layers."""
    folder = str(tiny_models.calm("bert"))
    result = run(*arguments("length", pairs, "--teacher", folder, "--json"))
    assert result.exit_code == 0, result.stderr
    log = Path("out/log.jsonl").read_text().splitlines()
    assert all(json.loads(line)["states"] > 0.01 for line in log if '"loss"' in line)


def test_sources_can_be_held_out(run: Run, pairs: Path) -> None:
    """And are counted as such; one that is not there is named."""
    write_lines(Path("other.jsonl"), [as_line(pair) for pair in some_pairs(5)])
    more = ("--pairs", "other.jsonl", "--hold-out")
    result = run(*arguments("positions", pairs, *more, "other"))
    assert result.exit_code == 0, result.stderr
    assert "20 pairs of 1 source" in result.stderr
    assert "; 8 pairs held out" in result.stderr
    result = run(*arguments("positions", pairs, *more, "another"))
    assert result.exit_code == 2
    assert "no pairs of the source another" in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_pairs_are_named(kind: str, run: Run, pairs: Path) -> None:
    """File and line, before anything is written; as JSON too."""
    with pairs.open("a") as file:
        file.write('{"query": "q"}\n')
    result = run(*arguments(kind, pairs, "--json"))
    assert result.exit_code == 1
    assert "error: pairs.jsonl, line 24: neither a pair" in result.stderr
    assert as_json(result)["error"]["type"] == "ReadError"
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("positions", ("--length", "32"), "length=32 must be more than the 32 tokens"),
        ("positions", ("--batch-pairs", "21"), "batch_pairs=21"),
        ("positions", ("--model", "nowhere/at/all"), "nowhere/at/all"),
        ("length", ("--lengths", "32,64"), "make it longer first (train positions)"),
        ("length", ("--lengths", "many"), "'many' is not a number of tokens"),
        ("rotary", ("--lengths", "64,0"), "'0' is not a number of tokens"),
        ("length", ("--lengths", "64:0"), "'0' does not say how often 64 is wanted"),
        ("rotary", ("--lengths", "64:x"), "'x' does not say how often 64 is wanted"),
        ("length", ("--lengths", ":2"), "is not a number of tokens"),
        ("positions", ("--steps", "0"), "--steps"),
        ("rotary", ("--theta", "1"), "--theta"),
        ("rotary", ("--table", "pi"), "--table"),
    ],
)
def test_wrong_requests_exit_with_2(
    kind: str, more: tuple[str, ...], told: str, run: Run, pairs: Path
) -> None:
    """What has to change is named."""
    result = run(*arguments(kind, pairs, *more))
    assert result.exit_code == 2
    assert told in result.stderr


def test_wrong_lengths_are_told_before_the_distillation(run: Run, pairs: Path) -> None:
    """Not after hours of it; nor how far positions skip."""
    for more in (
        ("--lengths", "many"),
        ("--reach", "64"),
        ("--positions", "pose", "--reach", "48"),
    ):
        assert run(*arguments("rotary", pairs, *more)).exit_code == 2
    assert not Path("out").exists()


def test_no_lengths_at_all(run: Run, pairs: Path) -> None:
    """Lengths of which none is named are refused."""
    result = run("train", "length", "--pairs", str(pairs), "--out", "out", "--lengths", ",")
    assert result.exit_code == 2
    assert "must be one at least" in result.stderr


def test_models_that_cannot_be_trained(run: Run, pairs: Path, tiny_models: TinyModels) -> None:
    """A rotary model has no table to tune, and makes no rotary student."""
    for kind, told in (("positions", "no position table"), ("rotary", "made of a BERT")):
        result = run(*arguments(kind, pairs, "--model", str(tiny_models.folder("gte"))))
        assert result.exit_code == 2
        assert told in result.stderr


def test_another_run_in_the_folder_is_refused(run: Run, pairs: Path) -> None:
    """With what has changed; nothing is overwritten."""
    assert run(*arguments("positions", pairs)).exit_code == 0
    before = Path("out/checkpoint.safetensors").read_bytes()
    result = run(*arguments("positions", pairs, "--seed", "1", "--table", "rp"))
    assert result.exit_code == 2
    assert "other settings (method, seed)" in result.stderr
    assert Path("out/checkpoint.safetensors").read_bytes() == before


def test_pairs_and_out_are_needed(run: Run) -> None:
    """Wrong use is told as JSON too."""
    result = run("train", "positions", "--json")
    assert result.exit_code == 2
    assert "--pairs" in as_json(result)["error"]["message"]
    result = run("train", "nonsense", "--json")
    assert result.exit_code == 2
    assert "nonsense" in as_json(result)["error"]["message"]


def test_the_environment_and_the_file_say_which_model(
    run: Run, pairs: Path, tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model may stand in LONGEMBED_MODEL; how to train may not stand in the file."""
    monkeypatch.setenv("LONGEMBED_MODEL", str(tiny_models.folder("roberta")))
    result = run(*arguments("positions", pairs, "--json"))
    assert result.exit_code == 0, result.stderr
    config = json.loads((Path(as_json(result)["model"]) / "config.json").read_text())
    assert config["model_type"] == "roberta"
    Path("longembed.toml").write_text("steps = 3\n")
    result = run(*arguments("positions", pairs))
    assert result.exit_code == 2
    assert "steps" in result.stderr
