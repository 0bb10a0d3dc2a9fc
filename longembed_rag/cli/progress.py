"""What ``ingest`` shows while it works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import click

from longembed_rag.cli.output import count, duration, one_line, shown_path
from longembed_rag.cli.pulse import pulse

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from longembed_rag.ingest.report import (
        DocumentDone,
        DocumentProgress,
        DocumentStarted,
        Event,
    )


#: The first document also pays for the model's warming up; a guess from it alone is far off.
_TELLING_SECONDS = 4.0
#: Columns of a terminal from which on there is room for a bar beside the numbers.
_WIDE = 110
#: Columns that the bar and the spinner take, each with the blank after it.
_BAR_COLUMNS, _SPINNER_COLUMNS = 21, 2
#: Columns of a line in a file, and what it says.
_PLAIN = 200
_TOLD = ("documents", "tokens", "speed", "left", "current")
#: Columns of a file's name that tell which file it is.
_LEAST_NAME = 20


@dataclass
class Tally:
    """Running sums over the events of an ingest.

    Attributes:
        documents: Documents to look at.
        finished: Documents that are done, failed ones among them.
        bytes_left: Size of the files still to come.
        bytes_total: Size of all files.
        tokens: Tokens embedded so far, those of the document in hand among them; unchanged
            documents are not embedded.
        current: Source of the document in hand.
        truncated: Source, tokens and tokens read of each document that was not read whole.
        notes: Source and remark of each reader's remark.
    """

    documents: int = 0
    finished: int = 0
    bytes_left: int = 0
    bytes_total: int = 0
    current: str = ""
    truncated: list[tuple[str, int, int]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    _tokens: int = 0
    _seconds: float = 0.0
    _bytes_embedded: float = 0.0
    _in_hand: DocumentStarted | None = None
    _progress: DocumentProgress | None = None

    def add(self, event: Event) -> None:
        """Take one event into account."""
        from longembed_rag.ingest.report import (
            DocumentDone,
            DocumentFailed,
            DocumentProgress,
            DocumentStarted,
            Started,
        )

        if isinstance(event, Started):
            self.documents = event.total
            self.bytes_total = self.bytes_left = event.total_bytes
        elif isinstance(event, DocumentStarted):
            self.current, self._in_hand = event.source, event
        elif isinstance(event, DocumentProgress):
            self._progress = event
        elif isinstance(event, DocumentDone | DocumentFailed):
            if self._in_hand is not None:  # folders that cannot be listed fail before any file
                self.finished += 1
                self.bytes_left -= self._in_hand.size
                self._in_hand = self._progress = None
            if isinstance(event, DocumentDone):
                self._add_done(event)

    def _add_done(self, event: DocumentDone) -> None:
        self.notes += [(event.source, note) for note in event.notes]
        if event.status == "unchanged":
            return
        self._tokens += event.tokens_read
        self._seconds += event.seconds
        self._bytes_embedded += event.size
        if event.tokens_read < event.tokens:
            self.truncated.append((event.source, event.tokens, event.tokens_read))

    @property
    def tokens(self) -> int:
        """Tokens embedded so far."""
        return self._tokens + (self._progress.tokens_done if self._progress else 0)

    @property
    def bytes_done(self) -> float:
        """Size of what is done, the part of the document in hand that is read among it."""
        return self.bytes_total - self.bytes_left + self._bytes_in_hand

    @property
    def _bytes_in_hand(self) -> float:
        if self._progress is None or self._in_hand is None:
            return 0.0
        total = max(self._progress.tokens_total, self._progress.tokens_done, 1)
        return self._in_hand.size * self._progress.tokens_done / total

    @property
    def _seconds_spent(self) -> float:
        return self._seconds + (self._progress.seconds if self._progress else 0.0)

    @property
    def tokens_per_second(self) -> float | None:
        """Speed over what was embedded; None before the first part of it."""
        return self.tokens / self._seconds_spent if self._seconds_spent > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Time for the files still to come at the speed so far; None until that can be told.

        By size, not by number, because documents differ by orders of magnitude. Files that turn
        out to be unchanged take no time, so this errs on the long side.
        """
        embedded = self._bytes_embedded + self._bytes_in_hand
        if not embedded or self._seconds_spent < _TELLING_SECONDS:
            return None
        return (self.bytes_total - self.bytes_done) * self._seconds_spent / embedded


class Display(Protocol):
    """Shows the events of an ingest as they come."""

    tally: Tally

    def show(self, event: Event) -> None:
        """Show one event."""


def lines_of(event: Event, *, everything: bool) -> Iterator[str]:
    """The lines that an event leaves behind.

    Args:
        event: The event.
        everything: Also what went well; without it only what someone should know of.
    """
    from longembed_rag.ingest.report import DocumentDeleted, DocumentDone, DocumentFailed

    if isinstance(event, DocumentFailed):
        kept = " (its earlier version stays in the collection)" if event.kept else ""
        yield f"failed {shown_path(event.source)}: {one_line(event.reason)}{kept}"
    elif isinstance(event, DocumentDeleted) and everything:
        yield f"deleted  {shown_path(event.source)}"
    elif isinstance(event, DocumentDone):
        yield from _lines_of_done(event, everything=everything)


def _lines_of_done(event: DocumentDone, *, everything: bool) -> Iterator[str]:
    source = shown_path(event.source)
    if everything and event.status == "unchanged":
        yield f"unchanged  {source}"
    elif everything:
        yield "  ".join(
            (
                event.status,
                source,
                count(event.tokens, "token"),
                count(event.windows, "window"),
                duration(event.seconds),
            )
        )
    for note in event.notes:
        yield f"note: {source}: {one_line(note)}"
    if event.tokens_read < event.tokens:
        yield (
            f"warning: {source}: only {event.tokens_read:,} of its {event.tokens:,} tokens were "
            "read"
        )


class PlainDisplay:
    """One line per document on stderr."""

    def __init__(self) -> None:
        self.tally = Tally()
        pulse.doing(self._state)

    def show(self, event: Event) -> None:
        """Show one event."""
        self.tally.add(event)
        for line in lines_of(event, everything=True):
            click.echo(line, err=True)
            pulse.told()

    def _state(self) -> str:
        """What a line a minute says of a document that takes longer."""
        fields = fields_of(self.tally, room=_PLAIN)
        return ", ".join(filter(None, (fields[name] for name in _TOLD)))


class BarDisplay:
    """A bar with documents, tokens, speed and time left; only what matters stays above it.

    Args:
        progress: As :func:`bar_progress` makes it.
    """

    def __init__(self, progress: Progress) -> None:
        self.tally = Tally()
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None, **self._fields())

    def show(self, event: Event) -> None:
        """Show one event."""
        from rich.text import Text

        self.tally.add(event)
        for line in lines_of(event, everything=False):
            self._progress.console.print(Text(line), soft_wrap=True)
        tally = self.tally
        self._progress.update(
            self._task,
            # Bytes carry the bar, but empty files have none.
            total=max(tally.bytes_total, 1),
            completed=tally.bytes_done,
            **self._fields(),
        )

    def _fields(self) -> dict[str, Any]:
        from rich.progress import BarColumn

        bar = any(isinstance(column, BarColumn) for column in self._progress.columns)
        room = self._progress.console.width - (_BAR_COLUMNS if bar else 0) - _SPINNER_COLUMNS
        return fields_of(self.tally, room=room)


def fields_of(tally: Tally, *, room: int) -> dict[str, str]:
    """What the moving line says, shortened until the name of the file has its place in it.

    Args:
        tally: The numbers.
        room: Columns for all fields, with a blank between each two of them.

    Returns:
        The texts of the columns, by name. A text that finds no place is empty.
    """
    speed, left = tally.tokens_per_second, tally.seconds_left
    position = f"{tally.finished:,}/{tally.documents:,}" if tally.documents else ""
    fields = {
        "documents": f"{tally.finished:,}/{count(tally.documents, 'document')}"
        if tally.documents
        else "",
        "tokens": count(tally.tokens, "token"),
        "speed": f"{speed:,.0f} tokens/s" if speed else "",
        "left": f"{duration(left)} left" if left is not None and tally.bytes_left else "",
    }
    name = shown_path(tally.current) if tally.current else ""
    # What is told by the other fields as well, or is known when it is over, goes first.
    for field_name, shorter in (("documents", position), ("documents", ""), ("speed", "")):
        if _room_beside(fields, room) >= min(len(name), _LEAST_NAME):
            break
        fields[field_name] = shorter
    return {**fields, "current": _end_of(name, room=_room_beside(fields, room))}


def _room_beside(fields: Mapping[str, str], room: int) -> int:
    return room - sum(len(text) + 1 for text in fields.values())


def _end_of(path: str, *, room: int) -> str:
    """The last part of a path, which tells more than its first."""
    from rich.cells import cell_len

    if cell_len(path) <= room:
        return path
    end = path[-max(room - 1, 1) :]
    while len(end) > 1 and cell_len(end) > room - 1:  # some characters are two columns wide
        end = end[1:]
    return f"…{end}"


def bar_progress(console: Console) -> Progress:
    """The moving line, with a bar where the terminal is wide enough for it."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        SpinnerColumn(),
        *([BarColumn(bar_width=20)] if console.width >= _WIDE else []),
        TextColumn("{task.fields[documents]}", markup=False),
        TextColumn("{task.fields[tokens]}", markup=False),
        TextColumn("{task.fields[speed]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[current]}", markup=False, style="dim", table_column=rest),
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,
    )


@contextmanager
def ingest_display() -> Iterator[Display]:
    """The display that fits where stderr goes."""
    if not sys.stderr.isatty():
        yield PlainDisplay()
        return
    from rich.console import Console

    with bar_progress(Console(stderr=True, highlight=False)) as progress:
        yield BarDisplay(progress)
