"""LoCoV1, MLDR and ConTEB, from copies with the files and columns that their authors publish."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from longembed_eval.tasks.benchmarks import (
    LOCO_DOCUMENTS,
    LOCO_QUERIES,
    MLDR_DATASET,
    read_loco,
    read_mldr,
)
from longembed_eval.tasks.conteb import read_conteb
from longembed_rag.errors import InputError, ReadError

Rows = Sequence[Mapping[str, Any]]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of copies; what ``datasets`` makes of it does not stay in the user's cache."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "copies"


def write(path: Path, rows: Rows) -> None:
    """Rows as JSON lines, packed where the name says so, or as Parquet, as ``datasets`` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        from datasets import Dataset

        Dataset.from_list([dict(row) for row in rows]).to_parquet(str(path))
        return
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)


def loco(name: str, pids: str, answers: Mapping[str, list[str]]) -> tuple[Rows, Rows]:
    documents = [{"dataset": name, "pid": pid, "passage": f"text {pid}"} for pid in pids]
    queries = [
        {"dataset": name, "qid": qid, "query": f"{qid}?", "answer_pids": found}
        for qid, found in answers.items()
    ]
    return documents, queries


@pytest.mark.parametrize("converted", [False, True])
def test_loco(scratch: Path, converted: bool) -> None:
    """A file for each task, or all tasks in one, as the hub converts them; ids as they are."""
    documents, queries = loco("qmsum", "ab", {"q1": ["a"], "q2": ["a", "b"], "q3": ["z"]})
    others = loco("gov_report", "a", {"q1": ["a"]})
    name = "data/test-00000-of-00001.parquet" if converted else "documents/qmsum_test.jsonl"
    write(scratch / LOCO_DOCUMENTS / name, [*documents, *(others[0] if converted else ())])
    write(scratch / LOCO_QUERIES / name, [*queries, *(others[1] if converted else ())])
    task = read_loco("qmsum", copies=scratch)
    assert (task.name, task.metric, task.kind) == ("loco_qmsum", "ndcg@10", "labelled")
    assert task.documents == {"a": "text a", "b": "text b"}
    assert task.gold == {"q1": {"a": 1}, "q2": {"a": 1, "b": 1}}
    assert task.source == f"a copy of {LOCO_DOCUMENTS}, qmsum"
    assert task.notes[0] == "1 of 4 judgements name a document that is not there."
    assert str(scratch) not in " ".join((task.source, *task.notes))


def test_loco_of_another_form(scratch: Path) -> None:
    """Answers that are no list are told with their place."""
    documents, _ = loco("qmsum", "a", {})
    write(scratch / LOCO_DOCUMENTS / "documents/qmsum_test.jsonl", documents)
    write(
        scratch / LOCO_QUERIES / "documents/qmsum_test.jsonl",
        [{"qid": "q", "query": "?", "answer_pids": "a"}],
    )
    with pytest.raises(InputError, match=r"qmsum_test\.jsonl, row 1: answer_pids is no list"):
        read_loco("qmsum", copies=scratch)


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl"])
def test_mldr(scratch: Path, ending: str) -> None:
    """Test queries of a language, with what their positive passages are, among all documents."""
    folder = scratch / MLDR_DATASET / "mldr-v1.0-ja"
    write(folder / f"corpus{ending}", [{"docid": f"d{n}", "text": f"text {n}"} for n in range(3)])
    found = {"docid": "d2", "text": "text 2"}
    write(
        folder / f"test{ending}",
        [
            {
                "query_id": "q-1",
                "query": "what?",
                "positive_passages": [found],
                "negative_passages": [],
            }
        ],
    )
    task = read_mldr("ja", copies=scratch)
    assert (task.name, task.gold, len(task.documents)) == ("mldr_ja", {"q-1": {"d2": 1}}, 3)
    assert "--language" in task.notes[0]
    assert len(task.notes) == 1  # published scores are not of three documents


def conteb(scratch: Path, queries: Rows, split: str = "test") -> None:
    folder = scratch / "illuin-conteb" / "covid-qa"
    ids = ["b_1", "a_0", "a_10", "a_2", "b_0"]
    write(
        folder / f"documents/{split}-00000-of-00001.parquet",
        [{"chunk_id": each, "chunk": f"chunk {each}"} for each in ids],
    )
    write(folder / f"queries/{split}-00000-of-00001.parquet", queries)


@pytest.mark.parametrize("split", ["test", "train"])
def test_conteb(scratch: Path, split: str) -> None:
    """Chunks are the documents, and stand in their wholes in the order of their numbers."""
    conteb(scratch, [{"query": "one?", "chunk_id": "a_2"}, {"query": "two?", "chunk_id": "b_0"}])
    if split == "train":
        for path in (scratch / "illuin-conteb").rglob("test-*"):
            path.rename(path.with_name(path.name.replace("test", "train")))
    task = read_conteb("covid-qa", copies=scratch)
    assert task.name == "conteb_covid-qa"
    assert task.gold == {"query-0": {"a_2": 1}, "query-1": {"b_0": 1}}
    assert task.wholes == {"b": ("b_0", "b_1"), "a": ("a_0", "a_2", "a_10")}
    assert list(task.documents) == ["b_1", "a_0", "a_10", "a_2", "b_0"]


def test_conteb_with_several_answers(scratch: Path) -> None:
    """A query may have its answer in several chunks."""
    conteb(scratch, [{"query": "one?", "chunk_ids": ["a_2", "a_0"]}])
    assert read_conteb("covid-qa", copies=scratch).gold == {"query-0": {"a_2": 1, "a_0": 1}}


def test_wholes_are_part_of_what_a_task_is(scratch: Path) -> None:
    """The same chunks in other documents are another task, whose rows are not these."""
    conteb(scratch, [{"query": "one?", "chunk_id": "a_2"}])
    task = read_conteb("covid-qa", copies=scratch)
    assert task.wholes is not None
    other = task.in_wholes({"c": tuple(task.documents)})
    assert other.documents == task.documents
    assert other.fingerprint != task.fingerprint


@pytest.mark.parametrize(
    ("copies", "told"),
    [
        (True, r"holds no mldr-v1.0-ja/corpus.jsonl.gz or .*hf download Shitao/MLDR"),
        (False, r"not in the hub's cache .*hf download Shitao/MLDR .* give DIR with --copies"),
    ],
)
def test_files_that_cannot_be_had(scratch: Path, copies: bool, told: str) -> None:
    """Neither copy nor cache: the message gives the command that makes a copy."""
    if copies:
        (scratch / MLDR_DATASET).mkdir(parents=True)
    with pytest.raises(ReadError, match=told):
        read_mldr("ja", copies=scratch)


def test_damaged_files(scratch: Path) -> None:
    """What is no Parquet is told by its name."""
    conteb(scratch, [{"query": "one?", "chunk_id": "a_2"}])
    path = scratch / "illuin-conteb" / "covid-qa" / "queries" / "test-00000-of-00001.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ReadError, match=r"test-00000-of-00001\.parquet cannot be read as Parquet"):
        read_conteb("covid-qa", copies=scratch)
