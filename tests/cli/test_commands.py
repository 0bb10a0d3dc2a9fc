"""The commands as users run them, with a tiny real model and an embedded store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from longembed_rag.encoder.forward import Forward
from longembed_rag.store.store import DocumentStore
from tests.cli.conftest import Run, as_json
from tests.families import ORIGINAL_LENGTH
from tests.models import TinyModels


def test_ingest_then_search_then_info(run: Run, documents: Path) -> None:
    """The main path: files in, documents with passages out, and the collection described."""
    ingested = run("ingest", "documents", "--json")
    assert ingested.exit_code == 0, ingested.stderr
    report = as_json(ingested)
    numbers = [report[key] for key in ("added", "updated", "unchanged", "deleted")]
    assert numbers == [3, 0, 0, 0]
    assert report["failed"] == []
    assert report["tokens"] > ORIGINAL_LENGTH
    assert report["collection"] == "documents"

    found = as_json(run("search", "apples", "-k", "2", "--json"))
    assert (found["query"], found["mode"], len(found["results"])) == ("apples", "hybrid", 2)
    for result in found["results"]:
        assert Path(result["source"]).is_relative_to(documents)
        start, end = result["span"]
        assert 0 <= start < end
        assert result["passage"]
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)

    info = as_json(run("info", "--json"))
    assert info["documents"] == 3
    assert info["tokens"] == report["tokens"]
    assert info["fingerprint"] == report["fingerprint"]
    assert {
        "collection", "model", "settings", "dense_vector", "dimension", "location", "version",
        "passages", "sparse_vector", "options", "engine"
    } <= set(info)  # fmt: skip


def test_ingest_again_follows_the_files(run: Run, documents: Path) -> None:
    """Unchanged files are passed over, changed ones replaced, missing ones deleted."""
    run("ingest", "documents")
    (documents / "note.md").write_text("# Note\n\nNow it is about plums.\n")
    (documents / "more" / "page.html").unlink()
    result = run("ingest", "documents")
    assert result.exit_code == 0
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert f"unchanged  {Path('documents', 'lease.txt')}" in lines
    assert any(line.startswith(f"updated  {Path('documents', 'note.md')}  ") for line in lines)
    assert f"deleted  {Path('documents', 'more', 'page.html')}" in lines
    assert lines[-1].startswith("1 updated, 1 unchanged, 1 deleted; ")


def test_failed_files_are_named_and_the_others_done(run: Run, documents: Path) -> None:
    """A damaged file ends with exit code 1, one line and one entry; the rest is in."""
    (documents / "broken.pdf").write_bytes(b"no pdf")
    result = run("ingest", "documents", "--json")
    assert result.exit_code == 1
    report = as_json(result)
    assert report["added"] == 3
    assert [Path(failure["source"]).name for failure in report["failed"]] == ["broken.pdf"]
    line = next(line for line in result.stderr.splitlines() if line.startswith("failed "))
    assert line.startswith(f"failed {Path('documents', 'broken.pdf')}: ")
    assert as_json(run("info", "--json"))["documents"] == 3


def test_truncation_is_said_once_with_both_numbers(run: Run, documents: Path) -> None:
    """Under truncation the document and both counts are named, on stderr and in the report."""
    result = run("ingest", "documents", "--method", "truncate", "--json")
    assert result.exit_code == 0
    (cut,) = as_json(result)["truncated"]
    assert cut["source"] == str(documents / "lease.txt")
    assert cut["tokens_read"] == ORIGINAL_LENGTH < cut["tokens"]
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert str(Path("documents", "lease.txt")) in warning
    assert f"{cut['tokens_read']:,} of its {cut['tokens']:,} tokens" in warning


def test_an_unknown_script_is_said_once(run: Run, documents: Path) -> None:
    """A note of ingest and of its dry run, in the report too, and no warning beside it."""
    (documents / "note.md").write_text("\u3042 \u3044 \u3046 apples", encoding="utf-8")
    result = run("ingest", "documents", "--json")
    assert result.exit_code == 0
    (note,) = as_json(result)["notes"]
    assert note["source"] == str(documents / "note.md")
    assert "3 of 11 tokens are unknown to the model" in note["note"]
    assert result.stderr.count("unknown to the model") == 1
    shown = run("ingest", str(documents / "note.md"), "--dry-run", "--json")
    assert as_json(shown)["steps"][0]["tokens_unknown"] == 3
    assert shown.stderr.count("3 of 11 tokens are unknown") == 1


def test_a_collection_keeps_its_settings(run: Run, documents: Path) -> None:
    """After an ingest with flags, plain search and ingest go on with the same settings."""
    first = as_json(run("ingest", "documents", "--method", "gp", "--max-length", "256", "--json"))
    Path("longembed.toml").unlink()  # not even the model is named any more
    assert run("search", "apples", "--json").exit_code == 0
    again = run("ingest", "documents", "--json")
    assert as_json(again)["unchanged"] == 3
    assert as_json(again)["fingerprint"] == first["fingerprint"]
    assert as_json(again)["method"] == "gp"


@pytest.mark.parametrize("command", ["search", "ingest", "info"])
def test_other_settings_are_refused_naming_both(run: Run, documents: Path, command: str) -> None:
    """Vectors of different settings never meet: exit code 2 and both values in the message."""
    run("ingest", "documents", "--method", "gp")
    target = {"search": ["apples"], "ingest": ["documents"], "info": []}[command]
    result = run(command, *target, "--method", "pi", "--json")
    assert result.exit_code == 2
    error = as_json(result)["error"]
    assert error["type"] == "CollectionMismatchError"
    assert "'gp'" in error["message"]
    assert "'pi'" in error["message"]


def test_another_model_is_refused(run: Run, documents: Path, tiny_models: TinyModels) -> None:
    """A model of another family is refused for being another, not for a detail of its settings."""
    run("ingest", "documents", "--method", "rp")
    other = str(tiny_models.folder("modernbert"))
    result = run("search", "apples", "--model", other, "--json")
    assert result.exit_code == 2
    assert as_json(result)["error"]["type"] == "CollectionMismatchError"


def test_info_does_not_check_the_file(run: Run, documents: Path) -> None:
    """A longembed.toml that disagrees must not hide what the collection holds."""
    run("ingest", "documents", "--method", "gp")
    with Path("longembed.toml").open("a") as file:
        file.write('method = "pi"\n')
    result = run("info", "--json")
    assert result.exit_code == 0
    assert as_json(result)["description"]["method"] == "gp"


@pytest.mark.parametrize("arguments", [["search", "apples"], ["info"]])
def test_nothing_ingested_yet(run: Run, arguments: list[str]) -> None:
    """Looking into a store that is not there says how to make one, and makes none."""
    Path("plain").mkdir()
    for path in ("nowhere", "plain"):
        result = run(*arguments, "--path", path)
        assert result.exit_code == 2
        assert "longembed-rag ingest" in result.stderr
    assert not Path("nowhere").exists()
    assert list(Path("plain").iterdir()) == []


def test_unknown_collection(run: Run, documents: Path) -> None:
    """A collection that the store does not hold is named."""
    run("ingest", "documents")
    result = run("search", "apples", "--collection", "reports")
    assert result.exit_code == 2
    assert "'reports'" in result.stderr


@pytest.mark.parametrize("query", ["", "  \n"])
def test_empty_query(run: Run, query: str) -> None:
    """A query without anything in it is wrong use."""
    result = run("search", query)
    assert result.exit_code == 2
    assert "QUERY" in result.stderr


def test_interrupted_ingest_keeps_what_is_done(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second pass: what the first one read is stored, and the message says so."""
    whole, write = Forward.encode_documents, DocumentStore.upsert
    is_written = Event()
    passes: list[int] = []

    def interrupted(self: Forward, given: Sequence[Any], **options: Any) -> Any:
        if options.get("on_progress"):  # not the text that the model's mean token is taken of
            passes.append(len(given))
        if len(passes) == 2:
            assert is_written.wait(30)
            raise KeyboardInterrupt
        return whole(self, given, **options)

    def upsert(self: DocumentStore, document: Any) -> None:
        write(self, document)
        is_written.set()

    monkeypatch.setattr(Forward, "encode_documents", interrupted)
    monkeypatch.setattr(DocumentStore, "upsert", upsert)
    result = run("ingest", "documents", "--batch-tokens", "1")
    assert result.exit_code == 130
    assert "every document that was finished is stored" in result.stderr
    assert as_json(run("info", "--json"))["documents"] == 1


DRY = ("ingest", "documents", "--dry-run")


def test_a_dry_run_counts_without_weights(
    run: Run, documents: Path, tiny_models: TinyModels
) -> None:
    """Tokens, plan and coverage per file, from a model folder that has no weights at all."""
    model = tiny_models.copy("bert", "weightless")
    for weights in model.glob("*.safetensors"):
        weights.unlink()
    (documents / "broken.pdf").write_bytes(b"no pdf")
    (documents / "picture.png").write_bytes(b"")
    result = run(*DRY, "--model", str(model), "--method", "gp", "--json")
    assert result.exit_code == 1
    value = as_json(result)
    assert (value["method"], value["original_length"]) == ("gp", ORIGINAL_LENGTH)
    assert {"model", "family", "method_reason", "max_length"} <= set(value)
    by_name = {Path(step["source"]).name: step for step in value["steps"]}
    assert set(by_name) == {"lease.txt", "note.md", "page.html"}
    lease = by_name["lease.txt"]
    assert lease["action"] == "add"
    assert lease["tokens"] == lease["tokens_read"] > ORIGINAL_LENGTH
    assert lease["plan"]["scale"] >= lease["tokens"] / ORIGINAL_LENGTH
    assert lease["plan_in_words"]
    assert by_name["note.md"]["plan"]["scale"] == 1
    assert [Path(failure["source"]).name for failure in value["failed"]] == ["broken.pdf"]
    assert [Path(source).name for source in value["skipped"]["names"]] == ["picture.png"]


def test_a_dry_run_for_people(run: Run, documents: Path) -> None:
    """A table with one line per file, and a warning when something would not be read."""
    result = run(*DRY, "--method", "truncate")
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "lease.txt" in line)
    assert row.startswith("add")
    assert "%" in row
    assert "all" in next(line for line in result.stdout.splitlines() if "note.md" in line)
    assert "would not be read" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("pcw", f"as they are, longer ones in windows of {ORIGINAL_LENGTH}, which are averaged."),
        ("truncate", f"as they are, of longer ones the first {ORIGINAL_LENGTH}."),
        ("gp", "as they are, longer ones of up to 32,768 in one go."),
        (f"gp --max-length {ORIGINAL_LENGTH}", "in one go."),
    ],
)
def test_a_dry_run_says_what_is_read_at_once(
    run: Run, documents: Path, options: str, said: str
) -> None:
    """Only a method that stretches positions is said to read beyond them in one go."""
    result = run(*DRY, "--method", *options.split())
    shown = " ".join(result.stdout.split())
    assert f"reads texts of up to {ORIGINAL_LENGTH} tokens {said}" in shown


@pytest.mark.parametrize("prompt", ["the lease: ", "the lease:\n", "  "])
def test_a_dry_run_names_one_number_of_windows(
    run: Run, documents: Path, tiny_models: TinyModels, prompt: str
) -> None:
    """The plan's windows are the file's, also where a prompt's last blank joins the first word."""
    model = str(tiny_models.folder("xlm-roberta"))
    for words in range(20, 60):
        (documents / f"{words}.txt").write_text("lease " * words)
    options = ("--model", model, "--method", "pcw", "--document-prompt", prompt)
    steps = as_json(run(*DRY, *options, "--json"))["steps"]
    assert len({step["windows"] for step in steps}) > 1
    assert all(step["plan"]["windows"] == step["windows"] for step in steps)


def test_a_dry_run_reads_as_the_collection_does(run: Run, documents: Path) -> None:
    """Settings come from the collection's record, and others are refused as an ingest would."""
    run("ingest", "documents", "--method", "gp")
    Path("longembed.toml").unlink()
    value = as_json(run(*DRY, "--json"))
    assert (value["method"], value["unchanged"]) == ("gp", 3)
    assert all(step["method"] == "gp" for step in value["steps"])
    refused = run(*DRY, "--method", "pi", "--json")
    assert refused.exit_code == 2
    assert as_json(refused)["error"]["type"] == "CollectionMismatchError"


def test_skipped_files_have_one_shape(run: Run, documents: Path) -> None:
    """Before and after, files that no reader takes are counted and named in the same way."""
    picture = documents / "picture.png"
    picture.write_bytes(b"")
    for flags in (["--dry-run"], []):
        skipped = as_json(run("ingest", "documents", *flags, "--json"))["skipped"]
        assert skipped == {"count": 1, "names": [str(picture)]}


def test_info_for_people_tells_what_made_the_vectors(run: Run, documents: Path) -> None:
    """Settings that change no vector are not among them."""
    run("ingest", "documents", "--batch-tokens", "2048")
    _, made = run("info").stdout.split("How its vectors were made:")
    names = {
        line.split()[0] for line in made.splitlines() if line.startswith("  ") and line[2:3].strip()
    }
    assert {"method", "pooling", "original_length"} <= names
    assert not names & {"model_path", "device", "dtype", "batch_tokens"}


def test_models_marks_the_default_and_explains_auto(run: Run) -> None:
    """Every preset with its prompts, the method that auto picks and why; one is the default."""
    value = as_json(run("models", "--json"))
    (default,) = [model for model in value["models"] if model["default"]]
    assert any(name.endswith(value["default"]) for name in default["names"])
    assert all(model["method"] != "auto" and model["method_reason"] for model in value["models"])
    rotary = [model for model in value["models"] if model["positions"] == "rotary"]
    notes = [model["base_note"] for model in rotary if model["base_note"] is not None]
    assert all("is enough for" in note for note in notes)
    assert len(notes) > len(rotary) / 2  # of the others the base is not known without their files
    assert {model["base_note"] for model in value["models"] if model not in rotary} == {None}
    shown = run("models").stdout
    assert next(line for line in shown.splitlines() if value["default"] in line).startswith("*")


def test_settings_that_do_not_fit_are_refused(run: Run, documents: Path) -> None:
    """A method that the model cannot do is wrong use, told in one line with what it can do."""
    result = run("ingest", "documents", "--method", "ntk")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "pcw" in result.stderr
    assert len(result.stderr.splitlines()) == 1
