"""What ``ingest --dry-run`` shows: what would be done, and how each file would be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longembed_rag.cli.output import (
    count,
    one_line,
    shown_path,
    skipped_line,
    wrapped,
    write_json,
    write_table,
)
from longembed_rag.cli.selecting import excluded_line

if TYPE_CHECKING:
    from longembed_rag.ingest.plan import IngestPlan, ReadingModel, Step


def show_plan(plan: IngestPlan, *, as_json: bool) -> None:
    """Show a plan on standard output, and on stderr what deserves attention."""
    if as_json:
        write_json(plan.to_dict())
    else:
        _write_plan(plan)
    for failure in plan.failed:
        click.echo(f"failed {shown_path(failure.source)}: {one_line(failure.reason)}", err=True)
    for step in plan.steps:
        if step.reading is not None and step.reading.note:
            click.echo(f"note: {shown_path(step.source)}: {one_line(step.reading.note)}", err=True)
    readings = [step.reading for step in plan.steps if step.reading is not None]
    tokens = sum(reading.tokens for reading in readings)
    unread = tokens - sum(reading.tokens_read for reading in readings)
    if unread:
        click.echo(
            f"warning: {count(unread, 'token')} would not be read (overflow or method 'truncate')",
            err=True,
        )
    if plan.refused is not None:
        click.echo(f"warning: this would be refused: {one_line(plan.refused)}", err=True)
    if plan.excluded:
        click.echo(excluded_line(plan.excluded), err=True)
    if plan.skipped:
        click.echo(skipped_line([each.source for each in plan.skipped]), err=True)
    click.echo(
        f"dry run: {plan.count('add'):,} to add, {plan.count('update'):,} to update, "
        f"{plan.count('delete'):,} to delete, {plan.count('keep'):,} unchanged; "
        f"{count(tokens, 'token')} in these files; nothing was done",
        err=True,
    )


def _write_plan(plan: IngestPlan) -> None:
    """Write a line on the model, then a table of the documents."""
    if plan.model is not None:
        model = plan.model
        told = f"{model.model} {_reads(model)}. Method {model.method}: {model.method_reason}."
        if model.base_note is not None:
            told = f"{told} Its rotary base: {model.base_note}."
        click.echo(wrapped(told))
    if plan.steps:
        click.echo()
        write_table(
            ("would", "document", "tokens", "read", "windows", "plan"),
            [_row(step) for step in plan.steps],
            right=(2, 3, 4),
        )


def _row(step: Step) -> tuple[str, ...]:
    name, reading = shown_path(step.source), step.reading
    if reading is None:
        return step.action, name, "", "", "", ""
    return (
        step.action,
        name,
        f"{reading.tokens:,}",
        _share(reading.tokens_read, reading.tokens),
        f"{reading.windows:,}",
        reading.plan_in_words,
    )


def _reads(model: ReadingModel) -> str:
    """What the method makes of texts, by their length."""
    window = min(model.original_length, model.max_length)
    if model.method == "pcw":
        longer = f"longer ones in windows of {window:,}, which are averaged"
    elif model.method == "truncate":
        longer = f"of longer ones the first {window:,}"
    elif window < model.max_length:
        longer = f"longer ones of up to {model.max_length:,} in one go"
    else:
        return f"reads texts of up to {window:,} tokens in one go"
    return f"reads texts of up to {window:,} tokens as they are, {longer}"


def _share(part: int, whole: int) -> str:
    """How much of a text is read: ``all``, or a share that is never rounded up to all."""
    if part == whole:
        return "all"
    return f"{min(100 * part / whole, 99.9):.1f}%"
