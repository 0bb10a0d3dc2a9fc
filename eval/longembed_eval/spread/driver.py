"""Units of work, given to Ray, and what comes of them.

The unit is a reading of a task's documents, with all systems that look at it: a model reads them
once, as it does in one process. Ray says where and when a unit runs, and runs it again where its
process or machine was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longembed_eval.archive import Archive
from longembed_eval.events import Event, RunDone, RunFailed, RunStarted
from longembed_eval.results import Row
from longembed_eval.runner import Tally
from longembed_eval.runs import Run, failed, kept_row, told_as
from longembed_eval.spread.options import Share
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions
from longembed_rag.errors import LongEmbedError


@dataclass(frozen=True, eq=False)
class _Unit:
    """Runs that share a reading of a task's documents.

    Attributes:
        key: Hash of the documents, and the reading; two of the same are not read at once.
        task: The task.
        place: The task in Ray's store.
        runs: Those that are not done.
    """

    key: tuple[int, str | None]
    task: Task
    place: Any
    runs: Sequence[Run]


class Driver:
    """Gives units to Ray, and hears what comes of them.

    Args:
        tally: Notes down what comes of runs.
        options: What holds for every system.
        folder: The folder of results.
        share: What work is given of the cluster.
    """

    def __init__(self, tally: Tally, options: BenchOptions, folder: Path, share: Share) -> None:
        import ray

        from longembed_eval.spread.work import Board, work

        self._tally, self._folder, self._share = tally, folder, share
        self._archive = Archive(folder / "runs")
        self._work = ray.remote(num_cpus=share.processors)(work)
        # It needs no processor, and begins anew on another machine.
        board: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Board)
        self._board = board.remote()
        self._options = ray.put(options)
        self._waiting: list[_Unit] = []
        self._under_way: dict[Any, _Unit] = {}
        self._known: dict[int, tuple[Task, Run]] = {}
        self._ended: set[int] = set()
        self._doubles: dict[str, list[tuple[Task, Run]]] = {}

    @property
    def is_busy(self) -> bool:
        """Whether something is left to do."""
        return bool(self._waiting or self._under_way)

    def begin(self, task: Task, runs: Sequence[Run]) -> None:
        """Take in the runs of a task; those that were run before are done."""
        import ray

        left: dict[str | None, list[Run]] = {}
        for run in runs:
            if (row := kept_row(self._archive, task, run)) is not None:
                self._take_kept(task, run, row)
            elif run.key in self._doubles:
                self._doubles[run.key].append((task, run))
            else:
                self._doubles[run.key] = []
                self._known[run.number] = task, run
                left.setdefault(run.reading, []).append(run)
        if left:
            place, documents = ray.put(task), hash(tuple(task.documents.items()))
            self._waiting += [
                _Unit((documents, reading), task, place, together)
                for reading, together in left.items()
            ]

    def go_on(self, *, wait: float) -> None:
        """Give out what can be, and hear what has been told since.

        Args:
            wait: Seconds, at most, that something may take to come.
        """
        import ray

        self._give_out()
        ready: list[Any] = []
        if self._under_way:
            ready, _ = ray.wait(list(self._under_way), num_returns=1, timeout=wait)
        for event in ray.get(self._board.take.remote()):
            self._hear(event)
        for reference in ready:
            self._end(reference, self._under_way.pop(reference))
        self._give_out()

    def stop(self) -> None:
        """Leave nothing running, where the cluster stays."""
        import ray

        for reference in self._under_way:
            with suppress(ray.exceptions.RayError, ValueError):
                ray.cancel(reference, force=True)

    def _give_out(self) -> None:
        for unit in list(self._waiting):
            if len(self._under_way) >= self._share.at_once:
                return
            if unit.key in {other.key for other in self._under_way.values()}:
                continue  # it reads what that one is reading, and finds it in the folder
            self._folder.mkdir(parents=True, exist_ok=True)
            self._waiting.remove(unit)
            gpus = int(self._share.gpu and unit.key[1] is not None)
            reference = self._work.options(num_gpus=gpus).remote(
                unit.place, unit.runs, self._options, str(self._folder), self._board
            )
            self._under_way[reference] = unit

    def _hear(self, event: Event) -> None:
        """Pass on what a process tells; a unit that is run again does not tell it twice."""
        if event.number is None or event.number in self._ended:
            return
        self._tally.tell(event)
        if isinstance(event, RunDone):
            task, run = self._known[event.number]
            self._archive.put(event.row)
            self._note(task, run, event.row)
        elif isinstance(event, RunFailed):
            task, run = self._known[event.number]
            self._note(task, run, LongEmbedError(event.failure.reason))

    def _note(self, task: Task, run: Run, outcome: Row | LongEmbedError) -> None:
        """A run has ended, and with it those that are the same in other words."""
        self._ended.add(run.number)
        self._tally.take(task, run, outcome)
        for other, double in self._doubles.pop(run.key):
            if isinstance(outcome, Row):
                self._take_kept(other, double, told_as(outcome, other, double))
                continue
            self._tell_start(other, double)
            self._tally.take(other, double, outcome)
            self._tally.tell(failed(other, double, outcome))

    def _take_kept(self, task: Task, run: Run, row: Row) -> None:
        self._tell_start(task, run)
        self._tally.take(task, run, row)
        self._tally.tell(RunDone(row, True, 0.0, run.number))

    def _end(self, reference: Any, unit: _Unit) -> None:
        """Take what came of a unit; one that was lost goes on behind the run that lost it."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            outcomes = ray.get(reference)
        except RayTaskError:
            raise  # by no error of ours: it ends a benchmark in one process, too
        except RayError as error:
            left = [run for run in unit.runs if run.number not in self._ended]
            reason = f"its process was lost, and again when Ray had tried anew: {told(error)}"
            for run in left[:1]:
                self._hear(failed(unit.task, run, LongEmbedError(reason)))
            if left[1:]:
                self._waiting.append(replace(unit, runs=left[1:]))
            return
        for run, outcome in outcomes:
            if isinstance(outcome, LongEmbedError):
                self._hear(failed(unit.task, run, outcome))
                self._tally.take(unit.task, run, outcome)  # of its own kind
            else:
                self._hear(RunDone(outcome, False, 0.0, run.number))

    def _tell_start(self, task: Task, run: Run) -> None:
        self._tally.tell(RunStarted(task.name, run.choice.label, run.number, run.total))


def told(error: Exception) -> str:
    """What Ray says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[-1:])[:300] or type(error).__name__
