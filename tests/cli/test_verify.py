"""``verify`` and ``ingest --dry-run``: looking before, and looking again afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.encoder.encoder import LongEncoder
from longembed_rag.store.store import DocumentStore
from longembed_rag.store.values import document_id
from tests.cli.conftest import Run, as_json


def test_all_agree_after_an_ingest(run: Run, documents: Path) -> None:
    """Exit code 0, and numbers of documents."""
    run("ingest", "documents")
    result = run("verify", "--json")
    assert result.exit_code == 0
    assert as_json(result) == {"documents": 3, "findings": [], "repaired": 0, "left": []}
    assert "3 documents: all agree" in run("verify").stderr


def test_disagreements_are_named_and_put_right(run: Run, documents: Path) -> None:
    """A point that somebody deleted and a file that changed: one is repaired, one is left."""
    run("ingest", "documents")
    lost, changed = str(documents / "lease.txt"), str(documents / "note.md")
    with DocumentStore.open(path=Path(".longembed")) as store:
        store.client.delete(store.collection, points_selector=[document_id(lost)])
    Path(changed).write_text("# Other")
    result = run("verify")
    assert result.exit_code == 1
    assert f"file changed: {Path('documents', 'note.md')}" in result.stdout
    assert f"missing document: {Path('documents', 'lease.txt')}" in result.stdout
    repaired = run("verify", "--repair", "--json")
    assert repaired.exit_code == 1
    told = {each["problem"] for each in as_json(repaired)["left"]}
    assert told == {"file changed", "missing document"}
    assert run("verify", "--no-files").exit_code == 0
    assert as_json(run("ingest", "documents", "--json"))["added"] == 1
    assert run("verify").exit_code == 0


def test_there_has_to_be_a_store(run: Run) -> None:
    """Nothing to verify is wrong use, and makes no store."""
    assert run("verify").exit_code == 2
    assert not Path(".longembed").exists()


def test_a_dry_run_says_what_an_ingest_does_and_does_nothing(
    run: Run, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes no store, loads no model, and its numbers are those of the ingest."""
    with monkeypatch.context() as without_model:
        without_model.setattr(LongEncoder, "from_settings", None)
        planned = run("ingest", "documents", "--dry-run", "--json")
        assert planned.exit_code == 0
        assert not Path(".longembed").exists()
    names = ("added", "updated", "unchanged", "deleted")
    numbers = [as_json(planned)[name] for name in names]
    ingested = as_json(run("ingest", "documents", "--json"))
    assert numbers == [ingested[name] for name in names]
    (documents / "note.md").write_text("# Other")
    (documents / "lease.txt").unlink()
    result = run("ingest", "documents", "--dry-run")
    rows = [line.split()[:2] for line in result.stdout.splitlines()]
    assert ["update", str(Path("documents", "note.md"))] in rows
    assert ["delete", str(Path("documents", "lease.txt"))] in rows
    assert ["keep", str(Path("documents", "more", "page.html"))] in rows
    assert "0 to add, 1 to update, 1 to delete, 1 unchanged" in result.stderr
    assert as_json(run("info", "--json"))["documents"] == 3


def test_a_dry_run_names_what_cannot_be_read(run: Run, documents: Path) -> None:
    """Exit code 1, as the ingest would end."""
    (documents / "broken.pdf").write_bytes(b"no pdf")
    result = run("ingest", "documents", "--dry-run")
    assert result.exit_code == 1
    assert "broken.pdf" in result.stderr


def test_an_ingest_tells_what_it_put_right(run: Run, documents: Path) -> None:
    """What an interrupted run had left is named, for people and for programs."""
    from dataclasses import replace

    from longembed_rag.store.manifest import Manifest

    run("ingest", "documents")
    source = str(documents / "note.md")
    for flags in ([], ["--json"]):
        with DocumentStore.open(path=Path(".longembed")) as store:
            entry = store.entries()[source]
            Manifest(store.place).put([replace(entry, state="writing")])
        result = run("ingest", "documents", *flags)
        assert "put right: " + str(Path("documents", "note.md")) in result.stderr
    assert as_json(result)["recovered"] == [source]
