"""``longembed-rag verify``: does the collection hold what it should?"""

from __future__ import annotations

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import purge_option, store_options
from longembed_rag.cli.output import count, one_line, shown_path, write_json


@click.command(
    "verify",
    cls=Command,
    short_help="Compare the collection with its manifest and the files.",
    epilog="""\b
Examples:
  longembed-rag verify
  longembed-rag verify --no-files --json
  longembed-rag verify --repair""",
)
@click.option("--repair", is_flag=True, help="Put right what can be without the files.")
@click.option(
    "--files/--no-files", default=True, help="Whether to read the files, too.  [default: files]"
)
@store_options
@purge_option
@click.pass_context
def verify_command(
    context: click.Context,
    repair: bool,
    files: bool,
    purge: bool,
    location: StoreLocation,
    as_json: bool,
) -> None:
    """Compare manifest, collection and files, and name whatever does not agree.

    All that is stored is read, and compared with what was written. Exit code 0: all agree, or all
    was put right; 1: something is left to do. --repair makes damaged files whole, finishes or
    undoes what an interrupted run had begun, removes passages without a document, and takes out
    documents that have lost something; what needs the files (changed, gone or taken out) is done by
    the next ingest. It runs the model only for a document that comes from no file.
    """
    with location.library() as library:
        report = library.verify(repair=repair, files=files)
        if purge:
            library.purge()
    if as_json:
        write_json(report.to_dict())
    else:
        for finding in report.left:
            name = shown_path(finding.source)
            click.echo(f"{finding.problem}: {name} ({one_line(finding.detail)})")
    done = f"; {report.repaired} put right" if repair else ""
    told = count(len(report.findings), "disagreement") if report.findings else "all agree"
    of = "the store" if report.documents is None else count(report.documents, "document")
    click.echo(f"{of}: {told}{done}", err=True)
    if report.left:
        context.exit(FAILED)
