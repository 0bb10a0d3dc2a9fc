"""Running a benchmark: what is run once and kept, what fails alone, and what is told."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from longembed_eval.archive import results_to_dict
from longembed_eval.events import Event, RunDone, RunFailed, RunProgress, RunStarted
from longembed_eval.measures import difference
from longembed_eval.results import Results
from longembed_eval.runner import run_benchmark
from longembed_eval.systems.protocol import Progress
from longembed_eval.systems.readers import ChunkReader
from longembed_eval.systems.readings import Reading
from longembed_eval.systems.words import WordSystem
from longembed_eval.tasks.values import Query, Task
from longembed_eval.workshop import BenchOptions
from longembed_rag import DocumentStore, EncoderSettings, LongEncoder
from longembed_rag.errors import (
    LongEmbedError,
    ModelLoadError,
    ReadError,
    SettingsError,
    StoreError,
)
from longembed_rag.points.client.retries import RetryPolicy
from tests.models import TinyModels
from tests.tokenizers_of_tests import WORDS, text_of

SYSTEMS = ("bm25", "truncate", "auto", "chunked:window=16", "chunked")


def a_task(name: str = "words", *, seed: int = 0, times: int = 1) -> Task:
    """Each query asks for two words, one of them in its document alone, so many times."""
    documents = {
        f"d{i}": f"{text_of(20 + 5 * i, seed + i)} {word}."
        for i, word in enumerate(("zurich", "oslo", "lima", "cairo", "quito"))
    }
    queries = tuple(
        Query(id=f"q{i + 5 * time}", text=f"{text.split()[-1]} {WORDS[i]}", depth=i / 4)
        for time in range(times)
        for i, text in enumerate(documents.values())
    )
    return Task(
        name=name,
        documents=documents,
        queries=queries,
        gold={f"q{i}": {f"d{i % 5}": 1} for i in range(5 * times)},
        source="made up",
    )


@dataclass
class Planned:
    """A task that is loaded when its turn comes, or cannot be."""

    name: str
    load: Callable[[], Task]


def planned(task: Task) -> Planned:
    return Planned(task.name, lambda: task)


def broken(name: str = "broken") -> Planned:
    def load() -> Task:
        raise ReadError(f"{name} is gone")

    return Planned(name, load)


@dataclass
class Bench:
    """Runs benchmarks in one folder, and counts what the model does."""

    options: BenchOptions
    folder: Path
    calls: Counter[str] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)

    def run(
        self, *tasks: Task | Planned, systems: Sequence[str] = SYSTEMS, **changes: Any
    ) -> Results:
        self.calls.clear()
        self.events.clear()
        return run_benchmark(
            [planned(task) if isinstance(task, Task) else task for task in tasks or (a_task(),)],
            systems,
            options=replace(self.options, **changes),
            folder=self.folder,
            command="longembed-rag eval",
            on_event=self.events.append,
        )

    def kept(self) -> list[bool]:
        """For each run that is done, whether it had been run before."""
        return [event.kept for event in self.events if isinstance(event, RunDone)]

    def rows(self) -> list[Path]:
        return sorted((self.folder / "runs").glob("*.json"))


@pytest.fixture
def bench(tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    encoder = EncoderSettings(model=str(tiny_models.folder("bert")), device="cpu", dtype="float32")
    made = Bench(BenchOptions(encoder=encoder, timed_queries=2), tmp_path / "out")

    def count(name: str) -> None:
        real = getattr(LongEncoder, name)

        def counted(self: LongEncoder, *args: Any, **options: Any) -> Any:
            made.calls[name] += 1
            return real(self, *args, **options)

        monkeypatch.setattr(LongEncoder, name, counted)

    count("encode")
    count("encode_passages")
    return made


def test_contextual_is_told_what_documents_are_parts_of(bench: Bench) -> None:
    """A task of parts is run by it as by any system; another one fails alone, with the way out."""
    task = a_task()
    parts = replace(task, name="parts").in_wholes({"w": tuple(task.documents)})
    results = bench.run(parts, task, systems=("bm25", "contextual"))
    assert [(row.task, row.system) for row in results.rows] == [
        ("parts", "bm25"),
        ("parts", "contextual"),
        ("words", "bm25"),
    ]
    (failure,) = results.failed
    assert "--tasks conteb" in failure.reason


def test_rows_come_in_the_order_of_tasks_and_systems(bench: Bench) -> None:
    """Each with its metrics, costs, rankings and settings."""
    results = bench.run(a_task(), a_task("more", seed=9))
    labels = ["bm25", "truncate", "pcw", "chunked:window=16", "chunked"]
    assert [(row.task, row.system) for row in results.rows] == [
        (task, label) for task in ("words", "more") for label in labels
    ]
    assert results.systems == labels
    assert results.groups == ["words", "more"]
    assert results.failed == ()
    for row in results.rows:
        assert row.metrics.keys() == {"ndcg@10", "accuracy@1", "recall@5", "recall@10", "mrr@10"}
        assert row.score == pytest.approx(100 * sum(row.scores.values()) / 5)
        assert row.rankings.keys() == row.scores.keys() == {f"q{i}" for i in range(5)}
        assert row.cost.documents == 5
        assert row.cost.query_ms > 0
        assert row.cost.index_seconds > 0
        assert row.fingerprint
        assert (row.cost.tokens_per_second is None) == (row.system == "bm25")
    bm25, truncated, pcw, chunked, _ = results.rows[:5]
    assert bm25.metrics["accuracy@1"] == 100.0
    assert truncated.cost.tokens_read < truncated.cost.tokens == pcw.cost.tokens_read
    assert chunked.cost.vectors > pcw.cost.vectors == 5
    assert len({row.fingerprint for row in results.rows}) == 10
    assert results.tasks["words"].documents == 5
    json.dumps(results_to_dict(results), allow_nan=False)


def test_a_second_run_runs_nothing(bench: Bench) -> None:
    """The same rows, without the model being asked anything; the same results to the last digit."""
    first = bench.run()
    assert bench.kept() == [False] * 5
    assert bench.calls["encode_passages"] == 10
    second = bench.run()
    assert bench.kept() == [True] * 5
    assert sum(bench.calls.values()) == 0
    assert len(bench.rows()) == 5
    assert results_to_dict(first) == results_to_dict(second)


def test_other_settings_run_only_what_they_change(bench: Bench) -> None:
    """A new window is nothing to BM25; a new system leaves the others; new documents all."""
    bench.run()
    bench.run(window=20)
    assert bench.kept() == [True, True, True, True, False]
    bench.run(systems=(*SYSTEMS, "gp"))
    assert bench.kept() == [True] * 5 + [False]
    bench.run(language="german")
    assert bench.kept() == [False, True, True, True, True]
    bench.run(a_task("other", seed=3))
    assert bench.kept() == [False] * 5
    bench.run(depth=11)
    assert bench.kept() == [False] * 5
    assert bench.calls["encode_passages"] == 0, "vectors are kept beside the rows"


def test_another_dtype_is_another_run(bench: Bench) -> None:
    """Two dtypes side by side are what somebody compares who doubts bfloat16."""
    results = bench.run(systems=["pcw:dtype=float32", "pcw:dtype=bfloat16"])
    assert bench.kept() == [False, False]
    one, other = results.rows
    assert one.cost.index_seconds != other.cost.index_seconds


def test_loading_the_model_is_no_part_of_indexing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Speeds compare how documents are read, not which system was the first to need the model."""
    real = LongEncoder.from_settings

    def slow(settings: EncoderSettings) -> LongEncoder:
        end = time.perf_counter() + 1.0
        while time.perf_counter() < end:
            pass
        return real(settings)

    monkeypatch.setattr(LongEncoder, "from_settings", slow)
    (row,) = bench.run(systems=["truncate"]).rows
    assert row.cost.index_seconds < 1.0


def test_documents_passages_tokens_and_hybrid_share_one_forward_pass(bench: Bench) -> None:
    """By whichever name the method was asked for: ``auto``, its own, or none at all."""
    bench.run(systems=["auto", "passages", "late", "late:pool=4:bits=true", "hybrid"])
    assert bench.calls["encode_passages"] == 5 + 1, "each document, and the model's mean token"
    bench.run(systems=["pcw", "passages:method=pcw", "late:method=pcw", "hybrid:method=auto"])
    assert bench.calls["encode_passages"] == 0


def test_tokens_are_counted_for_those_who_compare_them(bench: Bench) -> None:
    """Every one by itself, or pooled and a bit a number; ``passages`` keeps none."""
    words = ["passages", "late", "late:pool=4:bits=true", "hybrid", "hybrid:late_interaction=off"]
    costs = {row.system: row.cost for row in bench.run(systems=words).rows}
    passages, every, pooled, hybrid, without = (costs[word] for word in words)
    assert passages.vectors < pooled.vectors < every.vectors < every.tokens
    assert every.index_bytes == 2 * 32 * every.vectors
    assert pooled.index_bytes == 32 // 8 * pooled.vectors
    assert hybrid.vectors - without.vectors == pooled.vectors
    assert hybrid.index_bytes - without.index_bytes == pooled.index_bytes
    assert every.to_dict()["vectors_per_document"] == round(every.vectors / every.documents, 2)


def test_the_same_in_other_words_is_run_once(bench: Bench) -> None:
    """Both rows are there under their own labels."""
    results = bench.run(systems=["pcw", "auto:max_length=32768", "pcw:passage_tokens=256"])
    assert bench.kept() == [False, True, True]
    assert [row.system for row in results.rows] == [
        "pcw",
        "pcw:max_length=32768",
        "pcw:passage_tokens=256",
    ]


def test_a_renamed_task_is_run_once(bench: Bench) -> None:
    """Its rows carry the new name, group, kind and length: everything but what was measured."""
    first = bench.run(systems=["bm25"])
    renamed = replace(a_task("needle-64"), kind="needle", length=64)
    second = bench.run(renamed, systems=["bm25"])
    assert bench.kept() == [True]
    (row,) = second.rows
    assert (row.task, row.group, row.scores) == ("needle-64", "needle", first.rows[0].scores)
    assert (row.kind, row.length) == ("needle", 64)
    assert second.tasks.keys() == {"needle-64"}


def test_a_run_that_was_stopped_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done stays done; what was under way is run anew; nothing half is left."""
    real = ChunkReader.read

    def stop(self: ChunkReader, *args: Any, **options: Any) -> Reading:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ChunkReader, "read", stop)
        with pytest.raises(KeyboardInterrupt):
            bench.run()
    assert bench.kept() == [False] * 3
    assert len(bench.rows()) == 3
    assert ChunkReader.read is real
    assert len(bench.run().rows) == 5
    assert bench.kept() == [True, True, True, False, False]
    assert bench.calls["encode_passages"] == 0
    assert list(bench.folder.rglob("*.half")) == []


def test_a_damaged_row_is_run_anew(bench: Bench) -> None:
    """And replaced."""
    before = bench.run(systems=["bm25"]).rows[0]
    (path,) = bench.rows()
    for damage in ("", "{", "null", "[1, 2]", '{"task": "words"}'):
        path.write_text(damage)
        (row,) = bench.run(systems=["bm25"]).rows
        assert bench.kept() == [False]
        assert row.scores == before.scores
    bench.run(systems=["bm25"])
    assert bench.kept() == [True]


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: WordSystem, documents: Mapping[str, str], *, on_progress: Progress) -> None:
        raise error

    monkeypatch.setattr(WordSystem, "index", fail)


def test_a_system_that_fails_leaves_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed with its reason, is not kept, and is tried again the next time."""
    with monkeypatch.context() as patch:
        failing(patch, LongEmbedError("no words today"))
        results = bench.run(a_task(), a_task("more", seed=9), systems=["bm25", "pcw"])
    assert [(row.task, row.system) for row in results.rows] == [("words", "pcw"), ("more", "pcw")]
    assert [failure.to_dict() for failure in results.failed] == [
        {"task": name, "system": "bm25", "reason": "no words today"} for name in ("words", "more")
    ]
    assert [e.failure for e in bench.events if isinstance(e, RunFailed)] == list(results.failed)
    assert results.rows[0].versus == {}
    assert bench.run(systems=["bm25", "pcw"]).failed == ()
    assert bench.kept() == [False, True]


def test_a_task_that_fails_leaves_the_others(bench: Bench) -> None:
    """Nothing of it is run; the numbers of runs still count up to their total."""
    results = bench.run(broken("first"), a_task(), broken("last"), systems=["bm25", "pcw"])
    assert [row.task for row in results.rows] == ["words", "words"]
    assert [(f.task, f.system, f.reason) for f in results.failed] == [
        ("first", None, "first is gone"),
        ("last", None, "last is gone"),
    ]
    assert results.tasks.keys() == {"words"}
    started = [event for event in bench.events if isinstance(event, RunStarted)]
    assert [(event.number, event.total) for event in started] == [(3, 6), (4, 6)]


def test_everything_failing_raises_the_first_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There would be nothing to report."""
    failing(monkeypatch, LongEmbedError("no words today"))
    with pytest.raises(ReadError, match="first is gone"):
        bench.run(broken("first"), a_task(), systems=["bm25"])


def test_a_server_that_is_away_is_one_of_our_errors(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleaning up behind a server that does not answer must not hide the reason."""
    real = DocumentStore.open
    once = RetryPolicy(attempts=1, longest_start=0.0)
    monkeypatch.setattr(DocumentStore, "open", lambda **options: real(**options, retries=once))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            bench.run(systems=["bm25"], through="qdrant", url=url)


@pytest.mark.parametrize(
    "system", ["bm52", "ntk", "chunked:window=2", "bm25:language=klingon", "pcw:pooling=max"]
)
def test_what_cannot_work_is_refused_before_anything_is_run(bench: Bench, system: str) -> None:
    """Hours of other systems first would be unkind."""
    with pytest.raises(SettingsError):
        bench.run(systems=["bm25", system])
    assert bench.events == []
    assert not bench.folder.exists()


def test_a_model_that_is_not_there_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Also where only one system wants it."""
    with pytest.raises(ModelLoadError, match="does not exist"):
        bench.run(systems=["bm25", f"pcw:model={tmp_path / 'none'}"])
    assert bench.events == []


def test_differences_to_words_and_chunks(bench: Bench) -> None:
    """Every row but the references themselves has both, paired on the task's own queries."""
    systems = ("bm25", "pcw", "chunked")
    results = bench.run(a_task(times=2), a_task("more", seed=9, times=3), systems=systems)
    of = {(row.task, row.system): row for row in results.rows}
    for (task, system), row in of.items():
        assert set(row.versus) == {"bm25", "chunked"} - {system}
        for name, gap in row.versus.items():
            assert gap == difference(row.scores, of[task, name].scores)
            assert gap.mean == pytest.approx(row.score - of[task, name].score)
    (alone,) = bench.run(systems=["pcw"]).rows
    assert alone.versus == {}


def test_what_is_told_grows_to_its_end(bench: Bench) -> None:
    """Each run begins, proceeds and ends; numbers count up; progress never goes back."""
    bench.run(a_task(), a_task("more", seed=9), systems=("bm25", "auto", "chunked:window=16"))
    started = [event for event in bench.events if isinstance(event, RunStarted)]
    assert [event.number for event in started] == list(range(1, 7))
    assert {event.total for event in started} == {6}
    assert isinstance(bench.events[0], RunStarted)
    last = RunProgress(0, 0, 0.0, 0)
    for event in bench.events:
        if isinstance(event, RunStarted):
            last = RunProgress(0, 0, 0.0, 0)
        elif isinstance(event, RunProgress):
            assert last.done <= event.done <= event.total
            assert last.seconds <= event.seconds
            assert last.total in (0, event.total)
            last = event
        elif isinstance(event, RunDone):
            assert event.seconds >= last.seconds
            assert last.done == last.total > 0
            assert event.row.system
    assert sum(isinstance(event, RunDone) for event in bench.events) == 6
