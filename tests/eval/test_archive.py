"""Rows that are kept: round trips, damage, keys, and what other programs read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import longembed_rag
from longembed_eval.archive import (
    Archive,
    fingerprint,
    results_to_dict,
    row_to_dict,
    write_text,
)
from longembed_eval.results import Cost, Difference, Failure, Results, Row, TaskInfo
from longembed_eval.tasks.values import Query, Task

COST = Cost(
    documents=3,
    tokens=1000,
    tokens_read=700,
    index_seconds=1.25,
    peak_memory_bytes=2**33 + 1,
    vectors=7,
    index_bytes=1001,
    query_ms=0.375,
)
ROW = Row(
    task="needle-64",
    group="needle",
    kind="needle",
    main_metric="accuracy@1",
    length=64,
    system="pcw:max_length=64",
    settings={"model": "tiny", "prompt": "é\ud800", "max_length": 64, "none": None},
    metrics={"ndcg@10": 66.66666666666667, "accuracy@1": 50.0},
    cost=COST,
    scores={"q0": 1.0, "q1": 0.0},
    rankings={"q0": ["a", "b"], "q1": []},
    versions={"torch": "2"},
    machine={"cores": 2, "gpu": None},
    made="2026-11-25T01:00:00+00:00",
    fingerprint="ab12",
)
TASK = Task(
    name="needle-64",
    documents={"a": "one", "b": "two"},
    queries=(Query(id="q0", text="?", depth=0.1), Query(id="q1", text="!", depth=1.0)),
    gold={"q0": {"a": 1}, "q1": {"b": 2}},
    kind="needle",
    metric="accuracy@1",
    length=64,
)
INFO = TaskInfo(
    name="needle-64",
    source="made up",
    notes=("a note",),
    documents=2,
    words=1.4,
    queries={query.id: query for query in TASK.queries},
    gold=TASK.gold,
)


def test_round_trip(tmp_path: Path) -> None:
    """A row comes back as it was, differences aside, which belong to what it stands beside."""
    gap = {"bm25": Difference(mean=1.0, low=0.0, high=2.0)}
    Archive(tmp_path / "runs").put(replace(ROW, versus=gap))
    assert Archive(tmp_path / "runs").get("ab12") == ROW
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["ab12.json"]


@settings(max_examples=50)
@given(st.floats(1e-3, 1e5), st.floats(1e-2, 1e5))
@example(0.0123456, 0.0123456)
def test_kept_costs_tell_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, seconds: float, query_ms: float
) -> None:
    """A row that is kept tells the same speed as when it was run."""
    cost = replace(COST, index_seconds=seconds, query_ms=query_ms)
    archive = Archive(tmp_path_factory.mktemp("runs"))
    archive.put(replace(ROW, cost=cost))
    kept = archive.get(ROW.fingerprint)
    assert kept is not None
    assert kept.cost == cost


def test_costs_that_follow_from_others() -> None:
    """Shares, speeds and averages; None where a system counts no tokens."""
    values = COST.to_dict()
    assert values["share_read"] == 0.7
    assert values["tokens_per_second"] == 560.0
    assert values["vectors_per_document"] == 2.33
    assert values["bytes_per_document"] == 334
    words = replace(COST, tokens=0, tokens_read=0).to_dict()
    assert words["share_read"] is words["tokens_per_second"] is None
    assert replace(COST, index_seconds=0.0).tokens_per_second is None
    assert json.loads(json.dumps(values)) == values


def test_what_was_not_run_is_none(tmp_path: Path) -> None:
    """Neither an empty folder nor one that is missing is an error."""
    assert Archive(tmp_path).get("ab12") is None
    assert Archive(tmp_path / "missing").get("ab12") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"3",
        b"[]",
        b'"text"',
        b"{}",
        b'{"cost": {}}',
        b'{"cost": null}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=[
        "empty",
        "half",
        "null",
        "number",
        "list",
        "text",
        "nothing",
        "no cost",
        "null cost",
        "bytes",
        "deep",
    ],
)
def test_damaged_files_are_as_if_missing(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file, the row is run anew instead of the benchmark failing."""
    (tmp_path / "ab12.json").write_bytes(content)
    assert Archive(tmp_path).get("ab12") is None


@pytest.mark.parametrize("field", ["metrics", "scores", "cost", "task", "rankings"])
def test_rows_that_lack_something_are_as_if_missing(tmp_path: Path, field: str) -> None:
    """Half a row would fail later, where nobody knows why."""
    Archive(tmp_path).put(ROW)
    path = tmp_path / "ab12.json"
    values = json.loads(path.read_text())
    del values[field]
    path.write_text(json.dumps(values))
    assert Archive(tmp_path).get("ab12") is None


def test_files_are_whole_or_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while writing leaves the earlier file; what succeeds replaces it."""
    path = tmp_path / "new" / "results.json"
    write_text(path, "first é")
    write_text(path, "second \ud800 é")
    assert path.read_text(encoding="utf-8") == "second \\ud800 é"
    write_text(path, "first é")

    def fail(self: Path, target: Path) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            write_text(path, "third")
    assert path.read_text(encoding="utf-8") == "first é"
    write_text(path, "fourth")
    assert path.read_text(encoding="utf-8") == "fourth"


def test_keys_tell_apart_what_scores_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents, queries, answers, metric, system, settings, version; not names and notes."""
    key = fingerprint(TASK, "pcw", {"a": 1, "b": 2})
    same = [
        fingerprint(TASK, "pcw", {"b": 2, "a": 1}),
        fingerprint(replace(TASK, name="other", notes=("x",), source="y"), "pcw", {"a": 1, "b": 2}),
    ]
    assert set(same) == {key}
    changed = [
        replace(TASK, documents={"a": "one", "b": "two!"}),
        replace(TASK, documents={"b": "two", "a": "one"}),
        replace(TASK, queries=TASK.queries[::-1]),
        replace(TASK, queries=(TASK.queries[0], Query(id="q1", text="?!", depth=1.0))),
        replace(TASK, gold={"q0": {"a": 1}, "q1": {"b": 1}}),
        replace(TASK, metric="ndcg@10"),
    ]
    keys = [fingerprint(task, "pcw", {"a": 1, "b": 2}) for task in changed]
    keys += [fingerprint(TASK, "gp", {"a": 1, "b": 2}), fingerprint(TASK, "pcw", {"a": 1, "b": 3})]
    monkeypatch.setattr(longembed_rag, "__version__", "0.0.1")
    keys.append(fingerprint(TASK, "pcw", {"a": 1, "b": 2}))
    assert len({key, *keys}) == len(keys) + 1


def test_a_row_for_other_programs() -> None:
    """Rounded numbers by depth and in all, without each query's own."""
    gap = Difference(mean=1.23456, low=-0.001, high=2.0)
    values = row_to_dict(replace(ROW, versus={"bm25": gap}), INFO)
    assert values["metrics"] == {"ndcg@10": 66.67, "accuracy@1": 50.0}
    assert values["versus"] == {"bm25": {"mean": 1.23, "low": -0.0, "high": 2.0}}
    assert [part["queries"] for part in values["by_depth"]] == [1, 0, 0, 0, 1]
    assert values["queries"] == 2
    assert values["cost"]["tokens_per_second"] == 560.0
    assert not {"scores", "rankings"} & values.keys()
    json.dumps(values, allow_nan=False)


def test_results_for_other_programs() -> None:
    """Rows, tasks and failures, each in plain values."""
    results = Results(
        rows=(ROW,),
        tasks={"needle-64": INFO},
        command="longembed-rag eval",
        model="tiny",
        failed=(Failure(task="other", system=None, reason="it is gone"),),
    )
    values: dict[str, Any] = json.loads(json.dumps(results_to_dict(results)))
    assert values.keys() == {"command", "model", "tasks", "results", "failed"}
    assert values["failed"] == [{"task": "other", "system": None, "reason": "it is gone"}]
    assert values["tasks"]["needle-64"] == {
        "source": "made up",
        "notes": ["a note"],
        "documents": 2,
        "words": 1,
        "queries": 2,
    }
    assert [row["system"] for row in values["results"]] == ["pcw:max_length=64"]
