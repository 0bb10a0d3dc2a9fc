"""What ingest shows while it works, driven by events alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from longembed_rag.cli.progress import BarDisplay, PlainDisplay, Tally, bar_progress
from longembed_rag.ingest.report import (
    DocumentDeleted,
    DocumentDone,
    DocumentFailed,
    DocumentProgress,
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


def moving_line(width: int, events: Sequence[Event]) -> str:
    """The line that stands on a terminal after some events."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, highlight=False)
    progress = bar_progress(console)
    display = BarDisplay(progress)
    for event in events:
        display.show(event)
    with console.capture() as captured:
        console.print(progress.make_tasks_table(progress.tasks))
    (line,) = captured.get().splitlines()
    return line


def long_read(source: str, *, documents: int = 1, read: int = 1_250_000) -> list[Event]:
    """Two and a half million tokens, read in part for ten minutes."""
    return [
        Started(total=documents, total_bytes=9_000_000),
        DocumentStarted(source=source, size=9_000_000, position=1),
        DocumentProgress(
            source=source, tokens_done=read, tokens_total=2_500_000, seconds=read / 2500
        ),
    ]


@pytest.mark.parametrize(("width", "documents"), [(80, 1), (80, 1234), (120, 1234)])
def test_a_single_large_file_shows_tokens_speed_and_time_left(width: int, documents: int) -> None:
    """All of them move while one document is read, whole, beside the end of its name."""
    source = "/archive/of/many/years/annual-report-2025.pdf"
    line = moving_line(width, long_read(source, documents=documents))
    assert " 1,250,000 tokens 2,500 tokens/s 8 min 20 s left " in line
    assert line.rstrip().endswith("report-2025.pdf")
    assert len(line.rstrip()) <= width
    later = moving_line(width, long_read(source, documents=documents, read=2_000_000))
    assert " 2,000,000 tokens 2,500 tokens/s 3 min 20 s left " in later


def test_the_bar_is_for_wide_terminals() -> None:
    """At 120 columns it shows the half that is read; at 80 the numbers need its place."""
    assert "━" * 10 in moving_line(120, long_read("/x/a.txt"))
    assert "━" not in moving_line(80, long_read("/x/a.txt"))


def test_other_columns_give_way_to_the_name() -> None:
    """First the count of documents gets shorter, then it goes, then the speed."""
    events = long_read("/archive/annual-report-2025.pdf", documents=1234)
    assert "0/1,234 documents" in moving_line(100, events)
    assert "0/1,234 1,250,000 tokens" in moving_line(82, events)
    assert "0/1,234" not in moving_line(74, events)
    narrow = moving_line(62, events)
    assert "tokens/s" not in narrow
    assert "8 min 20 s left" in narrow
    assert narrow.rstrip().endswith("report-2025.pdf")


def test_wide_characters_count_twice() -> None:
    """A name of wide characters is shortened from the left as well, and keeps its end."""
    line = moving_line(80, long_read("/x/" + "報告書" * 20 + ".pdf"))
    assert "8 min 20 s left …" in line
    assert line.rstrip().endswith("報告書.pdf")
