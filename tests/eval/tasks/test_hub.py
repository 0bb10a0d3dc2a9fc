"""Tests of LongEmbed's tasks, from a data set laid out like that on the hub."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from longembed_eval.tasks.hub import REVISION, read_hub
from longembed_eval.tasks.values import Query
from longembed_rag.errors import (
    InputError,
    MissingDependencyError,
    ReadError,
    SettingsError,
)

Rows = Sequence[Mapping[str, Any]]

CARD = """---
configs:
{configs}
language:
- en
---
# A copy
"""


def _write(folder: Path, config: str, corpus: Rows, queries: Rows, qrels: Rows) -> None:
    target = folder / config
    target.mkdir(parents=True)
    for split, rows in (("corpus", corpus), ("queries", queries), ("qrels", qrels)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (target / f"{split}.jsonl").write_text(text, encoding="utf-8")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set with the files, columns and card of LongEmbed's."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "LongEmbed"
    _write(
        folder,
        "qmsum",
        [{"doc_id": "d1", "text": "one"}, {"doc_id": "d2", "text": "two"}],
        [{"qid": "q1", "text": "which?"}, {"qid": "q2", "text": "other?"}],
        [{"qid": "q1", "doc_id": "d2"}, {"qid": "q2", "doc_id": "d1"}],
    )
    for config in ("passkey", "needle"):
        both = [(length, n) for length in (512, 256) for n in range(2)]
        _write(
            folder,
            config,
            [
                {"doc_id": f"d{length}-{n}", "text": f"text {n}", "context_length": length}
                for length, n in both
            ],
            [
                {"qid": f"q{length}-{n}", "text": f"key {n}?", "context_length": length}
                for length, n in both
            ],
            [{"qid": f"q{length}-{n}", "doc_id": f"d{length}-{n}"} for length, n in both],
        )
    splits = "".join(
        f"- config_name: {config}\n  data_files:\n"
        + "".join(
            f"  - split: {split}\n    path: {config}/{split}.jsonl\n"
            for split in ("corpus", "queries", "qrels")
        )
        for config in ("qmsum", "passkey", "needle")
    )
    (folder / "README.md").write_text(CARD.format(configs=splits.rstrip()))
    return str(folder)


def test_labelled(dataset: str) -> None:
    """A configuration with people's queries is one task."""
    (task,) = read_hub("qmsum", dataset=dataset)
    assert (task.name, task.kind, task.metric, task.length) == (
        "qmsum",
        "labelled",
        "ndcg@10",
        None,
    )
    assert task.documents == {"d1": "one", "d2": "two"}
    assert task.queries == (Query(id="q1", text="which?"), Query(id="q2", text="other?"))
    assert task.gold == {"q1": {"d2": 1}, "q2": {"d1": 1}}
    assert task.source == "folder LongEmbed, qmsum"
    assert task.notes == ()


@pytest.mark.parametrize("config", ["passkey", "needle"])
def test_synthetic_is_a_task_for_each_length(dataset: str, config: str) -> None:
    """Documents, queries and judgements of one length stay by themselves."""
    tasks = read_hub(config, dataset=dataset)
    assert [task.name for task in tasks] == [f"longembed_{config}-{n}" for n in (256, 512)]
    for task in tasks:
        assert task.group == f"longembed_{config}"
        assert (task.kind, task.metric) == (config, "accuracy@1")
        assert list(task.documents) == [f"d{task.length}-0", f"d{task.length}-1"]
        assert task.gold == {f"q{task.length}-{n}": {f"d{task.length}-{n}": 1} for n in range(2)}
        assert task.notes == ()


def test_chosen_lengths(dataset: str) -> None:
    """Lengths come in the order asked for; one that is not there is refused."""
    chosen = read_hub("passkey", lengths=[512, 256, 512], dataset=dataset)
    assert [task.length for task in chosen] == [512, 256]
    with pytest.raises(SettingsError, match="none of 300 tokens, only 256, 512"):
        read_hub("passkey", lengths=[300], dataset=dataset)


def test_unknown_configuration(dataset: str) -> None:
    """Only LongEmbed's six are known, and four of them have no lengths."""
    with pytest.raises(SettingsError, match="'other' is not one of: narrativeqa, qmsum"):
        read_hub("other", dataset=dataset)
    with pytest.raises(SettingsError, match="qmsum has none"):
        read_hub("qmsum", lengths=[256], dataset=dataset)


def test_incomplete_copy(dataset: str) -> None:
    """A copy that lacks a file, holds a damaged one or no lengths is refused with its name."""
    with pytest.raises(ReadError, match=r"holds no narrativeqa/corpus\.jsonl"):
        read_hub("narrativeqa", dataset=dataset)
    Path(dataset, "qmsum", "qrels.jsonl").write_text('{"qid": "q1", "doc_id":')
    with pytest.raises(ReadError, match=r"qmsum/qrels\.jsonl cannot be read as JSON lines"):
        read_hub("qmsum", dataset=dataset)
    Path(dataset, "needle", "corpus.jsonl").write_text('{"doc_id": "d", "text": "x"}\n')
    with pytest.raises(InputError, match="carry no 'context_length'"):
        read_hub("needle", dataset=dataset)


def test_bad_row_is_named(dataset: str) -> None:
    """A row that fits nothing is named by file and number."""
    Path(dataset, "qmsum", "qrels.jsonl").write_text('{"qid": "q1", "doc_id": "d9"}\n')
    with pytest.raises(InputError, match=r"qmsum/qrels\.jsonl, row 1: there is no document 'd9'"):
        read_hub("qmsum", dataset=dataset)


def test_fetched_at_the_pinned_commit(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come from the hub's data set at the pinned commit, each by its name."""
    asked = []

    def download(repo: str, name: str, *, repo_type: str, revision: str) -> str:
        asked.append((repo, name, repo_type, revision))
        return str(Path(dataset, name))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    (task,) = read_hub("qmsum")
    assert len(task.documents) == 2
    assert task.source == "dwzhu/LongEmbed @ 6e346642, qmsum"
    assert asked == [
        ("dwzhu/LongEmbed", f"qmsum/{split}.jsonl", "dataset", REVISION)
        for split in ("corpus", "queries", "qrels")
    ]


@pytest.mark.parametrize("name", ["dwzhu/LongEmbed", "no//name"])
def test_neither_network_nor_cache(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be had is told with what was tried and the ways out."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ReadError) as caught:
        read_hub("qmsum", dataset=name)
    told = str(caught.value)
    assert told.startswith(f"qmsum/corpus.jsonl of the data set {name} at 6e346642")
    assert "--data DIR" in told
    assert f"hf download {name} --repo-type dataset --revision {REVISION}" in told


def test_without_datasets(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message gives the command that installs it."""
    imports = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "datasets":
            raise ModuleNotFoundError("No module named 'datasets'", name="datasets")
        return imports(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r'pip install "longembed-rag\[longembed\]"'):
        read_hub("qmsum", dataset=dataset)
