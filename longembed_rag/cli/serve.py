"""``longembed-rag serve``: the collection for other programs, people and assistants."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import (
    GivenSettings,
    encoder_options,
    keeping_options,
    reading_options,
    store_options,
)
from longembed_rag.cli.output import one_line, write_json
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.selecting import selection_options
from longembed_rag.cli.serving import server_options
from longembed_rag.errors import MissingDependencyError, SettingsError, StoreLockedError
from longembed_rag.server.options import DEFAULT_PORT, DETACHED_IDLE, ServerOptions

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.selection import Selection

_MINUTE = 60.0
_NEEDS = (
    *("fastapi", "fastapi_offline", "mcp", "prometheus_client", "python_multipart", "uvicorn"),
    "watchfiles",
)
#: What only this process does, and not the one that it starts.
_NOT_HANDED_ON = ("detach", "stop", "port", "idle", "as_json", "debug")


@click.command(
    "serve",
    cls=Command,
    short_help="Serve the collection: OpenAI's API, search, a page, MCP.",
    interrupted="ended",
    epilog="""\b
Examples:
  longembed-rag serve
  longembed-rag serve --watch reports/ --port 8080
  longembed-rag serve --detach
  longembed-rag serve --stop
  LONGEMBED_SERVER_KEY=$(openssl rand -hex 32) longembed-rag serve --host 0.0.0.0""",
)
@click.option(
    "--watch",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep the collection in step with a folder; may be given several times.",
)
@click.option(
    "--detach", is_flag=True, help="Leave a server running, and come back as soon as it answers."
)
@click.option("--stop", is_flag=True, help="End the server that has the store open.")
@server_options
@selection_options
@store_options
@reading_options
@keeping_options
@encoder_options
@click.pass_context
def serve_command(
    context: click.Context,
    watch: Sequence[Path],
    detach: bool,
    stop: bool,
    serving: Callable[..., ServerOptions],
    port: int | None,
    idle: float | None,
    selection: Selection,
    location: StoreLocation,
    reading: ReadOptions,
    keeping: dict[str, Any],
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Keep the model warm and the store open for whoever asks, until Ctrl-C.

    Other programs use /v1/embeddings as they use OpenAI's, and /v1/search; people open the address
    in a browser; assistants come by MCP at /mcp. /docs tells all of it. Only this machine reaches
    it unless --host says otherwise, and then only with the key in LONGEMBED_SERVER_KEY.

    While it runs, the other commands use it for the store that it holds.
    """
    if stop:
        _stop(location, as_json=as_json)
        return
    _require_packages()
    port = port if port is not None else (0 if detach else DEFAULT_PORT)
    options = serving(port=port)
    if detach:
        idle = DETACHED_IDLE if idle is None else idle
        flags = [f"--port={port}", f"--idle={idle}", *handed_on(context)]
        _detach(location, flags, as_json=as_json)
        return
    from longembed_rag.server.logs import log_to_stderr
    from longembed_rag.server.remote import ServerLink
    from longembed_rag.server.running import serve

    if location.path is not None and (link := ServerLink.find(location.path)) is not None:
        raise StoreLockedError(
            f"the store at {location.path} is served by {link.described} already",
            "use that one, or end it with 'longembed-rag serve --stop' first",
        )

    quiet_transformers()
    log_to_stderr()

    def ready(address: str) -> None:
        click.echo(
            one_line(f"serving {location.collection} at {address} (Ctrl-C ends it)"), err=True
        )
        if as_json:
            write_json({"url": address, "collection": location.collection})

    with location.own_library(**keeping, **given.values) as library:
        serve(
            library,
            options,
            watch=watch,
            selection=selection,
            reading=reading,
            idle=None if idle is None else idle * _MINUTE,
            on_ready=ready,
        )


def _require_packages() -> None:
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"serving needs {', '.join(missing)}: pip install 'longembed-rag[serve]'"
        )


def _held(location: StoreLocation) -> Path:
    if location.path is None:
        raise SettingsError(
            "url: only the server of an embedded store is found by its folder; end the other where "
            "it was started"
        )
    return location.path


def _stop(location: StoreLocation, *, as_json: bool) -> None:
    from longembed_rag.server import detached
    from longembed_rag.server.remote import ServerLink

    store = _held(location)
    link = ServerLink.find(store)
    process = None if link is None else detached.stop(link)
    if as_json:
        write_json({"stopped": process})
    elif process is None:
        click.echo(one_line(f"no server has the store at {store} open"), err=True)
    else:
        click.echo(f"ended the server (process {process})", err=True)


def _detach(location: StoreLocation, flags: Sequence[str], *, as_json: bool) -> None:
    from longembed_rag.server import detached
    from longembed_rag.server.remote import ServerLink

    store = _held(location)
    link = ServerLink.find(store) or detached.start(store, flags)
    if as_json:
        write_json(link.status)
    else:
        click.echo(one_line(f"{link.described} serves {link.status['collection']}"), err=True)


def handed_on(context: click.Context) -> list[str]:
    """The flags of this command line for another process; the rest it finds where this one did."""
    flags: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in _NOT_HANDED_ON or source is not ParameterSource.COMMANDLINE:
            continue
        if not isinstance(parameter, click.Option):
            continue
        value = context.params[name]
        if isinstance(value, bool):
            flags.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            values = value if parameter.multiple else [value]
            flags += [f"{parameter.opts[-1]}={_absolute(each)}" for each in values]
    return flags


def _absolute(value: Any) -> Any:
    return value.absolute() if isinstance(value, Path) else value
