"""``longembed-rag show``: one document, as the collection holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.naming import find_document
from longembed_rag.cli.options import store_options
from longembed_rag.cli.output import (
    count,
    one_line,
    place_in_words,
    printable,
    shown_path,
    write_json,
    write_pairs,
    write_table,
)
from longembed_rag.errors import InputError

if TYPE_CHECKING:
    from longembed_rag.store.document import StoredDocument

_BEGINNING = 60


@click.command(
    "show",
    cls=Command,
    short_help="Show one document: text, metadata, passages.",
    epilog="""\b
Examples:
  longembed-rag show reports/lease.pdf
  longembed-rag show reports/lease.pdf --no-text
  longembed-rag show minutes-7 --json""",
)
@click.argument("source")
@click.option(
    "--text/--no-text", "text", default=True, help="Whether to show the text.  [default: text]"
)
@store_options
def show_command(source: str, text: bool, location: StoreLocation, as_json: bool) -> None:
    """Show the document SOURCE: its metadata, where its passages lie, and its text.

    SOURCE is a path as it is typed here, a URL, the id that a program added it with, or the id of
    its point. Runs no model.
    """
    with location.library() as library:
        document = find_document(library, source)
    if document is None:
        raise InputError(
            f"there is no document {one_line(source)!r} in collection {library.collection!r} at "
            f"{library.location}; 'longembed-rag list' names those that there are"
        )
    if as_json:
        values = document.to_dict()
        if not text:
            del values["text"]
            for passage in values["passages"]:
                del passage["text"]
        write_json(values)
        return
    _write_document(document)
    if text:
        click.echo(f"\n{printable(document.text)}")


def _write_document(document: StoredDocument) -> None:
    unread = document.tokens - document.tokens_read
    tokens = f"{document.tokens:,}" + (f" ({unread:,} of them not read)" if unread else "")
    write_pairs(
        [
            ("source", shown_path(document.source)),
            ("id", document.document_id),
            ("tokens", f"{tokens}, read in {count(document.windows, 'window')}"),
            ("characters", f"{len(document.text):,}"),
            *([("language", document.language)] if document.language else []),
        ]
    )
    metadata = [
        (one_line(name), value if isinstance(value, str) else json.dumps(value))
        for name, value in document.metadata.items()
        if name != "source"
    ]
    if metadata:
        click.echo("\nMetadata:")
        write_pairs(metadata, indent="  ")
    if document.passages:
        click.echo(f"\n{count(len(document.passages), 'passage')}:")
        write_table(
            ("characters", "tokens", "stands on", "begins"),
            [
                (
                    f"{passage.start:,} to {passage.end:,}",
                    f"{passage.tokens:,}",
                    place_in_words(document.place(passage)),
                    one_line(" ".join(document.text[passage.start :][:_BEGINNING].split())),
                )
                for passage in document.passages
            ],
            right=(0, 1),
        )
