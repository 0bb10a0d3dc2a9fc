"""The options of a server: flags, ``LONGEMBED_*`` variables and keys of ``longembed.toml``."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from longembed_rag.cli.option_specs import Count, Number, OptionSpec
from longembed_rag.server.options import DEFAULT_HOST, DEFAULT_PORT, MIB, ServerOptions

SERVER_SECTION = "Server"
#: The server's own key, which is another than the one for Qdrant.
KEY_VARIABLE = "LONGEMBED_SERVER_KEY"
_MOST_PORT = 65535

READ_ONLY_SPEC = OptionSpec(
    name="read_only",
    type=click.BOOL,
    help="Let nobody add or remove anything.",
    section=SERVER_SECTION,
    default=False,
    shown_default="no-read-only",
)
SERVER_SPECS = (
    OptionSpec(
        name="host",
        type=click.STRING,
        help="Address to listen on; another than this machine's own wants a key "
        f"({KEY_VARIABLE}) or --no-auth.",
        section=SERVER_SECTION,
        default=DEFAULT_HOST,
        shown_default=DEFAULT_HOST,
    ),
    OptionSpec(
        name="port",
        type=Count(min=0, max=_MOST_PORT),
        help="Port to listen on; 0 takes a free one.",
        section=SERVER_SECTION,
        shown_default=f"{DEFAULT_PORT}; with --detach 0",
    ),
    OptionSpec(
        name="allowed_host",
        type=click.STRING,
        help="Another name that the server is reached by, such as a proxy's; may be given several "
        "times. Where one is given, or --host is this machine's own, other names are refused.",
        metavar="NAME",
        section=SERVER_SECTION,
        shown_default="none",
        multiple=True,
    ),
    READ_ONLY_SPEC,
    OptionSpec(
        name="idle",
        type=Number(min=0, min_open=True),
        help="Minutes without a request after which the server ends.",
        metavar="MINUTES",
        section=SERVER_SECTION,
        shown_default="never; with --detach 30",
    ),
    OptionSpec(
        name="max_body",
        type=Number(min=0, min_open=True),
        help="Most MiB of a request.",
        metavar="MIB",
        section=SERVER_SECTION,
        default=64.0,
        shown_default="64",
    ),
    OptionSpec(
        name="request_timeout",
        type=Number(min=0, min_open=True),
        help="Most seconds that a request takes.",
        metavar="SECONDS",
        section=SERVER_SECTION,
        default=600.0,
        shown_default="600",
    ),
    OptionSpec(
        name="spool",
        type=click.Path(file_okay=False, path_type=str),
        help="Folder for what was sent and is not in the collection yet.",
        metavar="FOLDER",
        section=SERVER_SECTION,
        shown_default="one of this user's",
    ),
)
AUTOSTART_SPEC = OptionSpec(
    name="autostart",
    type=click.BOOL,
    help="Where no server has the store open, start one that stays for the next searches "
    "(serve --detach).",
    section=SERVER_SECTION,
    default=False,
    shown_default="no-autostart",
)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add these options; the function gets ``serving``, what makes ServerOptions, and ``idle``."""

    @functools.wraps(function)
    def wrapper(*args: Any, no_auth: bool, **parameters: Any) -> Any:
        from pathlib import Path

        values = {spec.name: parameters.pop(spec.name) for spec in SERVER_SPECS}
        spool = values["spool"]
        serving = functools.partial(
            ServerOptions,
            host=values["host"],
            key=os.environ.get(KEY_VARIABLE) or None,
            no_auth=no_auth,
            read_only=values["read_only"],
            max_body=round(values["max_body"] * MIB),
            timeout=values["request_timeout"],
            spool=None if spool is None else Path(spool).expanduser().absolute(),
            allowed_hosts=tuple(values["allowed_host"]),
        )
        idle, port = values["idle"], values["port"]
        return function(*args, serving=serving, port=port, idle=idle, **parameters)

    for spec in reversed(SERVER_SPECS):
        wrapper = spec.decorate(wrapper)
    return click.option(
        "--no-auth", is_flag=True, help="Let everybody in who reaches --host, without a key."
    )(wrapper)
