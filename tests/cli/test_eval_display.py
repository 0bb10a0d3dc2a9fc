"""What ``eval`` shows while it measures, driven by events alone."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from longembed_eval.events import RunDone, RunFailed, RunProgress, RunStarted
from longembed_eval.results import Cost, Failure, Row
from longembed_rag.cli.eval_display import (
    BarDisplay,
    PlainDisplay,
    eval_display,
    line_of,
    time_left,
)

ROW = Row(
    task="qmsum",
    group="qmsum",
    kind="labelled",
    main_metric="ndcg@10",
    length=None,
    system="pcw",
    settings={},
    metrics={"ndcg@10": 34.96},
    cost=Cost(
        documents=1,
        tokens=1,
        tokens_read=1,
        index_seconds=1.0,
        peak_memory_bytes=1,
        vectors=1,
        index_bytes=1,
        query_ms=1.0,
    ),
    scores={},
    rankings={},
)
STARTED = RunStarted("qmsum", "pcw", 2, 12)
DONE = RunDone(ROW, False, 75.0, 2)


def test_lines_that_stay() -> None:
    """What is done, what was kept, and what failed leave one line each; the rest none."""
    assert line_of(DONE) == "qmsum  pcw  ndcg@10 35.0  1 min 15 s"
    assert line_of(replace(DONE, kept=True)) == "qmsum  pcw  ndcg@10 35.0  kept from before"
    failure = Failure(task="qmsum", system="pcw", reason="first\nsecond\x1b[31m")
    line = line_of(RunFailed(failure, 2))
    assert line is not None
    assert line.startswith("failed qmsum  pcw: first")
    assert line.isprintable()
    assert line_of(RunFailed(replace(failure, system=None), None)) == line.replace("  pcw", "")
    assert line_of(STARTED) is None
    assert line_of(RunProgress(1, 2, 3.0, 2)) is None


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (RunProgress(0, 100, 60.0, 2), None),
        (RunProgress(50, 100, 1.9, 2), None),
        (RunProgress(25, 100, 10.0, 2), 30.0),
        (RunProgress(100, 100, 10.0, 2), 0.0),
    ],
)
def test_time_left_is_at_the_speed_so_far(event: RunProgress, left: float | None) -> None:
    """Unknown before anything is read, and in the first moments."""
    assert time_left(event) == left


def test_plain_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """One when a run begins, one when it ends; progress would fill a log."""
    display = PlainDisplay()
    for event in (STARTED, RunProgress(1, 2, 3.0, 2), RunProgress(2, 2, 6.0, 2), DONE):
        display.show(event)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "[2/12] qmsum  pcw",
        "qmsum  pcw  ndcg@10 35.0  1 min 15 s",
    ]


def test_without_a_terminal_lines_are_plain() -> None:
    """Pipes and files get no bar."""
    with eval_display() as display:
        assert isinstance(display, PlainDisplay)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run in hand with its number and the time left; what is done stays above it."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with eval_display() as display:
        assert isinstance(display, BarDisplay)
        for event in (STARTED, RunProgress(25, 100, 10.0, 2), DONE):
            display.show(event)
    assert "qmsum  pcw  ndcg@10 35.0  1 min 15 s" in stream.getvalue()


def test_the_bar_follows_the_run() -> None:
    """Description, part done and time left; a new run begins at nothing."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress(TextColumn("{task.description}"), console=console) as progress:
        display = BarDisplay(progress)
        display.show(STARTED)
        (task,) = progress.tasks
        assert task.description == "[2/12] qmsum  pcw"
        assert (task.total, task.completed) == (None, 0)
        display.show(RunProgress(25, 100, 10.0, 2))
        assert (task.total, task.completed, task.fields["left"]) == (100, 25, "30.0 s left")
        display.show(RunProgress(0, 0, 0.0, 2))
        assert task.total == 1
        display.show(DONE)
        display.show(replace(STARTED, number=3))
        (task,) = progress.tasks
        assert task.description == "[3/12] qmsum  pcw"
        assert (task.total, task.completed, task.fields["left"]) == (None, 0, "")
    assert len(progress.tasks) == 1


def test_runs_side_by_side_have_a_bar_each() -> None:
    """Each follows its own run; what has ended goes, and something moves where there is none."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress(TextColumn("{task.description}"), console=console) as progress:
        display = BarDisplay(progress)
        for event in (STARTED, replace(STARTED, number=3), RunProgress(25, 100, 10.0, 2)):
            display.show(event)
        assert [(task.description, task.completed) for task in progress.tasks] == [
            ("[2/12] qmsum  pcw", 25),
            ("[3/12] qmsum  pcw", 0),
        ]
        display.show(DONE)
        assert [task.description for task in progress.tasks] == ["[3/12] qmsum  pcw"]
        failure = Failure(task="qmsum", system="pcw", reason="lost")
        display.show(RunFailed(failure, 3))
        assert [task.description for task in progress.tasks] == [""]


def test_names_are_shown_as_they_are() -> None:
    """Square brackets in a system's name or a reason are no markup."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with Progress(TextColumn("{task.description}", markup=False), console=console) as progress:
        display = BarDisplay(progress)
        display.show(
            RunFailed(Failure(task="[red]t[/red]", system="s", reason="[/] bad [bold]"), 2)
        )
    assert "failed [red]t[/red]  s: [/] bad [bold]" in stream.getvalue()
