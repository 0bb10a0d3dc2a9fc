"""What ingest shows while it works, driven by events alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from longembed_rag.cli.progress import BarDisplay, PlainDisplay, Tally
from longembed_rag.ingest.report import (
    DocumentDeleted,
    DocumentDone,
    DocumentFailed,
    DocumentStarted,
    Event,
    Started,
    Status,
)


def done(
    source: str, *, status: Status = "added", tokens: int = 1000, tokens_read: int | None = None
) -> DocumentDone:
    return DocumentDone(
        source=source,
        status=status,
        tokens=tokens,
        tokens_read=tokens if tokens_read is None else tokens_read,
        windows=3,
        size=4000,
        seconds=5.0,
    )


def started(source: str) -> DocumentStarted:
    return DocumentStarted(source=source, size=4000, position=1)


def tallied(events: Sequence[Event]) -> Tally:
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def test_speed_and_time_left_come_from_embedded_documents_only() -> None:
    """An unchanged document costs nothing, so it tells nothing about the speed."""
    tally = tallied(
        [
            Started(total=4, total_bytes=16000),
            started("a"),
            done("a", status="unchanged", tokens=99999),
            started("b"),
            done("b"),
        ]
    )
    assert (tally.finished, tally.tokens, tally.bytes_left) == (2, 1000, 8000)
    assert tally.tokens_per_second == 200.0
    assert tally.seconds_left == 10.0


def test_nothing_is_foretold_before_something_was_embedded() -> None:
    """Without a document embedded there is no speed and no time left."""
    tally = tallied([Started(total=1, total_bytes=4000), started("a")])
    assert tally.tokens_per_second is None
    assert tally.seconds_left is None


def test_failures_before_the_first_file_are_no_finished_documents() -> None:
    """A folder that cannot be listed is reported, but it was never one of the documents."""
    tally = tallied(
        [
            Started(total=1, total_bytes=4000),
            DocumentFailed(source="locked", reason="no permission", kept=False),
            started("a"),
            DocumentFailed(source="a", reason="damaged", kept=False),
        ]
    )
    assert (tally.finished, tally.bytes_left) == (1, 0)


def test_plain_lines(capsys: pytest.CaptureFixture[str], clean_directory: Path) -> None:
    """One line per document with its numbers, on stderr, paths relative where they can be."""
    display = PlainDisplay()
    for event in [
        Started(total=5, total_bytes=20000),
        done(str(clean_directory / "a.txt"), tokens=12345),
        done("/elsewhere/b.txt", status="unchanged"),
        done("/elsewhere/c.txt", status="updated", tokens=600, tokens_read=512),
        DocumentFailed(source="/elsewhere/d.pdf", reason="damaged", kept=True),
        DocumentDeleted(source="/elsewhere/e.txt"),
    ]:
        display.show(event)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "added  a.txt  12,345 tokens  3 windows  5.0 s",
        "unchanged  /elsewhere/b.txt",
        "updated  /elsewhere/c.txt  600 tokens  3 windows  5.0 s",
        "warning: /elsewhere/c.txt: only 512 of its 600 tokens were read",
        "failed /elsewhere/d.pdf: damaged (its earlier version stays in the collection)",
        "deleted  /elsewhere/e.txt",
    ]


def test_bar_shows_numbers_and_keeps_only_what_matters() -> None:
    """On a terminal failures and warnings stay, everything else is in the moving line."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200)
    fields = ("documents", "tokens", "speed", "left", "current")
    columns = [TextColumn("{task.fields[" + name + "]}", markup=False) for name in fields]
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        display = BarDisplay(progress)
        for event in [
            Started(total=3, total_bytes=12000),
            started("/x/[bold]a.txt"),
            done("/x/[bold]a.txt"),
            started("/x/b.pdf"),
            DocumentFailed(source="/x/b.pdf", reason="damaged [1]", kept=False),
            started("/x/c.txt"),
        ]:
            display.show(event)
        progress.refresh()
    shown = stream.getvalue()
    assert "failed /x/b.pdf: damaged [1]" in shown
    assert "added" not in shown
    assert "2/3 documents 1,000 tokens 200 tokens/s 5.0 s left /x/c.txt" in shown


def test_the_tally_moves_within_one_document() -> None:
    """Half a document read is half of its bytes, with a speed and a time left of its own."""
    from longembed_rag.ingest.report import DocumentProgress

    tally = Tally()
    tally.add(Started(total=1, total_bytes=1000))
    tally.add(DocumentStarted(source="/book.txt", size=1000, position=1))
    assert (tally.tokens, tally.tokens_per_second, tally.seconds_left) == (0, None, None)
    tally.add(
        DocumentProgress(source="/book.txt", tokens_done=500, tokens_total=1000, seconds=10.0)
    )
    assert tally.tokens == 500
    assert tally.bytes_done == 500
    assert tally.tokens_per_second == 50
    assert tally.seconds_left == 10
