"""``longembed-rag list``: the documents of a collection."""

from __future__ import annotations

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import store_options
from longembed_rag.cli.output import count, shown_path, write_json, write_table


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
        documents = sorted(library.all_documents(), key=lambda each: each.source)
    if as_json:
        listed = [each.to_dict() for each in documents]
        write_json({"collection": library.collection, "documents": listed})
        return
    if documents:
        write_table(
            ("source", "tokens", "passages"),
            [
                (shown_path(each.source), f"{each.tokens:,}", f"{each.passages:,}")
                for each in documents
            ],
            right=(1, 2),
        )
    click.echo(count(len(documents), "document"), err=True)
