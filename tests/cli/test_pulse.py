"""A line a minute while nothing else is said, and none where something is."""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from longembed_rag.cli import pulse as module
from longembed_rag.cli.command import Command
from longembed_rag.cli.eval_display import PlainDisplay as EvalDisplay
from longembed_rag.cli.progress import PlainDisplay
from longembed_rag.cli.pulse import Pulse, pulse
from longembed_rag.ingest.report import DocumentProgress, DocumentStarted, Started


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is due after a tenth of a second."""
    monkeypatch.setattr(module, "INTERVAL", 0.1)


def lines_of(work: Callable[[Pulse], None], capsys: pytest.CaptureFixture[str]) -> list[str]:
    own = Pulse()
    with own.beating("verify"):
        work(own)
    return capsys.readouterr().err.splitlines()


@pytest.mark.usefixtures("often")
def test_long_work_says_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What is at work, for how long, and what it is doing by then."""
    states = iter(["first", "second"])

    def work(own: Pulse) -> None:
        own.doing(lambda: next(states, "later"))
        time.sleep(0.5)

    lines = lines_of(work, capsys)
    assert lines[0].startswith("verify: at work for 0.1 s, first")
    assert lines[1].endswith("second")


@pytest.mark.usefixtures("often")
def test_work_that_talks_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A line of its own is as good as one of these."""

    def work(own: Pulse) -> None:
        for _ in range(25):
            own.told()
            time.sleep(0.01)

    assert lines_of(work, capsys) == []


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Within a minute there is none, and the end waits for none."""
    began = time.monotonic()
    assert lines_of(lambda own: None, capsys) == []
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("often")
def test_a_terminal_has_its_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written among them."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert lines_of(lambda own: time.sleep(0.3), capsys) == []


@pytest.mark.usefixtures("often")
def test_every_command_has_it() -> None:
    """Whatever it does: the line is the command's, and stdout stays its answer's."""

    @click.command("copy", cls=Command)
    def command(as_json: bool) -> None:
        pulse.doing(lambda: "3 of 7 documents")
        time.sleep(0.3)
        click.echo("{}")

    result = CliRunner().invoke(command, ["--json"])
    assert result.stdout == "{}\n"
    assert result.stderr.startswith("copy: at work for 0.1 s, 3 of 7 documents\n")


def test_an_ingest_tells_how_far_a_long_document_is() -> None:
    """Where no line has come for a while, for it takes longer than a minute."""
    display = PlainDisplay()
    display.show(Started(total=3, total_bytes=300))
    display.show(DocumentStarted(source="/books/a.txt", size=100, position=1))
    display.show(
        DocumentProgress(source="/books/a.txt", tokens_done=500, tokens_total=1000, seconds=10.0)
    )
    assert pulse.state() == "0/3 documents, 500 tokens, 50 tokens/s, 50.0 s left, /books/a.txt"


def test_a_benchmark_tells_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The run, its share of the documents, and the time left."""
    from longembed_eval.events import RunProgress, RunStarted

    display = EvalDisplay()
    display.show(RunStarted("books", "whole", 2, 6))
    assert pulse.state() == "[2/6] books  whole"
    display.show(RunProgress(25, 100, 60.0, 2))
    assert pulse.state() == "[2/6] books  whole, 25 % of its documents, 3 min 00 s left"
    assert capsys.readouterr().err == "[2/6] books  whole\n"
    for number in (3, 4, 5):
        display.show(RunStarted("books", "parts", number, 6))
    assert pulse.state() == (
        "[2/6] books  whole, 25 % of its documents, 3 min 00 s left; "
        "[3/6] books  parts; [4/6] books  parts; and 1 more"
    )
