"""One run: a system on a task, taken from the archive or run now."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from longembed_eval.archive import Archive, fingerprint
from longembed_eval.events import Event, RunDone, RunFailed, RunProgress, RunStarted
from longembed_eval.measures import mean_points, measure
from longembed_eval.meter import machine, versions
from longembed_eval.results import Cost, Failure, Row
from longembed_eval.systems.choose import SystemChoice, choose_systems
from longembed_eval.systems.parts import ContextualSystem
from longembed_eval.systems.protocol import System, shown_model
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions, Built, Workshop
from longembed_rag.errors import LongEmbedError

#: Seconds between two reports of progress.
_TELL_EVERY = 0.2

#: Is told what happens.
Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Listed:
    """A system that is to be run, as far as it is known without its model's weights.

    Attributes:
        choice: As it was asked for.
        settings: Everything that its scores depend on, ready for JSON.
        reading: What systems that look at the same reading have in common; None for words alone.
    """

    choice: SystemChoice
    settings: Mapping[str, Any]
    reading: str | None


@dataclass(frozen=True)
class Plan:
    """What is to be run on every task.

    Attributes:
        model: What the model of systems that name none is called.
        systems: The systems.
    """

    model: str
    systems: tuple[Listed, ...]

    def runs_of(self, task: Task, *, before: int, total: int) -> Iterator[Run]:
        """The runs of a task, with their numbers.

        Args:
            task: The task.
            before: Runs of other tasks that come first.
            total: Runs of all tasks.
        """
        for number, each in enumerate(self.systems, start=before + 1):
            key = fingerprint(task, each.choice.name, each.settings)
            yield Run(each.choice, key, number, total, each.reading)


@dataclass(frozen=True)
class Run:
    """A system on a task.

    Attributes:
        choice: The system.
        key: Fingerprint of task, system and settings.
        number: Which run it is, from 1.
        total: How many there are.
        reading: As in :class:`Listed`.
    """

    choice: SystemChoice
    key: str
    number: int
    total: int
    reading: str | None


def plan_systems(workshop: Workshop, systems: Sequence[str]) -> Plan:
    """Choose systems by name, and build each once, so that what cannot work is refused first.

    Raises:
        SettingsError: A system is unknown or does not fit the model.
        ModelLoadError: The model cannot be loaded.
    """
    planner = workshop.planner()
    choices = choose_systems(systems, methods=planner.methods, auto=planner.method)
    built = [workshop.build(choice) for choice in choices]
    return Plan(
        shown_model(planner.model_name),
        tuple(Listed(each.choice, each.settings, each.reading) for each in built),
    )


def kept_row(archive: Archive, task: Task, run: Run) -> Row | None:
    """The row of an earlier run; None where there was none."""
    row = archive.get(run.key)
    return None if row is None else told_as(row, task, run)


def run_one(
    workshop: Workshop, archive: Archive, task: Task, run: Run, *, tell: Tell
) -> Row | LongEmbedError:
    """Run a system on a task, unless the archive has its row.

    Returns:
        The row, which the archive then has; or why there is none, which has been told.
    """
    began = time.perf_counter()
    tell(RunStarted(task.name, run.choice.label, run.number, run.total))
    row = kept_row(archive, task, run)
    kept = row is not None
    if row is None:
        try:
            # A system serves one set of documents.
            made = _row(task, workshop.build(run.choice), run, workshop, tell, began)
        except LongEmbedError as error:
            tell(failed(task, run, error))
            return error
        finally:
            workshop.close_stores()
        archive.put(made)
        row = told_as(made, task, run)
    tell(RunDone(row, kept, time.perf_counter() - began, run.number))
    return row


def failed(task: Task, run: Run, error: LongEmbedError) -> RunFailed:
    """That a run could not be done."""
    failure = Failure(task=task.name, system=run.choice.label, reason=str(error))
    return RunFailed(failure, run.number)


def told_as(row: Row, task: Task, run: Run) -> Row:
    """A row as this run calls it.

    The same may have been asked for in other words, or by a task of another name.
    """
    return replace(
        row,
        system=run.choice.label,
        task=task.name,
        group=task.group,
        kind=task.kind,
        length=task.length,
    )


def _row(task: Task, built: Built, run: Run, workshop: Workshop, tell: Tell, began: float) -> Row:
    options = workshop.options
    told = began

    def on_progress(done: int, total: int) -> None:
        nonlocal told
        now = time.perf_counter()
        if now - told >= _TELL_EVERY or done >= total:
            told = now
            tell(RunProgress(done, total, now - began, run.number))

    if isinstance(built.system, ContextualSystem):
        built.system.wholes = task.wholes
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
        machine={**machine(), **workshop.circumstances},
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        fingerprint=run.key,
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
