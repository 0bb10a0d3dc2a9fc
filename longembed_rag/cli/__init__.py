"""The ``longembed-rag`` command.

One module per command; torch, Qdrant and the readers are imported by the commands that need
them, when they run.
"""

from __future__ import annotations

import click

from longembed_rag._version import __version__
from longembed_rag.cli.command import Group
from longembed_rag.cli.copy import copy_command
from longembed_rag.cli.eval import eval_command
from longembed_rag.cli.info import info_command
from longembed_rag.cli.ingest import ingest_command
from longembed_rag.cli.list import list_command
from longembed_rag.cli.models import models_command
from longembed_rag.cli.remove import remove_command
from longembed_rag.cli.search import search_command
from longembed_rag.cli.show import show_command
from longembed_rag.cli.train import train_group
from longembed_rag.cli.tune import tune_command
from longembed_rag.cli.verify import verify_command

__all__ = ["main"]


@click.group(
    cls=Group,
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


for _command in (
    ingest_command,
    search_command,
    list_command,
    show_command,
    remove_command,
    copy_command,
    info_command,
    verify_command,
    models_command,
    eval_command,
    tune_command,
    train_group,
):
    main.add_command(_command)
