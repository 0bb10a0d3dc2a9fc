"""``longembed-rag tune --rope-factors FILE``: the search for rescale factors, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.output import count, duration
from longembed_rag.cli.pulse import pulse
from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import write_whole

if TYPE_CHECKING:
    from longembed_eval.tasks.values import Task
    from longembed_rag.encoder.settings import EncoderSettings


def require_new_file(name: str) -> None:
    """Require that a file can be made where there is none.

    Raises:
        SettingsError: It is there already, it is no path, or its folder is not there.
    """
    path = Path(name)
    if name.lstrip().startswith("{"):
        raise SettingsError("--rope-factors of 'tune' names a file to be made, and no factors")
    if path.exists():
        raise SettingsError(
            f"--rope-factors: {path} is there already; name a new file to search for others, or "
            "set rope_factors in longembed.toml to measure these"
        )
    if not path.parent.is_dir():
        raise SettingsError(f"--rope-factors: there is no folder {path.parent}")


def make_factors_file(task: Task, settings: EncoderSettings, path: Path, **how: Any) -> None:
    """Search for rescale factors and write them.

    Args:
        task: Documents and held-out queries.
        settings: The model, and what is to stay as it is.
        path: The file.
        **how: The options of :func:`longembed_eval.rope_factors.search_factors`.

    Raises:
        SettingsError: The model does not rotate, or the documents are too short.
    """
    from longembed_eval.rope_factors import search_factors

    found = search_factors(task, settings, **how, on_tried=_say)
    write_whole(path, found.factors.to_json() + "\n")
    click.echo(
        f"{path}: the best of {found.tried:,} sets of rescale factors for texts of up to "
        f"{found.length:,} tokens, by {found.queries:,} queries on "
        f"{count(found.documents, 'document')} in {duration(found.seconds)}; log-likelihood of the "
        f"right document {found.fitness:.4f}, of the best known start {found.start_fitness:.4f}",
        err=True,
    )


def _say(number: int, fitness: float) -> None:
    pulse.told()
    click.echo(f"rescale factors {number:,}: {fitness:.4f}", err=True)
