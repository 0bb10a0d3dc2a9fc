"""The command ``eval``: exit codes, what stands where, and that it goes on."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path
from typing import Any

import pytest

from longembed_eval import Request, Spread
from longembed_eval.systems.words import WordSystem
from longembed_rag.errors import LongEmbedError
from tests.cli.conftest import Run, as_json
from tests.models import TinyModels
from tests.tokenizers_of_tests import text_of

COSTS = {"tokens_per_second", "vectors_per_document", "query_ms", "peak_memory_bytes"}


@pytest.fixture
def data() -> str:
    """A folder of four documents and queries; its name, below the working directory."""
    folder = Path("my queries")
    write_task(folder)
    return str(folder)


def write_task(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = ("zurich", "oslo", "lima", "cairo")
    rows = [{"_id": n, "title": n, "text": text_of(50, i)} for i, n in enumerate(names)]
    queries = [{"_id": f"q-{n}", "text": f"what of {n}?"} for n in names]
    for name, values in (("corpus", rows), ("queries", queries)):
        lines = [json.dumps(value) for value in values]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "qrels.tsv").write_text("".join(f"q-{n}\t{n}\t1\n" for n in names))


def shown(run: Run, *arguments: str) -> str:
    result = run("eval", *arguments, "--systems", "bm25", "--json")
    assert result.exit_code == 0, result.stderr
    return str(as_json(result)["command"])


def test_json_is_one_value_and_nothing_else(run: Run, data: str) -> None:
    """Every row with system, task, metrics and costs; progress goes to stderr."""
    result = run("eval", "--data", data, "--systems", "bm25,truncate,chunked", "--json")
    assert result.exit_code == 0
    values = as_json(result)
    assert [(row["system"], row["task"]) for row in values["results"]] == [
        (name, "my queries") for name in ("bm25", "truncate", "chunked")
    ]
    for row in values["results"]:
        assert 0 <= row["metrics"]["ndcg@10"] <= 100
        assert row["cost"].keys() >= COSTS
    assert values["results"][0]["metrics"]["accuracy@1"] == 100
    assert values["failed"] == []
    assert "[1/3] my queries  bm25" in result.stderr
    assert "[3/3] my queries  chunked" in result.stderr
    written = json.loads(Path("longembed-eval/results.json").read_text(encoding="utf-8"))
    assert written == values


def test_people_read_a_table_and_where_the_report_is(run: Run, data: str) -> None:
    """Systems below each other, the metric, and the path relative to where they are."""
    result = run("eval", "--data", data, "--systems", "bm25,truncate")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["system", "my", "queries"]
    assert lines[1].split() == ["bm25", "100.0"]
    assert lines[2].split()[0] == "truncate"
    assert "my queries ndcg@10" in result.stdout
    assert lines[-1] == "read longembed-eval/report.html"
    for name in ("report.html", "results.md", "results.json"):
        assert Path("longembed-eval", name).stat().st_size > 100


def test_the_same_again_goes_on(run: Run, data: str) -> None:
    """What was run is kept; another system is run beside it."""
    arguments = ("eval", "--data", data, "--out", "here", "--systems")
    assert "kept from before" not in run(*arguments, "bm25,truncate").stderr
    again = run(*arguments, "bm25,truncate,pcw")
    assert again.stderr.count("kept from before") == 2
    assert again.exit_code == 0


def test_options_reach_what_they_are_for(run: Run, data: str) -> None:
    """Window, overlap, depth, passages and the encoder's own settings."""
    options = ("--window", "16", "--overlap", "2", "--depth", "12", "--passage-tokens", "9")
    result = run(
        "eval",
        "--data",
        data,
        "--systems",
        "chunked",
        "--systems",
        "pcw:max_length=40",
        *options,
        "--document-prompt",
        "passage: ",
        "--json",
    )
    chunked, pcw = (row["settings"] for row in as_json(result)["results"])
    assert (chunked["window"], chunked["overlap"], chunked["depth"]) == (16, 2, 12)
    assert (pcw["max_length"], pcw["passage_tokens"]) == (40, 9)
    assert chunked["document_prompt"] == pcw["document_prompt"] == "passage: "
    assert "recall@12" in as_json(result)["results"][0]["metrics"]


def test_lengths_and_seed_make_tasks(run: Run) -> None:
    """One task a length, each once; names may carry one."""
    result = run(
        "eval",
        "--tasks",
        "passkey,passkey-80",
        "--lengths",
        "96,64",
        "--lengths",
        "96",
        "--systems",
        "bm25",
        "--json",
    )
    tasks = [row["task"] for row in as_json(result)["results"]]
    assert tasks == ["passkey-96", "passkey-64", "passkey-80"]


def test_documents_of_ones_own(run: Run) -> None:
    """Without any labels."""
    folder = Path("reports")
    folder.mkdir()
    chance = random.Random(0)
    words = ("harbour", "mooring", "captain", "anchor", "lantern", "compass", "estuary", "freight")
    for i in range(4):
        lines = [
            f"{' '.join(chance.choices(words, k=9)).capitalize()} at {chance.randrange(10**6)}."
            for _ in range(40)
        ]
        (folder / f"{i}.txt").write_text(" ".join(lines))
    result = run("eval", "--docs", "reports", "--systems", "bm25", "--json")
    assert result.exit_code == 0, result.stderr
    (row,) = as_json(result)["results"]
    assert row["by_depth"]


def test_a_system_that_fails_ends_with_one(
    run: Run, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is there, in JSON as well; the reason stands on stderr."""

    def fail(self: object, documents: object, **options: Any) -> None:
        raise LongEmbedError("no words today")

    monkeypatch.setattr(WordSystem, "index", fail)
    result = run("eval", "--data", data, "--systems", "bm25,truncate", "--json")
    assert result.exit_code == 1
    values = as_json(result)
    assert [row["system"] for row in values["results"]] == ["truncate"]
    assert values["failed"][0]["reason"] == "no words today"
    assert "failed my queries  bm25: no words today" in result.stderr
    assert "no words today" in Path("longembed-eval/results.md").read_text(encoding="utf-8")
    alone = run("eval", "--data", data, "--systems", "bm25", "--json")
    assert alone.exit_code == 1
    assert as_json(alone) == {"error": {"type": "LongEmbedError", "message": "no words today"}}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tasks", "passky"], "did you mean 'passkey'"),
        (["--data", "my queries", "--systems", "bm52"], "did you mean 'bm25'"),
        (["--data", "my queries", "--systems", "ntk"], "ntk"),
        (["--data", "my queries", "--systems", "chunked:window=2"], "window=2"),
        (["--data", "my queries", "--systems", "bm25:language=klingon"], "klingon"),
        (["--data", "my queries", "--language", "klingon"], "klingon"),
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--data", "empty"], "corpus.jsonl"),
        (["--docs", "nowhere"], "nowhere does not exist"),
        (["--data", "my queries", "--model", "./nowhere"], "does not exist"),
        ([], "no task was given"),
        (["--tasks", "passkey", "--lengths", "many"], "'many' is not a number"),
        (["--data", "my queries", "--depth", "5"], "5"),
        (["--data", "my queries", "--url", "http://localhost:1"], "--through qdrant"),
    ],
)
def test_wrong_requests_end_with_two(run: Run, data: str, arguments: list[str], told: str) -> None:
    """The request has to change: one line that says how, and nothing is made."""
    Path("empty").mkdir()
    result = run("eval", *arguments)
    assert told in result.stderr
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not Path("longembed-eval").exists()
    parsed = as_json(run("eval", *arguments, "--json"))
    assert parsed.keys() == {"error"}
    assert told in parsed["error"]["message"]


def test_a_missing_extra_is_one_line(run: Run, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(
        "longembed_eval.extras.find_spec", lambda name: None if name == "psutil" else object()
    )
    result = run("eval", "--data", data, "--json")
    assert as_json(result)["error"]["type"] == "MissingDependencyError"
    assert result.stderr.startswith("error: psutil must be installed")
    assert "longembed-rag[eval]" in result.stderr
    assert result.exit_code != 0


def test_the_command_is_shown_without_folders(run: Run, data: str) -> None:
    """Only the name of a folder is anybody's business; what the file says is not repeated."""
    elsewhere = Path("private", "tasks", "mine").resolve()
    write_task(elsewhere)
    command = shown(run, "--data", str(elsewhere), "--seed", "3", "--out", "x")
    assert command == "longembed-rag eval --data mine --seed 3 --systems bm25"


def test_the_command_shows_no_folder_of_a_model(
    run: Run, data: str, tiny_models: TinyModels
) -> None:
    """A model is called as its folder is."""
    folder = tiny_models.folder("bert")
    command = shown(run, "--data", data, "--model", str(folder))
    assert str(folder.parent) not in command
    assert "--model bert" in command


def test_the_command_can_be_typed_again(run: Run, data: str) -> None:
    """Flags that are off, prompts with spaces and quotes: as a shell would read them."""
    arguments = ["--data", data, "--no-normalize", "--query-prompt", 'say "it": ', "--window", "9"]
    words = shlex.split(shown(run, *arguments))
    assert words[:2] == ["longembed-rag", "eval"]
    assert "--no-normalize" in words
    assert "False" not in words
    assert words[words.index("--query-prompt") + 1] == 'say "it": '
    assert words[words.index("--data") + 1] == data
    assert words[words.index("--window") + 1] == "9"


def test_help_lists_what_there_is(run: Run) -> None:
    """Every option under its heading, tasks, systems, and examples; the program lists it."""
    text = run("eval", "--help").stdout
    for word in (
        "--tasks",
        "--data",
        "--docs",
        "--systems",
        "--through",
        "--window",
        "--json",
        "--max-length",
        "passkey",
        "chunked_mean",
        "Examples:",
        "Tasks:",
        "Systems:",
    ):
        assert word in text
    assert "eval" in run("--help").stdout


def test_a_cluster_is_asked_for_by_ray(
    run: Run, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this machine where no address is given; how many processes is nothing without it."""
    asked: list[Request] = []

    def fail(request: Request, **options: Any) -> None:
        asked.append(request)
        raise LongEmbedError("not today")

    monkeypatch.setattr("longembed_eval.evaluate", fail)
    run("eval", "--data", data)
    run("eval", "--data", data, "--ray", "--workers", "3")
    run("eval", "--ray", "auto", "--gpus", "2", "--data", data)
    assert [request.spread for request in asked] == [
        None,
        Spread(workers=3),
        Spread(address="auto", gpus=2),
    ]
    assert asked[1].command.endswith("--ray local --workers 3")
    result = run("eval", "--data", data, "--workers", "3")
    assert (result.exit_code, len(asked)) == (2, 3)
    assert "--ray" in result.stderr


def test_stopping_tells_how_to_go_on(run: Run, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130 and one line; the same command then goes on."""

    def stop(self: object, documents: object, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WordSystem, "index", stop)
        result = run("eval", "--data", data, "--systems", "truncate,bm25")
    assert result.exit_code == 130
    assert "the same command goes on from here" in result.stderr
    again = run("eval", "--data", data, "--systems", "truncate,bm25")
    assert again.exit_code == 0
    assert again.stderr.count("kept from before") == 1
