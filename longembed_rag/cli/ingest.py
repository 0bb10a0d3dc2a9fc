"""``longembed-rag ingest``: files into the collection, each read whole."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.dry_run import show_plan
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import (
    GivenSettings,
    encoder_options,
    keeping_options,
    paths_argument,
    reading_options,
    store_options,
)
from longembed_rag.cli.output import (
    count,
    duration,
    one_line,
    printable,
    shown_path,
    skipped_line,
    wrapped,
    write_json,
)
from longembed_rag.cli.progress import Display, Tally, ingest_display
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.ray_options import RayChoice, ray_options
from longembed_rag.cli.selecting import excluded_line, selection_options
from longembed_rag.cli.session import load_encoder
from longembed_rag.cli.streams import errors_of_python
from longembed_rag.errors import TruncationWarning, UnknownTokensWarning
from longembed_rag.ray_cluster import LOCAL

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.selection import Selection
    from longembed_rag.files.values import Failure
    from longembed_rag.ingest.report import Event, IngestReport, Spread
    from longembed_rag.library.library import Library


@click.command(
    "ingest",
    cls=Command,
    short_help="Read files and folders into the collection.",
    interrupted="every document that was finished is stored; run the same command again to go on",
    epilog="""\b
Examples:
  longembed-rag ingest reports/
  longembed-rag ingest reports/ minutes.pdf --model intfloat/e5-base-v2
  longembed-rag ingest reports/ --exclude drafts/ --exclude '*.log'
  longembed-rag ingest reports/ --dry-run --method gp --max-length 8192
  longembed-rag ingest reports/ --method gp --max-length 8192 --path index
  longembed-rag ingest s3://bucket/reports minutes.pdf
  longembed-rag ingest reports/ --url http://localhost:6333 --collection reports
  longembed-rag ingest s3://bucket/reports --url http://qdrant:6333 --ray auto --gpus 8""",
)
@paths_argument
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be done and how each file would be read, and do nothing; loads no "
    "weights.",
)
@click.option(
    "--allow-deletions",
    is_flag=True,
    help="Delete all, or most, of a folder's documents if their files are gone.",
)
@click.option(
    "--reread",
    is_flag=True,
    help="Read every file, also those whose times and sizes are as they were.",
)
@ray_options("one for each GPU, or for every four processors")
@selection_options
@store_options
@reading_options
@keeping_options
@encoder_options
@click.pass_context
def ingest_command(
    context: click.Context,
    paths: Sequence[Path | str],
    dry_run: bool,
    allow_deletions: bool,
    reread: bool,
    ray: RayChoice,
    selection: Selection,
    location: StoreLocation,
    reading: ReadOptions,
    keeping: dict[str, Any],
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Read files and folders, here or in buckets, and bring the collection up to date with them.

    PATH is a file, a folder, or a URL such as s3://bucket/reports (gs://, az://, and others).
    Folders are searched recursively for documents, source code and settings; --all-text takes
    whatever holds text, --exclude and .longembedignore leave out. A file that is named itself is
    taken. Each document is embedded whole and becomes one point. Run it again whenever files
    change: unchanged ones are skipped, changed ones replaced, and those that are gone from the
    given folders, or are left out now, are deleted from the collection. It can be stopped at any
    moment; what is finished is stored. Files that cannot be read are named, and the others are
    still done.

    The defaults below are those of a new collection. One that exists goes on with the model and
    settings that it was made with; setting others is refused.
    """
    how: dict[str, Any] = {
        "allow_deletions": allow_deletions,
        "selection": selection,
        "reread": reread,
        "reading": reading,
    }
    with location.library(**keeping, **given.values) as library:
        if dry_run:
            quiet_transformers()
            plan = library.ingest(paths, dry_run=True, **how)
            show_plan(plan, as_json=as_json)
            failed = plan.failed
        else:
            own_errors = nullcontext() if ray.address is None else errors_of_python()
            if ray.address is not None:
                how |= {"ray": ray.address, "workers": ray.workers, "gpus": ray.gpus}
            with own_errors:
                failed = _ingest(library, paths, as_json=as_json, **how)
    if failed:
        context.exit(FAILED)


def _ingest(
    library: Library, paths: Sequence[Path | str], *, as_json: bool, **how: Any
) -> tuple[Failure, ...]:
    """Ingest, and show how it goes; gives what failed."""
    if (damage := library.mend().damage) is not None:
        click.echo(wrapped(damage), err=True)
    encoder = load_encoder(library)
    with ingest_display() as display, warnings.catch_warnings():
        # The display says it with the document's other numbers.
        warnings.simplefilter("ignore", TruncationWarning)
        warnings.simplefilter("ignore", UnknownTokensWarning)
        report: IngestReport = library.ingest(
            paths,
            on_event=partial(_show, display=display, encoder=encoder, library=library),
            **how,
        )
    if as_json:
        write_json(_as_dict(report, display.tally, encoder=encoder, library=library))
    _summarise(report, display.tally)
    return report.failed


def _show(event: Event, *, display: Display, encoder: LongEncoder, library: Library) -> None:
    """Show an event; before the first, which model reads how, and where it all goes."""
    from longembed_rag.ingest.report import Spread, Started

    if isinstance(event, Spread):
        click.echo(_of_processes(event), err=True)
    if isinstance(event, Started):
        click.echo(
            f"{printable(encoder.model_name)} ({encoder.method}) into collection "
            f"{one_line(library.collection)} at {one_line(library.location)}",
            err=True,
        )
        if event.again:
            click.echo(
                f"late interaction is new to {count(event.again, 'document')} of the collection "
                f"({count(event.again_tokens, 'token')}): those among the files are read once more",
                err=True,
            )
    display.show(event)


def _of_processes(event: Spread) -> str:
    """Which processes share the work, and where Ray shows them."""
    where = "this machine" if event.address == LOCAL else f"the Ray cluster {event.address}"
    gpus = f", {event.gpus} with a GPU each" if event.gpus else ""
    page = f"; Ray's dashboard: {event.dashboard}" if event.dashboard else ""
    models = f"{count(event.models, 'model')} in processes of their own{gpus}"
    return one_line(f"{models}, {event.others} more that read and write, on {where}{page}")


def _as_dict(
    report: IngestReport, tally: Tally, *, encoder: LongEncoder, library: Library
) -> dict[str, Any]:
    return {
        **report.to_dict(),
        "truncated": [
            {"source": source, "tokens": tokens, "tokens_read": read}
            for source, tokens, read in tally.truncated
        ],
        "notes": [{"source": source, "note": note} for source, note in tally.notes],
        "collection": library.collection,
        "location": library.location,
        "model": encoder.model_name,
        "method": encoder.method,
        "fingerprint": encoder.fingerprint,
    }


def _summarise(report: IngestReport, tally: Tally) -> None:
    """The last line: what has changed in the collection, and at what speed."""
    numbers = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "deleted": report.deleted,
        "failed": len(report.failed),
    }
    if report.recovered:
        names = one_line(", ".join(shown_path(source) for source in report.recovered[:3]))
        more = ", ..." if len(report.recovered) > 3 else ""
        click.echo(f"an earlier run had stopped in the middle; put right: {names}{more}", err=True)
    changes = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
    work = ""
    if report.tokens:
        speed = tally.tokens_per_second
        work = f"{count(report.tokens, 'token')} embedded" + (
            f" at {speed:,.0f} tokens/s; " if speed else "; "
        )
    click.echo(
        f"{changes or 'no documents found'}; {work}{duration(report.seconds)}",
        err=True,
    )
    for remark in report.remarks:
        click.echo(wrapped(remark), err=True)
    if report.excluded:
        click.echo(excluded_line(report.excluded), err=True)
    if report.skipped:
        click.echo(skipped_line([skipped.source for skipped in report.skipped]), err=True)
