"""``longembed-rag tune``: the method and scale that read your own documents best."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.config import CONFIG_FILE
from longembed_rag.cli.config_writing import require_writable_config, write_settings
from longembed_rag.cli.configurable import spec_named
from longembed_rag.cli.option_specs import Count, Number
from longembed_rag.cli.options import GivenSettings, encoder_options
from longembed_rag.cli.output import count, duration, one_line, wrapped, write_json, write_table
from longembed_rag.cli.pulse import pulse
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.rope_factors import make_factors_file, require_new_file
from longembed_rag.store.inheritance import build_settings
from longembed_rag.store.options import DEFAULT_PASSAGE_TOKENS

if TYPE_CHECKING:
    from longembed_eval.candidates import Candidate
    from longembed_eval.tune import Tuning

#: What is measured, and so cannot be set.
_MEASURED = ("method", "max_length")


@click.command(
    "tune",
    cls=Command,
    short_help="Find the method that reads your own documents best.",
    epilog="""\b
Examples:
  longembed-rag tune --docs reports/
  longembed-rag tune --docs reports/ --minutes 20 --by passages
  longembed-rag tune --docs reports/ --rope-factors factors.json
  longembed-rag tune --docs reports/ --model intfloat/e5-base-v2 --dry-run""",
)
@click.option(
    "--docs",
    multiple=True,
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Your documents; may be given several times.",
)
@click.option(
    "--minutes",
    type=Number(min=0, min_open=True),
    default=5.0,
    help="About how long it may take.  [default: 5]",
)
@click.option(
    "--by",
    type=click.Choice(("both", "documents", "passages")),
    default="both",
    help="What is judged: vectors of whole documents (what LlamaIndex compares), of the best "
    "passage (what weighs most in search), or the mean of both.  [default: both]",
)
@click.option(
    "--seed", type=Count(min=0), default=0, help="Which documents come first.  [default: 0]"
)
@click.option("--dry-run", is_flag=True, help=f"Measure, and leave {CONFIG_FILE} as it is.")
@spec_named("passage_tokens").decorate
@encoder_options
def tune_command(
    docs: Sequence[Path],
    minutes: float,
    by: str,
    seed: int,
    dry_run: bool,
    passage_tokens: int | None,
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Measure methods and scales on your own documents; write the best to longembed.toml.

    Sentences are taken out of the documents and looked for, on a small sample with every setting,
    then on more documents with the better ones. What is set is only given up for something that is
    clearly better.

    With --rope-factors FILE, rescale factors for method longrope are searched for first, which
    takes --minutes once more, and written to FILE; then longrope is measured with the others.
    """
    if set(_MEASURED) & given.from_flags:
        raise click.UsageError("--method and --max-length are what is measured here; leave them")
    quiet_transformers()
    from longembed_eval.extras import require
    from longembed_eval.tasks.held_out import held_out_task
    from longembed_eval.tune import tune

    require(("ir_measures", "psutil", "scipy", "tomlkit"))
    require_writable_config(Path(CONFIG_FILE), needed=not dry_run)
    values = dict(given.values)
    factors_file = values.pop("rope_factors") if "rope_factors" in given.from_flags else None
    if factors_file is not None:
        require_new_file(factors_file)
    settings_given = build_settings(values)
    task = held_out_task(tuple(docs), seed=seed)
    for note in task.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    how: dict[str, Any] = {
        "minutes": minutes,
        "by": by,
        "seed": seed,
        "passage_tokens": passage_tokens or DEFAULT_PASSAGE_TOKENS,
    }
    if factors_file is not None:
        make_factors_file(task, settings_given, Path(factors_file), **how)
        settings_given = replace(settings_given, rope_factors=factors_file)
    found = tune(task, settings_given, **how, on_measured=_say)
    settings = {**_of_flags(values, given), **found.best.settings} if found.changes else {}
    if factors_file is not None and settings.get("method") == "longrope":
        settings["rope_factors"] = factors_file
    path = Path(CONFIG_FILE)
    if settings and not dry_run:
        write_settings(path, settings, remark=f"longembed-rag tune: {found.reason}")
    written = str(path) if settings and not dry_run else None
    if as_json:
        write_json({**_to_dict(found), "settings": settings, "written": written})
        return
    _write_report(found, settings, written)


def _of_flags(values: dict[str, Any], given: GivenSettings) -> dict[str, Any]:
    """What was set on the command line: a setting was measured together with it."""
    kept = {name: value for name, value in values.items() if name in given.from_flags}
    for name in ("trust_remote_code", *_MEASURED):  # never from a file, or what is written anyway
        kept.pop(name, None)
    return kept


def _say(candidate: Candidate) -> None:
    pulse.told()
    click.echo(one_line(_line(candidate)), err=True)


def _line(candidate: Candidate) -> str:
    if candidate.refused is not None:
        return f"left out {candidate.label}: {candidate.refused}"
    return (
        f"{candidate.label}  {count(candidate.documents, 'document')}  "
        f"documents {candidate.of_documents:.1f}  passages {candidate.of_passages:.1f}  "
        f"{candidate.tokens_per_second:,.0f} tokens/s"
    )


def _to_dict(found: Tuning) -> dict[str, Any]:
    gap = found.versus_default
    return {
        "best": found.best.to_dict(),
        "default": found.default.to_dict(),
        "versus_default": None if gap is None else gap.to_dict(),
        "candidates": [candidate.to_dict() for candidate in found.candidates],
        "documents": found.documents,
        "queries": found.queries,
        "seconds": round(found.seconds, 1),
        "reason": found.reason,
    }


def _write_report(found: Tuning, settings: dict[str, Any], written: str | None) -> None:
    """What was measured, what follows, and what to do about it."""
    write_table(
        ("setting", "documents read", "documents", "passages", "tokens/s"),
        [
            (
                candidate.label,
                f"{candidate.documents:,}",
                f"{candidate.of_documents:.1f}",
                f"{candidate.of_passages:.1f}",
                f"{candidate.tokens_per_second:,.0f}",
            )
            for candidate in found.candidates
            if candidate.refused is None
        ],
        right=(1, 2, 3, 4),
    )
    click.echo(
        "\nnDCG@10 of 100; compare rows of as many documents only, fewer are easier\n"
        f"{count(found.documents, 'document')}, {found.queries:,} queries, "
        f"{duration(found.seconds)}\n"
    )
    click.echo(wrapped(f"{found.best.label}: {found.reason}."))
    if written is not None:
        click.echo(
            wrapped(
                f"{written} now says so. Collections that are there keep their settings: ingest "
                "into a new one with --collection or --path."
            )
        )
        for name in settings:
            if f"LONGEMBED_{name.upper()}" in os.environ:
                click.echo(f"warning: LONGEMBED_{name.upper()} is set and wins over it", err=True)
    elif settings:
        click.echo("nothing was written (--dry-run)")
