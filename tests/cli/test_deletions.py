"""Deletions that nobody can have meant, as the command line refuses them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run, as_json


def test_an_emptied_folder_is_refused(run: Run, documents: Path) -> None:
    """Exit code 2, the folder, the counts and the flag; with it the documents go."""
    run("ingest", "documents")
    for path in documents.rglob("*.*"):
        path.unlink()
    warned = run("ingest", "documents", "--dry-run")
    assert warned.exit_code == 0
    assert "warning: this would be refused: " in warned.stderr
    assert "0 to add, 0 to update, 3 to delete" in warned.stderr
    assert "3 of the 3" in as_json(run("ingest", "documents", "--dry-run", "--json"))["refused"]
    result = run("ingest", "documents", "--json")
    assert result.exit_code == 2
    error = as_json(result)["error"]
    assert error["type"] == "DeletionsRefusedError"
    assert f"{documents}: 3 of the 3 documents" in error["message"]
    assert "--allow-deletions" in result.stderr
    assert as_json(run("info", "--json"))["documents"] == 3
    done = as_json(run("ingest", "documents", "--allow-deletions", "--json"))
    assert done["deleted"] == 3


def test_most_of_a_folder_is_refused(run: Run, documents: Path) -> None:
    """Exit code 2 for people, too, in one line of error."""
    for number in range(9):
        (documents / f"{number}.txt").write_text(f"number {number}")
    run("ingest", "documents")
    for number in range(9):
        (documents / f"{number}.txt").unlink()
    result = run("ingest", "documents")
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "9 of the 12 documents" in line
    assert as_json(run("info", "--json"))["documents"] == 12
