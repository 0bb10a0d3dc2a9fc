"""Which files are taken, and what changed since, as the command line says it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longembed_rag.encoder.encoder import LongEncoder
from tests.cli.conftest import Run, as_json


@pytest.fixture(autouse=True)
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were changed just now count as being at rest."""
    monkeypatch.setattr("longembed_rag.files.stamps._UNSURE", -60_000_000_000)


def names(run: Run) -> str:
    """The files that the collection holds."""
    listed = as_json(run("list", "--json"))["documents"]
    return " ".join(sorted(Path(each["source"]).name for each in listed))


def test_flags_select_and_what_they_pass_over_is_told(run: Run, documents: Path) -> None:
    """In a line with the patterns, and in JSON one by one; a dry run tells the same."""
    (documents / "log.txt").write_text("a log")
    arguments = ("ingest", "documents", "--exclude", "log.*", "--exclude", "more/")
    plan = as_json(run(*arguments, "--dry-run", "--json"))
    assert plan["added"] == 2
    result = run(*arguments, "--json")
    report = as_json(result)
    assert report["excluded"] == plan["excluded"]
    assert report["excluded"] == [
        {"source": str(documents / "log.txt"), "reason": "exclude: log.*"},
        {"source": str(documents / "more"), "reason": "exclude: more/"},
    ]
    assert "passed over: exclude: log.* (1); exclude: more/ (1)\n" in result.stderr
    assert names(run) == "lease.txt note.md"
    assert as_json(run("ingest", "documents", "--include", "*.md", "--json"))["deleted"] == 1
    assert names(run) == "note.md"


def test_variables_and_the_file_select_too(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list in longembed.toml, a path's separator in a variable; a flag takes their place."""
    config = Path("longembed.toml")
    config.write_text(config.read_text() + 'exclude = ["*.md", "more/"]\nall_text = true\n')
    (documents / "odd.xyz").write_text("odd text")
    run("ingest", "documents")
    assert names(run) == "lease.txt odd.xyz"
    monkeypatch.setenv("LONGEMBED_EXCLUDE", os.pathsep.join(["*.txt", "odd.*"]))
    run("ingest", "documents")
    assert names(run) == "note.md page.html"
    run("ingest", "documents", "--exclude", "note.md", "--no-all-text")
    assert "lease.txt" in names(run)


def test_a_pattern_that_is_no_list_or_none_is_named(run: Run, documents: Path) -> None:
    """In the file and as a flag; exit code 2."""
    result = run("ingest", "documents", "--exclude", "!")
    assert result.exit_code == 2
    assert "exclude='!' is not a pattern" in result.stderr
    config = Path("longembed.toml")
    config.write_text(config.read_text() + 'exclude = "*.md"\n')
    result = run("ingest", "documents")
    assert result.exit_code == 2
    assert "exclude = '*.md' should be a list" in result.stderr


def test_gitignore_is_followed_where_asked(run: Run, documents: Path) -> None:
    """And not unasked."""
    (documents / ".gitignore").write_text("*.md\n")
    run("ingest", "documents")
    assert "note.md" in names(run)
    run("ingest", "documents", "--gitignore")
    assert "note.md" not in names(run)


def test_reread_reads_what_is_as_it_was(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise not even damage on the disk would be seen."""
    run("ingest", "documents")
    from longembed_rag.files.reading import FileReader

    read = []
    real = FileReader._read
    monkeypatch.setattr(
        FileReader, "_read", lambda self, path: (read.append(path.name), real(self, path))[1]
    )
    assert as_json(run("ingest", "documents", "--json"))["unchanged"] == 3
    assert read == []
    assert as_json(run("ingest", "documents", "--reread", "--json"))["unchanged"] == 3
    assert len(read) == 3


def test_search_refreshes_where_asked(run: Run, documents: Path) -> None:
    """One line says what was done, JSON too; unasked nothing is looked at."""
    run("ingest", "documents", "--exclude", "draft*")
    (documents / "new.txt").write_text("Quinces are yellow.")
    (documents / "draft.txt").write_text("Quinces are blue.")
    (documents / "note.md").write_text("# Note\n\nNothing about fruit.\n")
    found = as_json(run("search", "quinces", "--mode", "sparse", "--json"))
    assert found["results"] == []
    assert "refreshed" not in found
    result = run("search", "quinces", "--mode", "sparse", "--refresh")
    assert "refreshed: 1 added, 1 updated" in result.stderr
    assert "new.txt" in result.stdout
    assert "draft.txt" not in result.stdout
    result = run("search", "quinces", "--mode", "sparse", "--refresh", "--json")
    assert as_json(result)["refreshed"] == {
        "folders": [str(documents)],
        "missing": [],
        "report": None,
    }
    assert "refreshed" not in result.stderr
    config = Path("longembed.toml")
    config.write_text(config.read_text() + "refresh = true\n")
    (documents / "new.txt").unlink()
    result = run("search", "quinces", "--mode", "sparse", "--json")
    assert as_json(result)["refreshed"]["report"]["deleted"] == 1
    assert as_json(result)["results"] == []


def test_a_refresh_without_changes_loads_no_model(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a word search does not, either."""
    run("ingest", "documents")

    def load(*arguments: object, **options: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(LongEncoder, "from_settings", load)
    result = run("search", "apples", "--mode", "sparse", "--refresh")
    assert result.exit_code == 0
    assert "note.md" in result.stdout


def test_where_the_folders_are_not_known_a_search_says_so(run: Run, documents: Path) -> None:
    """And searches on; so it does where a folder is not there."""
    run("ingest", "documents")
    (kept,) = Path(".longembed").glob("longembed.seen-*.json")
    whole = kept.read_text()
    kept.unlink()
    result = run("search", "apples", "--mode", "sparse", "--refresh")
    assert result.exit_code == 0
    assert "ingest them once from this machine" in result.stderr
    assert "note.md" in result.stdout
    kept.write_text(whole)
    documents.rename("elsewhere")
    result = run("search", "apples", "--mode", "sparse", "--refresh")
    assert "note: documents is not there; its documents stay" in result.stderr
    assert "note.md" in result.stdout


def test_an_emptied_folder_ends_a_refresh_with_an_error(run: Run, documents: Path) -> None:
    """Nothing is deleted for a share that is not mounted."""
    run("ingest", "documents")
    for path in documents.rglob("*.*"):
        path.unlink()
    result = run("search", "apples", "--mode", "sparse", "--refresh", "--json")
    assert result.exit_code == 2
    assert as_json(result)["error"]["type"] == "DeletionsRefusedError"
