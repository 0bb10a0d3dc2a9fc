"""``longembed-rag mcp``: the collection for an assistant, over standard input and output."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import (
    GivenSettings,
    encoder_options,
    keeping_options,
    store_options,
)
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.serving import READ_ONLY_SPEC
from longembed_rag.errors import MissingDependencyError
from longembed_rag.store.inheritance import build_settings

if TYPE_CHECKING:
    from longembed_rag.library.library import Library


@click.command(
    "mcp",
    cls=Command,
    short_help="Let an assistant search the collection (MCP).",
    interrupted="ended",
    epilog="""\b
Examples, as an assistant's configuration names it:
  longembed-rag mcp --path /home/me/index --read-only
  longembed-rag mcp --url http://localhost:6333 --collection reports""",
)
@READ_ONLY_SPEC.decorate
@store_options
@keeping_options
@encoder_options
def mcp_command(
    read_only: bool,
    location: StoreLocation,
    keeping: dict[str, Any],
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Speak MCP on standard input and output: search, read, list and add documents.

    An assistant starts it by itself. A server that has the store open (serve) is used; else the
    store is opened when the first tool needs it, and held as long as the assistant runs. --json
    changes nothing: the protocol is JSON.
    """
    if importlib.util.find_spec("mcp") is None:
        raise MissingDependencyError(
            "assistants need the package mcp: pip install 'longembed-rag[serve]'"
        )
    build_settings(given.values)  # first: an assistant shows nobody what is said later
    from longembed_rag.server.greeting import greeted

    with ExitStack() as ending, greeted():
        from longembed_rag.server.assistant import create_assistant

        quiet_transformers()
        opened: list[Library] = []
        lock = Lock()

        def find() -> Library:
            with lock:
                if not opened:
                    library = location.library(**keeping, **given.values)
                    opened.append(ending.enter_context(library))
                return opened[0]

        create_assistant(find, read_only=read_only).run("stdio")
