"""The click command and group that every command of ours is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from longembed_rag._version import __version__
from longembed_rag.cli.config import CONFIG_FILE, load_config
from longembed_rag.cli.configurable import CONFIGURABLE
from longembed_rag.cli.failures import DONE, FAILED, debugging, reported, write_error
from longembed_rag.cli.option_specs import COMMON_SECTION
from longembed_rag.cli.output import printable, write_json
from longembed_rag.cli.pulse import pulse
from longembed_rag.cli.quiet import quiet_libraries
from longembed_rag.cli.streams import UnwrittenError, give_up_output, prepare_streams
from longembed_rag.errors import SettingsError
from longembed_rag.interrupts import interrupts
from longembed_rag.limits import lack_of_threads

_INTERRUPTED = "stopped before it was done"


def _asks_for(flag: str, args: Sequence[str]) -> bool:
    """Whether a flag stands among arguments that may not even be valid."""
    own = args[: args.index("--")] if "--" in args else args
    return flag in own


@contextmanager
def _usage_errors_as_json(as_json: bool) -> Iterator[None]:
    """Write wrong usage to stdout as JSON too; click writes it to stderr and exits with 2."""
    try:
        yield
    except click.UsageError as error:
        message = error.format_message()
        if as_json:
            write_error("UsageError", message)
        if printable(message) != message:  # it quotes what was typed, or found by a shell
            raise click.UsageError(printable(message), error.ctx) from error
        raise


def _require_ground() -> None:
    """Refuse to work in a folder that is gone, or without threads.

    No relative path means anything there, and libraries end the process that cannot begin theirs.

    Raises:
        SettingsError: It is gone, or no threads can begin.
    """
    if (lack := lack_of_threads()) is not None:
        raise SettingsError(lack)
    try:
        os.getcwd()  # noqa: PTH109 - the system's word
    except FileNotFoundError as error:
        raise SettingsError(
            "the working folder is gone; change to one that exists, for instance by 'cd'"
        ) from error


class Command(click.Command):
    """A command with ``--json``, the shared error handling and options under headings.

    Args:
        interrupted: What to tell someone who stops the command with Ctrl-C.
    """

    def __init__(self, *args: Any, interrupted: str = _INTERRUPTED, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.interrupted = interrupted
        self.params.append(
            click.Option(
                ["--json", "as_json"],
                is_flag=True,
                help="Print one JSON value on stdout and nothing else there.",
            )
        )
        self.params.append(click.Option(["--debug"], is_flag=True, hidden=True))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the arguments, with ``longembed.toml`` as the source of defaults."""
        as_json, debug = _asks_for("--json", args), debugging() or _asks_for("--debug", args)
        if os.environ.get("NO_COLOR"):
            extra.setdefault("color", False)
        with reported(as_json=as_json, debug=debug, interrupted=self.interrupted):
            _require_ground()
            try:
                extra["default_map"] = load_config(Path(CONFIG_FILE), types=CONFIGURABLE)
            except SettingsError:
                # Help is given even where the file is wrong. Only click knows whether it is asked
                # for: "-h" may be the value of an option. If it is, this prints it and ends.
                if any(_asks_for(flag, args) for flag in ("-h", "--help")):
                    super().make_context(info_name, list(args), parent, **extra)
                raise
        with _usage_errors_as_json(as_json):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors become one line and an exit code."""
        debug = ctx.params.pop("debug") or debugging()
        as_json = ctx.params["as_json"]
        with (
            reported(as_json=as_json, debug=debug, interrupted=self.interrupted),
            _usage_errors_as_json(as_json),
            quiet_libraries(debug=debug),
            pulse.beating(ctx.info_name or ""),
        ):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of each heading together, the common ones first."""
        sections: dict[str, list[tuple[str, str]]] = {COMMON_SECTION: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None or isinstance(parameter, click.Argument):
                continue
            section = getattr(parameter, "section", COMMON_SECTION)
            sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


class Group(click.Group):
    """The program itself: commands in the order in which a newcomer meets them."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the program, whatever became of its standard streams."""
        prepare_streams()
        if not (args or options.get("args")) and not debugging():
            interrupts.take_over()
        try:
            try:
                return super().main(*args, **options)
            finally:
                interrupts.is_answered = True  # what follows is the end of the interpreter
                sys.stdout.flush()
        except UnwrittenError as error:
            give_up_output()
            click.echo(f"error: {error}", err=True)
            raise SystemExit(FAILED) from error

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse what stands before the command; wrong use and the version are JSON if asked for."""
        own = list(takewhile(lambda each: each.startswith("-"), args))
        if "--json" in own and not {"-V", "--version"}.isdisjoint(own):
            write_json({"version": __version__})
            raise click.exceptions.Exit(DONE)
        with _usage_errors_as_json(_asks_for("--json", args)):
            return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by name; an unknown one is reported as JSON where that is asked for."""
        with _usage_errors_as_json(_asks_for("--json", args)):
            return super().resolve_command(ctx, args)
