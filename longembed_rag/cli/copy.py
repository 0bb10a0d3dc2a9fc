"""``longembed-rag copy``: a collection to another place, without embedding it again."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.location import StoreLocation, api_key_for, tell_waiting
from longembed_rag.cli.options import storage_options, store_options
from longembed_rag.cli.output import count, duration, one_line, shown_path, write_json
from longembed_rag.cli.pulse import pulse
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from longembed_rag.library.library import Library
    from longembed_rag.store.copying import CopyReport


@click.command(
    "copy",
    cls=Command,
    short_help="Copy the collection to another store, without the model.",
    interrupted="what was copied is there; run the same command again to go on",
    epilog="""\b
Examples:
  longembed-rag copy --to http://localhost:6333
  longembed-rag copy --url http://localhost:6333 --collection reports --to backup/
  longembed-rag copy --path old --to new --json""",
)
@click.option(
    "--to",
    required=True,
    metavar="URL|PATH",
    help="Where to: the address of a Qdrant server, or the folder of an embedded store.",
)
@click.option(
    "--to-collection",
    metavar="NAME",
    help="Name of the collection there.  [default: the same]",
)
@store_options
@storage_options
@click.pass_context
def copy_command(
    context: click.Context,
    to: str,
    to_collection: str | None,
    location: StoreLocation,
    storage: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Copy documents, passages and vectors as they are from one store to another.

    Runs no model. Documents that are there already are passed over, and those that only the other
    store holds stay in it. It can be stopped at any moment; the same command goes on. Exit code 1:
    some documents could not be copied; they are named, and the others are there.
    """
    collection = to_collection or location.collection
    waiting = {"timeout": location.timeout, "wait": location.wait}
    with (
        location.library() as library,
        _target(library, to, collection, **waiting, **storage) as target,
        _progress() as on_progress,
    ):
        report = library.copy(target, on_progress=on_progress)
    place = library.location if _is_there(library, to) else target.location
    if as_json:
        write_json({**report.to_dict(), "location": place, "collection": target.collection})
    _summarise(report, f"collection {target.collection} at {place}")
    if report.failed:
        context.exit(FAILED)


def _target(library: Library, to: str, collection: str, **options: Any) -> Library:
    """The library to copy into.

    Raises:
        SettingsError: It is neither an address nor a folder.
    """
    from longembed_rag.library.library import Library

    is_url = to.lower().startswith(("http://", "https://"))
    if not is_url and re.fullmatch(r"[\w.-]+:\d+", to) and not Path(to).exists():
        raise SettingsError(f"to={to!r}: the address of a server begins with http://, or https://")
    if _is_there(library, to):  # another collection in the same store, which is open already
        return Library.open(client=library.store.client, collection=collection)
    url = to if is_url else None
    key = os.environ.get("LONGEMBED_TO_API_KEY") or api_key_for(url)
    path = None if url else to
    return Library.open(
        path, url=url, api_key=key, collection=collection, on_wait=tell_waiting, **options
    )


def _is_there(library: Library, to: str) -> bool:
    """Whether it is the folder that the library lies in, by whatever name."""
    if library.path is None:
        return False
    there, here = os.path.expanduser(to), library.path.expanduser()  # noqa: PTH111
    return os.path.realpath(there) == os.path.realpath(here)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line that moves on a terminal, and one a minute elsewhere."""
    if not sys.stderr.isatty():
        state = [""]

        def note(done: int, total: int) -> None:
            state[0] = f"{done:,} of {count(total, 'document')}"

        pulse.doing(lambda: state[0])
        yield note
        return

    def show(done: int, total: int) -> None:
        click.echo(f"\r{done:,}/{count(total, 'document')} ", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def _summarise(report: CopyReport, place: str) -> None:
    for source, reason in report.failed.items():
        click.echo(f"failed {shown_path(source)}: {one_line(reason)}", err=True)
    told = [f"{count(report.copied, 'document')} copied"]
    if report.unchanged:
        told.append(f"{report.unchanged:,} there already")
    if report.others:
        told.append(f"{count(report.others, 'point')} of other programs")
    if report.failed:
        told.append(f"{len(report.failed):,} failed")
    click.echo(
        f"{', '.join(told)}; {one_line(place)}; {duration(report.seconds)}",
        err=True,
    )
