"""What ``eval`` and ``tune`` show while they measure: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from longembed_rag.cli.output import duration, one_line
from longembed_rag.cli.pulse import pulse

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from longembed_eval.events import Event, RunDone, RunProgress, RunStarted


class Display(Protocol):
    """Shows the events of a benchmark as they come."""

    def show(self, event: Event) -> None:
        """Show one event."""


def line_of(event: Event) -> str | None:
    """The line that an event leaves behind; None for those that only pass by."""
    from longembed_eval.events import RunDone, RunFailed

    if isinstance(event, RunDone):
        return _line_of_done(event)
    if isinstance(event, RunFailed):
        failure = event.failure
        what = failure.task if failure.system is None else f"{failure.task}  {failure.system}"
        return one_line(f"failed {what}: {failure.reason}")
    return None


def _line_of_start(event: RunStarted) -> str:
    return one_line(f"[{event.number}/{event.total}] {event.task}  {event.system}")


def _line_of_done(event: RunDone) -> str:
    row = event.row
    took = "kept from before" if event.kept else duration(event.seconds)
    return one_line(f"{row.task}  {row.system}  {row.main_metric} {row.score:.1f}  {took}")


def time_left(event: RunProgress) -> float | None:
    """Seconds until the documents are indexed, at the speed so far; None while unknown."""
    if not event.done or event.seconds < 2:
        return None
    return event.seconds * (event.total - event.done) / event.done


class PlainDisplay:
    """One line per run on stderr, and one when it begins; how far it is, a line a minute."""

    def __init__(self) -> None:
        self._run = ""
        self._progress: RunProgress | None = None
        pulse.doing(self._state)

    def show(self, event: Event) -> None:
        """Show one event."""
        from longembed_eval.events import RunProgress, RunStarted

        if isinstance(event, RunProgress):
            self._progress = event
            return
        line = line_of(event)
        if isinstance(event, RunStarted):
            self._run, self._progress = _line_of_start(event), None
            line = self._run
        if line is not None:
            click.echo(line, err=True)
            pulse.told()

    def _state(self) -> str:
        progress = self._progress
        if progress is None:
            return self._run
        left = time_left(progress)
        told = f"{100 * progress.done // max(progress.total, 1)} % of its documents"
        return ", ".join([self._run, told, *([] if left is None else [f"{duration(left)} left"])])


class BarDisplay:
    """A bar for the run in hand; what is done stays above it.

    Args:
        progress: As :func:`eval_display` makes it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None, left="")

    def show(self, event: Event) -> None:
        """Show one event."""
        from rich.text import Text

        from longembed_eval.events import RunProgress, RunStarted

        if isinstance(event, RunStarted):
            name = _line_of_start(event)
            # Not reset(), which keeps the total of the run before.
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(name, total=None, left="")
        elif isinstance(event, RunProgress):
            left = time_left(event)
            self._progress.update(
                self._task,
                total=max(event.total, 1),
                completed=event.done,
                left="" if left is None else f"{duration(left)} left",
            )
        elif (line := line_of(event)) is not None:
            self._progress.console.print(Text(line), soft_wrap=True)


@contextmanager
def eval_display() -> Iterator[Display]:
    """The display that fits where stderr goes."""
    if not sys.stderr.isatty():
        yield PlainDisplay()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[left]}", markup=False),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield BarDisplay(progress)
