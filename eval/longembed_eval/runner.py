"""Running systems on tasks: each pair once, what was run before taken from the folder."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from longembed_eval.archive import Archive, fingerprint
from longembed_eval.events import Event, RunDone, RunFailed, RunProgress, RunStarted
from longembed_eval.measures import difference, mean_points, measure
from longembed_eval.meter import machine, versions
from longembed_eval.report import naming
from longembed_eval.results import REFERENCES, Cost, Failure, Results, Row, TaskInfo
from longembed_eval.systems.choose import choose_systems
from longembed_eval.systems.protocol import System, shown_model
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions, Built, Workshop
from longembed_rag.errors import LongEmbedError

#: Seconds between two reports of progress.
_TELL_EVERY = 0.2


class PlannedTask(Protocol):
    """A task that is loaded when its turn comes."""

    @property
    def name(self) -> str:
        """What its results are called."""

    @property
    def load(self) -> Callable[[], Task]:
        """Loads it."""


@dataclass
class _Run:
    """One benchmark under way."""

    workshop: Workshop
    archive: Archive
    tell: Callable[[Event], None]
    rows: list[Row] = field(default_factory=list)
    tasks: dict[str, TaskInfo] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    first_error: LongEmbedError | None = None

    def fail(self, task: str, system: str | None, error: LongEmbedError) -> None:
        failure = Failure(task=task, system=system, reason=str(error))
        self.failed.append(failure)
        self.first_error = self.first_error or error
        self.tell(RunFailed(failure))


def run_benchmark(
    tasks: Sequence[PlannedTask],
    systems: Sequence[str],
    *,
    options: BenchOptions,
    folder: Path,
    command: str,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Results:
    """Run every system on every task.

    Args:
        tasks: The tasks.
        systems: The systems, as :func:`~longembed_eval.systems.choose.choose_systems` takes them.
        options: What holds for every system.
        folder: Where vectors and rows are kept; a run with the same folder goes on where the
            last one stopped.
        command: The command, for people who want to run it again.
        on_event: Is told what happens.

    Returns:
        Rows in the order of tasks, within a task of systems, with their differences.

    Raises:
        SettingsError: A system is unknown or does not fit the model; nothing has been run then.
        ModelLoadError: The model cannot be loaded.
        LongEmbedError: Nothing at all could be run; the first reason.
    """
    with Workshop(options, folder=folder) as workshop:
        planner = workshop.planner()
        choices = choose_systems(systems, methods=planner.methods, auto=planner.method)
        built = [workshop.build(choice) for choice in choices]
        run = _Run(workshop, Archive(folder / "runs"), on_event)
        for position, planned in enumerate(tasks):
            try:
                task = planned.load()
            except LongEmbedError as error:
                run.fail(planned.name, None, error)
                continue
            run.tasks[task.name] = _info(task)
            _run_task(run, task, built, before=position * len(built), total=len(tasks) * len(built))
        if not run.rows and run.first_error is not None:
            raise run.first_error
        return Results(
            rows=tuple(_compared(run.rows)),
            tasks=run.tasks,
            command=command,
            model=shown_model(planner.model_name),
            failed=tuple(run.failed),
        )


def _run_task(run: _Run, task: Task, built: Sequence[Built], *, before: int, total: int) -> None:
    for number, each in enumerate(built, start=before + 1):
        choice = each.choice
        began = time.perf_counter()
        key = fingerprint(task, choice.name, each.settings)
        run.tell(RunStarted(task.name, choice.label, number, total))
        row = run.archive.get(key)
        kept = row is not None
        if row is None:
            # A system serves one set of documents.
            fresh = run.workshop.build(choice)
            try:
                row = _row(task, fresh, key, run, began)
            except LongEmbedError as error:
                run.fail(task.name, choice.label, error)
                continue
            finally:
                run.workshop.close_stores()
            run.archive.put(row)
        # The same may have been asked for in other words, or by a task of another name.
        row = replace(
            row,
            system=choice.label,
            task=task.name,
            group=task.group,
            kind=task.kind,
            length=task.length,
        )
        run.rows.append(row)
        run.tell(RunDone(row, kept, time.perf_counter() - began))


def _row(task: Task, built: Built, key: str, run: _Run, began: float) -> Row:
    options = run.workshop.options
    told = began

    def on_progress(done: int, total: int) -> None:
        nonlocal told
        now = time.perf_counter()
        if now - told >= _TELL_EVERY or done >= total:
            told = now
            run.tell(RunProgress(done, total, now - began))

    indexed = built.system.index(task.documents, on_progress=on_progress)
    texts = [query.text for query in task.queries]
    found = built.system.search(texts, depth=options.depth)
    rankings = {query.id: ranking for query, ranking in zip(task.queries, found, strict=True)}
    scores = measure(rankings, task.gold, depth=options.depth)
    cost = Cost(
        documents=len(task.documents),
        tokens=indexed.tokens,
        tokens_read=indexed.tokens_read,
        index_seconds=indexed.seconds,
        peak_memory_bytes=indexed.peak_memory_bytes,
        vectors=indexed.vectors,
        index_bytes=indexed.index_bytes,
        query_ms=_query_ms(built.system, texts, options),
    )
    return Row(
        task=task.name,
        group=task.group,
        kind=task.kind,
        main_metric=task.metric,
        length=task.length,
        system=built.choice.label,
        settings=built.settings,
        metrics={name: mean_points(each) for name, each in scores.items()},
        cost=cost,
        scores=scores[task.metric],
        rankings={query: [document for document, _ in each] for query, each in rankings.items()},
        versions=versions(),
        machine=machine(),
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        fingerprint=key,
    )


def _query_ms(system: System, texts: Sequence[str], options: BenchOptions) -> float:
    """Median time of a query asked by itself, in milliseconds; the first is for warming up."""
    step = max(1, len(texts) // options.timed_queries)
    sample = texts[::step][: options.timed_queries]
    system.search(sample[:1], depth=options.depth)
    times = []
    for text in sample:
        began = time.perf_counter()
        system.search([text], depth=options.depth)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def _info(task: Task) -> TaskInfo:
    words = sum(len(text.split()) for text in task.documents.values())
    return TaskInfo(
        name=task.name,
        source=task.source,
        notes=task.notes,
        documents=len(task.documents),
        words=words / len(task.documents),
        queries={query.id: query for query in task.queries},
        gold=task.gold,
    )


def _compared(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with their differences to BM25 and to chunks on the same task."""
    by_system = {(row.task, row.system): row for row in rows}
    systems = list(dict.fromkeys(row.system for row in rows))
    references = {name: naming.first(systems, name) for name in REFERENCES}
    for row in rows:
        versus = {
            name: gap
            for name, system in references.items()
            if system is not None
            and system != row.system
            and (other := by_system.get((row.task, system))) is not None
            and (gap := difference(row.scores, other.scores)) is not None
        }
        yield replace(row, versus=versus)
