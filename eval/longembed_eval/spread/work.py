"""What processes of a Ray cluster do for a benchmark: plan it, and run systems on a task."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longembed_eval.archive import Archive
from longembed_eval.events import Event, RunDone, RunFailed
from longembed_eval.results import SPREAD, Row
from longembed_eval.runs import Plan, Run, plan_systems, run_one
from longembed_eval.systems.slot import ModelSlot
from longembed_eval.tasks.values import Task
from longembed_eval.workshop import BenchOptions, Workshop
from longembed_rag import EncoderSettings, __version__, resolve_runtime
from longembed_rag.errors import LongEmbedError

#: What rows say of their times, which others ran beside.
CIRCUMSTANCES = {SPREAD: "by Ray"}
# The model of this process, which goes from one piece of work to the next.
_MODEL = ModelSlot()


@dataclass(frozen=True)
class Planned:
    """What a process of the cluster makes of a request.

    Attributes:
        plan: What is to be run.
        encoder: The settings, with the device and the dtype of that process.
        version: Version of the package there.
    """

    plan: Plan
    encoder: EncoderSettings
    version: str


class Board:
    """An actor: what the processes tell, until whoever started them takes it."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """All events since the last time, in order."""
        events, self._events = self._events, []
        return events


def plan(systems: Sequence[str], options: BenchOptions, folder: str) -> Planned | LongEmbedError:
    """Choose systems, where their models are.

    Returns:
        The plan; or what is wrong with the request.
    """
    try:
        encoder = resolve_runtime(options.encoder)
        pinned = replace(options, encoder=encoder)
        with Workshop(pinned, folder=Path(folder), model=_MODEL) as workshop:
            return Planned(plan_systems(workshop, systems), encoder, __version__)
    except LongEmbedError as error:
        return error


def work(
    task: Task, runs: Sequence[Run], options: BenchOptions, folder: str, board: Any
) -> list[tuple[Run, Row | LongEmbedError]]:
    """Run systems that look at the same reading of a task's documents.

    Args:
        task: The task.
        runs: The systems, in order.
        options: What holds for all of them, with the device and the dtype picked.
        folder: The folder of results, where it can be seen from here.
        board: The :class:`Board`.

    Returns:
        What came of each.
    """
    import ray

    def tell(event: Event) -> None:
        told = board.tell.remote(event)
        if isinstance(event, RunDone | RunFailed):
            ray.get(told)  # it is known, whatever becomes of this process next

    with (
        _place(folder) as place,
        Workshop(options, folder=place, circumstances=CIRCUMSTANCES, model=_MODEL) as workshop,
    ):
        for run in runs:  # each says which tokens it wants kept, before the first one reads
            with suppress(LongEmbedError):  # which comes again below
                workshop.build(run.choice)
        archive = Archive(place / "runs")
        return [(run, run_one(workshop, archive, task, run, tell=tell)) for run in runs]


@contextmanager
def _place(folder: str) -> Iterator[Path]:
    """The folder of results; on a machine that does not see it, another one, which ends."""
    if Path(folder).is_dir():
        yield Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="longembed-eval-") as scratch:
        yield Path(scratch)
