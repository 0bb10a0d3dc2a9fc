"""``longembed-rag remove``: documents out of the collection."""

from __future__ import annotations

from collections.abc import Sequence

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.naming import find_document
from longembed_rag.cli.options import purge_option, store_options
from longembed_rag.cli.output import one_line, shown_path, write_json


@click.command(
    "remove",
    cls=Command,
    short_help="Remove documents from the collection.",
    epilog="""\b
Examples:
  longembed-rag remove reports/draft.pdf
  longembed-rag remove minutes-7 minutes-8 --json
  longembed-rag remove letter.docx --purge""",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@store_options
@purge_option
@click.pass_context
def remove_command(
    context: click.Context,
    sources: Sequence[str],
    purge: bool,
    location: StoreLocation,
    as_json: bool,
) -> None:
    """Remove documents with their passages from the collection; no file is touched.

    SOURCE is a path as it is typed here, a URL, the id that a program added it with, or the id of
    its point. What is removed is found no more; --purge takes it out of the store's files, too. A
    file that stays in its folder comes back with the next ingest of that folder. Exit code 1: some
    are not in the collection; they are named, and the others removed.
    """
    with location.library() as library:
        found = {source: find_document(library, source) for source in sources}
        removed = library.remove([each.source for each in found.values() if each is not None])
        if purge:
            library.purge()
    gone = set(removed)
    unknown = [
        s for s, document in found.items() if document is None or document.source not in gone
    ]
    if as_json:
        write_json({"removed": list(removed), "unknown": unknown})
    else:
        for source in removed:
            click.echo(f"removed  {shown_path(source)}")
    for source in unknown:
        theirs = " (another program has put it there)" if found[source] is not None else ""
        told = f"not in collection {library.collection}: {source}{theirs}"
        click.echo(one_line(told), err=True)
    if unknown:
        context.exit(FAILED)
