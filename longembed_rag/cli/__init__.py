"""The ``longembed-rag`` command.

One module per command; torch, Qdrant and the readers are imported by the commands that need
them, when they run.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from longembed_rag._version import __version__
from longembed_rag.cli.command import Group

__all__ = ["main"]


class Commands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is asked for.

    Args:
        names: Of the commands; ``"train"`` lies in ``cli/train.py`` as ``train_command``.
    """

    def __init__(self, *names: str) -> None:
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            module = import_module(f"longembed_rag.cli.{name}")
            command = self._commands[name] = getattr(module, f"{name}_command")
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


@click.group(
    cls=Group,
    commands=Commands(
        *("ingest", "search", "list", "show", "remove", "copy", "info", "verify"),
        *("serve", "mcp", "models", "eval", "tune", "train"),
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Example:
  longembed-rag ingest reports/
  longembed-rag search "who signed the lease?"

\b
Every option that says how things are done (not --json, --dry-run, --to,
--allow-deletions, --filter, --repair, --files, nor what eval and tune measure,
nor how train trains) can also be set as LONGEMBED_<OPTION> in the environment
or, --trust-remote-code excepted, as a key in longembed.toml in the working
directory; flags win over the environment, the environment over the file.

\b
Exit codes: 0 done; 1 some documents failed, or the work did; 2 wrong use
(arguments, settings, model or collection); 130 interrupted.""",
)
@click.version_option(__version__, "-V", "--version", prog_name="longembed-rag")
def main() -> None:
    """Embed whole documents, not chunks, and find them again.

    Each document is read whole, in one go or, where the model cannot, in windows that are averaged,
    and becomes one point in Qdrant, embedded or on a server.
    """
