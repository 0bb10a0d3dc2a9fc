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


#: Runs of those under way that are told in one line.
_TOLD_AT_ONCE = 3


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


def _state_of(name: str, progress: RunProgress | None) -> str:
    """How far a run is."""
    if progress is None:
        return name
    left = time_left(progress)
    told = f"{100 * progress.done // max(progress.total, 1)} % of its documents"
    return ", ".join([name, told, *([] if left is None else [f"{duration(left)} left"])])


class PlainDisplay:
    """One line per run on stderr, and one when it begins; how far they are, a line a minute."""

    def __init__(self) -> None:
        # Runs under way, by their numbers.
        self._names: dict[int, str] = {}
        self._progress: dict[int, RunProgress] = {}
        pulse.doing(self._state)

    def show(self, event: Event) -> None:
        """Show one event."""
        from longembed_eval.events import RunProgress, RunStarted

        if isinstance(event, RunProgress):
            self._progress[event.number] = event
            return
        line = line_of(event)
        if isinstance(event, RunStarted):
            line = self._names[event.number] = _line_of_start(event)
        elif event.number is not None:
            self._names.pop(event.number, None)
            self._progress.pop(event.number, None)
        if line is not None:
            click.echo(line, err=True)
            pulse.told()

    def _state(self) -> str:
        # Asked for on another thread, while runs begin and end.
        under_way = list(self._names.copy().items())
        told = [_state_of(name, self._progress.get(number)) for number, name in under_way]
        more = len(told) - _TOLD_AT_ONCE
        return "; ".join([*told[:_TOLD_AT_ONCE], *([f"and {more} more"] if more > 0 else [])])


class BarDisplay:
    """A bar for each run in hand; what is done stays above them.

    Args:
        progress: As :func:`eval_display` makes it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._idle: TaskID | None = None
        self._bars: dict[int, TaskID] = {}
        self._show_idle()

    def show(self, event: Event) -> None:
        """Show one event."""
        from rich.text import Text

        from longembed_eval.events import RunProgress, RunStarted

        if isinstance(event, RunStarted):
            self._remove(event.number)
            if self._idle is not None:
                self._progress.remove_task(self._idle)
                self._idle = None
            name = _line_of_start(event)
            self._bars[event.number] = self._progress.add_task(name, total=None, left="")
        elif isinstance(event, RunProgress):
            left = time_left(event)
            self._progress.update(
                self._bars[event.number],
                total=max(event.total, 1),
                completed=event.done,
                left="" if left is None else f"{duration(left)} left",
            )
        else:
            self._remove(event.number)
            self._progress.console.print(Text(line_of(event) or ""), soft_wrap=True)
            self._show_idle()

    def _remove(self, number: int | None) -> None:
        if number is not None and (bar := self._bars.pop(number, None)) is not None:
            self._progress.remove_task(bar)

    def _show_idle(self) -> None:
        """Something that moves, where no run is under way."""
        if not self._bars and self._idle is None:
            self._idle = self._progress.add_task("", total=None, left="")


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
