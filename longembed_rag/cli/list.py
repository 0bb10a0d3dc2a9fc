"""``longembed-rag list``: the documents of a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import store_options
from longembed_rag.cli.output import count, shown_path, write_json, write_table

if TYPE_CHECKING:
    from longembed_rag.library.library import Library

_PAGE = 1000


@click.command(
    "list",
    cls=Command,
    short_help="List the documents of the collection.",
    epilog="""\b
Examples:
  longembed-rag list
  longembed-rag list --path index --json
  longembed-rag list --url http://localhost:6333 --collection reports""",
)
@store_options
def list_command(location: StoreLocation, as_json: bool) -> None:
    """List the documents of the collection by their sources, with their tokens and passages."""
    with location.library() as library:
        documents = sorted(_documents(library), key=lambda each: str(each["source"]))
    if as_json:
        write_json({"collection": library.collection, "documents": documents})
        return
    if documents:
        write_table(
            ("source", "tokens", "passages"),
            [
                (shown_path(each["source"]), f"{each['tokens']:,}", f"{each['passages']:,}")
                for each in documents
            ],
            right=(1, 2),
        )
    click.echo(count(len(documents), "document"), err=True)


def _documents(library: Library) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = library.documents(limit=_PAGE, after=after).to_dict()
        yield from page["documents"]
        after = page["next"]
        if after is None:
            return
