"""What ``search --refresh`` does before it searches, and what it says of it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import click

from longembed_rag.cli.output import one_line, shown_path
from longembed_rag.cli.progress import ingest_display
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.errors import TruncationWarning, UnknownTokensWarning

if TYPE_CHECKING:
    from longembed_rag.ingest.refresh import Refreshed
    from longembed_rag.ingest.report import Event
    from longembed_rag.library.library import Library


def refresh(library: Library) -> Refreshed:
    """Bring a collection in step with its folders, and say what that changed.

    Raises:
        DeletionsRefusedError: A folder would lose more documents than can be meant.
        LongEmbedError: The collection cannot be brought in step.
    """
    from longembed_rag.ingest.report import DocumentDone

    quiet_transformers()
    with ingest_display() as display, warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        warnings.simplefilter("ignore", UnknownTokensWarning)

        def show(event: Event) -> None:
            # What is as it was is not what somebody who searches waits for.
            if not (isinstance(event, DocumentDone) and event.status == "unchanged"):
                display.show(event)

        done = library.refresh(on_event=show)
    if not done.folders:
        click.echo(
            "note: it is not known here which folders the collection follows, so that nothing was "
            "refreshed; ingest them once from this machine",
            err=True,
        )
    for folder in done.missing:
        click.echo(f"note: {shown_path(folder)} is not there; its documents stay", err=True)
    if done.report is not None:
        numbers = {
            "added": done.report.added,
            "updated": done.report.updated,
            "deleted": done.report.deleted,
            "failed": len(done.report.failed),
        }
        changes = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
        if changes:
            click.echo(f"refreshed: {one_line(changes)}", err=True)
    return done
