"""Running systems on tasks: each pair once, what was run before taken from the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from longembed_eval.archive import Archive
from longembed_eval.events import Event, RunFailed
from longembed_eval.measures import difference
from longembed_eval.report import naming
from longembed_eval.results import REFERENCES, Failure, Results, Row, TaskInfo
from longembed_eval.runs import Plan, Run, Tell, plan_systems, run_one
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions, Workshop
from longembed_rag.errors import LongEmbedError


class PlannedTask(Protocol):
    """A task that is loaded when its turn comes."""

    @property
    def name(self) -> str:
        """What its results are called."""

    @property
    def load(self) -> Callable[[], Task]:
        """Loads it."""


@dataclass
class Tally:
    """What has come of the runs so far, in whatever order they ended.

    Attributes:
        tell: Is told what happens.
    """

    tell: Tell
    _rows: dict[int, Row] = field(default_factory=dict)
    _tasks: dict[str, TaskInfo] = field(default_factory=dict)
    _failed: dict[int, tuple[Failure, LongEmbedError]] = field(default_factory=dict)

    def load(
        self, tasks: Sequence[PlannedTask], plan: Plan
    ) -> Iterator[tuple[Task, tuple[Run, ...]]]:
        """Load task after task, with the runs of each; those that cannot be loaded are told."""
        each, total = len(plan.systems), len(tasks) * len(plan.systems)
        for position, planned in enumerate(tasks):
            try:
                task = planned.load()
            except LongEmbedError as error:
                failure = Failure(task=planned.name, system=None, reason=str(error))
                self._failed[position * each + 1] = failure, error
                self.tell(RunFailed(failure, None))
                continue
            self._tasks[task.name] = _info(task)
            yield task, tuple(plan.runs_of(task, before=position * each, total=total))

    def take(self, task: Task, run: Run, outcome: Row | LongEmbedError) -> None:
        """Note down what came of a run."""
        if isinstance(outcome, Row):
            self._rows[run.number] = outcome
            return
        failure = Failure(task=task.name, system=run.choice.label, reason=str(outcome))
        self._failed[run.number] = failure, outcome

    def results(self, *, command: str, model: str) -> Results:
        """Rows in the order of tasks, within a task of systems, with their differences.

        Raises:
            LongEmbedError: There are none; the first reason.
        """
        failed = [self._failed[number] for number in sorted(self._failed)]
        if not self._rows and failed:
            raise failed[0][1]
        return Results(
            rows=tuple(_compared([self._rows[number] for number in sorted(self._rows)])),
            tasks=self._tasks,
            command=command,
            model=model,
            failed=tuple(failure for failure, _ in failed),
        )


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
    tally, archive = Tally(on_event), Archive(folder / "runs")
    with Workshop(options, folder=folder) as workshop:
        plan = plan_systems(workshop, systems)
        for task, runs in tally.load(tasks, plan):
            for run in runs:
                tally.take(task, run, run_one(workshop, archive, task, run, tell=on_event))
    return tally.results(command=command, model=plan.model)


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
