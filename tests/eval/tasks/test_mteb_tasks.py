"""MTEB's tasks by name, loaded by mteb itself from a copy laid out as on the hub."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from longembed_eval.tasks.mteb_tasks import read_mteb
from longembed_rag.errors import MissingDependencyError, ReadError, SettingsError

CARD = """---
configs:
- config_name: default
  data_files:
  - split: test
    path: qrels/test.jsonl
- config_name: corpus
  data_files:
  - split: corpus
    path: corpus.jsonl
- config_name: queries
  data_files:
  - split: queries
    path: queries.jsonl
---
"""


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of SciFact's data set, of two documents."""
    pytest.importorskip("mteb", exc_type=ImportError)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "copies" / "mteb" / "scifact"
    (folder / "qrels").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    files = {
        "corpus.jsonl": [
            {"_id": "1", "title": "Heading", "text": "one"},
            {"_id": "2", "title": "", "text": "two"},
        ],
        "queries.jsonl": [{"_id": "7", "text": "which?"}, {"_id": "8", "text": "unjudged?"}],
        "qrels/test.jsonl": [{"query-id": "7", "corpus-id": "2", "score": 1}],
    }
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "copies"


@pytest.mark.filterwarnings("default")
def test_a_task_from_a_copy(copies: Path) -> None:
    """Titles, ids and judgements are those that mteb reads."""
    task = read_mteb("SciFact", copies=copies)
    assert task.name == "mteb_SciFact"
    assert task.documents == {"1": "Heading one", "2": "two"}
    assert [(query.id, query.text) for query in task.queries] == [("7", "which?")]
    assert task.gold == {"7": {"2": 1}}
    assert (task.kind, task.metric) == ("labelled", "ndcg@10")
    assert task.source == "a copy of mteb/scifact @ d56462d0, test, as mteb loads it"


@pytest.mark.filterwarnings("default")
def test_one_language_of_a_task(copies: Path) -> None:
    """The subset alone is read, and of it the test split: the copy holds nothing else."""
    folder = copies / "mteb" / "MultiLongDocRetrieval"
    folder.mkdir()
    files: dict[str, dict[str, Any]] = {
        "corpus": {"_id": "d1", "title": "", "text": "eins"},
        "queries": {"_id": "q1", "text": "was?"},
        "qrels": {"query-id": "q1", "corpus-id": "d1", "score": 1},
    }
    card = "---\nconfigs:\n"
    for name, row in files.items():
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
        card += (
            f"- config_name: de-{name}\n  data_files:\n  - split: test\n    path: {name}.jsonl\n"
        )
    (folder / "README.md").write_text(f"{card}---\n")
    task = read_mteb("MultiLongDocRetrieval:de", copies=copies)
    assert (task.name, task.documents) == ("mteb_MultiLongDocRetrieval:de", {"d1": "eins"})
    assert task.gold == {"q1": {"d1": 1}}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SciFakt", r"no task 'SciFakt'; did you mean 'SciFact'"),
        ("STS12", "not one of retrieving texts"),
        ("MultiLongDocRetrieval", r"subsets ar, de, en.*mteb_MultiLongDocRetrieval:ar"),
    ],
)
def test_names_that_are_no_task(copies: Path, name: str, told: str) -> None:
    """The message names what is close, or the subsets."""
    with pytest.raises(SettingsError, match=told):
        read_mteb(name, copies=copies)


@pytest.mark.filterwarnings("default")
def test_a_copy_that_lacks_files(copies: Path) -> None:
    """The message gives the command that makes a copy."""
    (copies / "mteb" / "scifact" / "corpus.jsonl").unlink()
    with pytest.raises(ReadError, match=r"hf download mteb/scifact .*--revision d56462d0"):
        read_mteb("SciFact", copies=copies)


def test_without_mteb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message gives the command that installs it."""
    imports = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "mteb":
            raise ModuleNotFoundError("No module named 'mteb'", name="mteb")
        return imports(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r'pip install "longembed-rag\[mteb\]"'):
        read_mteb("SciFact")
