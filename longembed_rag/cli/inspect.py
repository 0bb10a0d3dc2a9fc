"""``longembed-rag inspect``: how files would be read, without running the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.options import GivenSettings, encoder_options, paths_argument
from longembed_rag.cli.output import (
    count,
    one_line,
    shown_path,
    skipped_line,
    wrapped,
    write_json,
    write_table,
)
from longembed_rag.cli.session import build_settings, load_planner
from longembed_rag.errors import LongEmbedError

if TYPE_CHECKING:
    from longembed_rag.encoder.planner import Planner


@click.command(
    "inspect",
    cls=Command,
    short_help="Show how files would be read, without the model.",
    epilog="""\b
Examples:
  longembed-rag inspect reports/
  longembed-rag inspect thesis.pdf --method gp --max-length 8192
  longembed-rag inspect thesis.pdf --model intfloat/e5-base-v2 --json""",
)
@paths_argument
@encoder_options
@click.pass_context
def inspect_command(
    context: click.Context, paths: Sequence[Path], given: GivenSettings, as_json: bool
) -> None:
    """Show how each file would be read: its tokens, the plan, and how much of it is covered.

    Folders are read recursively. Only the model's configuration and tokenizer are loaded, no
    weights, so this is quick even for large models.
    """
    from longembed_rag.files.discover import discover, source_of

    planner = load_planner(build_settings(given.values))
    found = discover(paths)
    files: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for failure in found.unreadable:
        failed.append(_failed(failure.source, failure.reason))
    for path in found:
        try:
            files.append({"source": source_of(path), **_inspected(path, planner)})
        except LongEmbedError as error:
            failed.append(_failed(source_of(path), str(error).removeprefix(f"{path}: ")))
    if as_json:
        description = planner.describe()
        write_json(
            {
                "model": planner.model_name,
                "family": description["family"],
                "method": planner.method,
                "method_reason": planner.method_reason,
                "original_length": planner.original_length,
                "max_length": planner.max_length,
                "files": files,
                "failed": failed,
                "skipped": {
                    "count": len(found.skipped),
                    "names": [each.source for each in found.skipped],
                },
            }
        )
    else:
        _write_report(files, planner)
        if found.skipped:
            click.echo(skipped_line([each.source for each in found.skipped]), err=True)
    if failed:
        context.exit(FAILED)


def _failed(source: str, reason: str) -> dict[str, str]:
    """Say at once that a file cannot be read, and keep it for the report."""
    click.echo(f"failed {shown_path(source)}: {one_line(reason)}", err=True)
    return {"source": source, "reason": reason}


def _inspected(path: Path, planner: Planner) -> dict[str, Any]:
    """What reading one file would be like.

    Raises:
        LongEmbedError: The file cannot be read, or its text not embedded with these settings.
    """
    from longembed_rag.files.readers import read_file

    text = read_file(path).text
    coverage, plan = planner.inspect(text)
    return {
        "characters": len(text),
        "tokens": coverage.tokens,
        "tokens_read": coverage.tokens_read,
        "windows": coverage.windows,
        "method": coverage.method,
        "plan": plan.to_dict(),
        "plan_in_words": plan.describe(),
    }


def _write_report(files: Sequence[dict[str, Any]], planner: Planner) -> None:
    """Write a line on the model, then a table of the files, then what would not be read."""
    click.echo(
        wrapped(
            f"{planner.model_name} {_reads(planner)}. "
            f"Method {planner.method}: {planner.method_reason}."
        )
    )
    if not files:
        return
    click.echo()
    write_table(
        ("file", "tokens", "read", "windows", "plan"),
        [
            (
                shown_path(file["source"]),
                f"{file['tokens']:,}",
                _share(file["tokens_read"], file["tokens"]),
                f"{file['windows']:,}",
                file["plan_in_words"],
            )
            for file in files
        ],
        right=(1, 2, 3),
    )
    tokens = sum(file["tokens"] for file in files)
    read = sum(file["tokens_read"] for file in files)
    click.echo(f"\n{count(len(files), 'file')}, {count(tokens, 'token')}")
    if read < tokens:
        click.echo(
            f"warning: {count(tokens - read, 'token')} would not be read (overflow or method "
            "'truncate')",
            err=True,
        )


def _reads(planner: Planner) -> str:
    """What the method makes of texts, by their length."""
    window = min(planner.original_length, planner.max_length)
    if planner.method == "pcw":
        longer = f"longer ones in windows of {window:,}, which are averaged"
    elif planner.method == "truncate":
        longer = f"of longer ones the first {window:,}"
    elif window < planner.max_length:
        longer = f"longer ones of up to {planner.max_length:,} in one go"
    else:
        return f"reads texts of up to {window:,} tokens in one go"
    return f"reads texts of up to {window:,} tokens as they are, {longer}"


def _share(part: int, whole: int) -> str:
    """How much of a text is read: ``all``, or a share that is never rounded up to all."""
    if part == whole:
        return "all"
    return f"{min(100 * part / whole, 99.9):.1f}%"
