"""What a benchmark tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from longembed_eval.results import Failure, Row


@dataclass(frozen=True)
class RunStarted:
    """A system begins on a task.

    Attributes:
        task: Name of the task.
        system: The system.
        number: Which run it is, from 1.
        total: How many there are.
    """

    task: str
    system: str
    number: int
    total: int


@dataclass(frozen=True)
class RunProgress:
    """A part of the documents is indexed.

    Attributes:
        done: Characters indexed.
        total: Characters of all documents.
        seconds: Since the run began.
        number: Which run it is: several may be under way.
    """

    done: int
    total: int
    seconds: float
    number: int


@dataclass(frozen=True)
class RunDone:
    """A system is done with a task.

    Attributes:
        row: What it got.
        kept: Whether it had been run before.
        seconds: How long it took now.
        number: Which run it is.
    """

    row: Row
    kept: bool
    seconds: float
    number: int


@dataclass(frozen=True)
class RunFailed:
    """A task or a run could not be done; the others go on.

    Attributes:
        failure: What and why.
        number: Which run it is; None for a task.
    """

    failure: Failure
    number: int | None


Event = RunStarted | RunProgress | RunDone | RunFailed
