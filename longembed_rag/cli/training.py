"""What the kinds of training share on the command line: options, progress, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.configurable import spec_named
from longembed_rag.cli.option_specs import Count, Folder, Number
from longembed_rag.cli.output import count, duration, one_line, write_json
from longembed_rag.cli.pulse import pulse
from longembed_rag.cli.session import load_planner

if TYPE_CHECKING:
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.training.loop import Progress
    from longembed_rag.training.options import TrainingOptions
    from longembed_rag.training.running import Trained
    from longembed_rag.training.texts import TrainingTexts

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


#: What is learnt from.
PAIRS = click.option(
    "--pairs",
    multiple=True,
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="JSON lines to learn from, or a folder of them (.jsonl, .jsonl.gz, .jsonl.xz); may be "
    "given several times.",
)
_MATERIAL = (
    PAIRS,
    click.option(
        "--out",
        required=True,
        metavar="DIR",
        type=Folder(),
        help="Where checkpoint, log and model go.",
    ),
    click.option(
        "--hold-out",
        multiple=True,
        metavar="SOURCE",
        help="A source of pairs that is only measured on; may be given several times.",
    ),
)
_COURSE = (
    click.option(
        "--seed",
        type=Count(min=0),
        default=0,
        help="Decides every random choice.  [default: 0]",
    ),
    click.option(
        "--checkpoint-minutes",
        type=Number(min=0),
        default=10.0,
        help="Time between checkpoints, at which held-out texts are measured.  [default: 10]",
    ),
)
_DOCUMENTS = (
    click.option(
        "--lengths",
        multiple=True,
        metavar="TOKENS[:WEIGHT]",
        default=("1024:10,2048:8,4096:3,8192:1",),
        help="Lengths of documents, and how often each is drawn.  "
        "[default: 1024:10,2048:8,4096:3,8192:1]",
    ),
    click.option(
        "--document-tokens",
        type=Count(min=2, max=1 << 24),
        default=8192,
        help="Tokens of the documents of an update.  [default: 8192]",
    ),
    click.option(
        "--positions",
        type=click.Choice(("plain", "pose", "randomized", "skipalign")),
        default="plain",
        help="At which positions documents are read: one after the other (plain), or far apart, so "
        "that short ones teach long distances: in two chunks (pose), token by token (randomized), "
        "or passage by passage (skipalign).  [default: plain]",
    ),
    click.option(
        "--reach",
        type=Count(min=2, max=1 << 24),
        help="How far they skip, tokens.  [default: four times the longest document, or all of a "
        "learned table]",
    ),
    click.option(
        "--share",
        type=Number(min=0, max=1, min_open=True),
        default=1.0,
        help="How much of what is learnt from long documents is written; the rest of the "
        "way, weights stay at the model before it.  [default: 1]",
    ),
    click.option(
        "--half",
        is_flag=True,
        help="Write the model in half precision, at half the size.",
    ),
)


def training_options(
    *, steps: int, learning_rate: float, warmup: int, model: str | None = None
) -> Callable[[Function], Function]:
    """Options that all kinds of training share; the defaults are each kind's own."""
    pace = _pace(steps=steps, learning_rate=learning_rate, warmup=warmup)
    named = spec_named("model")
    if model is not None:
        named = replace(named, default=model, shown_default=model)
    machine = (spec.decorate for spec in (named, spec_named("device"), spec_named("dtype")))
    return partial(_with, (*_MATERIAL, *pace, *_COURSE, *machine))


def _pace(*, steps: int, learning_rate: float, warmup: int) -> tuple[Decorator, ...]:
    """How long and how fast a model learns."""
    return (
        click.option(
            "--steps",
            type=Count(min=1),
            default=steps,
            help=f"Updates.  [default: {steps:,}]",
        ),
        click.option(
            "--learning-rate",
            type=Number(min=0, min_open=True),
            default=learning_rate,
            help=f"At its highest.  [default: {learning_rate:g}]",
        ),
        click.option(
            "--warmup",
            type=Count(min=0),
            default=warmup,
            help=f"Updates until it is reached.  [default: {warmup}]",
        ),
    )


def document_options(function: Function) -> Function:
    """Options of what long documents are trained on."""
    return _with(_DOCUMENTS, function)


def _with(options: Sequence[Decorator], function: Function) -> Function:
    """A command with options, which its help names in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def options_of(given: dict[str, Any], **changes: Any) -> TrainingOptions:
    """How long and how fast a model learns, as given, with some values changed."""
    from longembed_rag.training.options import TrainingOptions

    values = {
        "steps": given["steps"],
        "learning_rate": given["learning_rate"],
        "warmup_steps": given["warmup"],
        "seed": given["seed"],
        "checkpoint_seconds": given["checkpoint_minutes"] * 60,
    }
    return TrainingOptions(**{**values, **changes})


def settings_of(given: dict[str, Any], **settings: Any) -> EncoderSettings:
    """How the model that was named is read, or the one that comes with the package."""
    from longembed_rag.encoder.settings import EncoderSettings

    names = ("model", "device", "dtype")
    values = {name: given[name] for name in names if given[name] is not None}
    return EncoderSettings.from_dict({**values, **settings})


def planner_of(given: dict[str, Any], **settings: Any) -> Planner:
    """The model that was named, or the one that comes with the package."""
    return load_planner(settings_of(given, **settings))


def texts_of(given: dict[str, Any]) -> TrainingTexts:
    """What is to be learnt from; says on stderr how much of it there is."""
    from longembed_rag.training.texts import read_texts

    texts = read_texts(given["pairs"], hold_out=given["hold_out"])
    click.echo(
        f"{len(texts.pairs):,} pairs of {count(len(texts.sources), 'source')} and "
        f"{count(len(texts.passages), 'passage')} to learn from; "
        f"{len(texts.held_out) + len(texts.unseen):,} pairs held out",
        err=True,
    )
    return texts


def say(progress: Progress) -> None:
    """One line of a run on stderr."""
    speed = progress.tokens / progress.seconds if progress.seconds > 0 else 0.0
    left = progress.seconds / max(progress.step, 1) * (progress.steps - progress.step)
    values = "  ".join(f"{name} {value:.4g}" for name, value in progress.values.items())
    pulse.told()
    click.echo(
        f"step {progress.step:,} of {progress.steps:,}  {values}  {speed:,.0f} tokens/s  "
        f"{duration(left)} left",
        err=True,
    )


def report(trained: Trained, *, as_json: bool) -> None:
    """What came of a run, on stdout."""
    progress = trained.progress
    if as_json:
        write_json({"model": str(trained.folder), **progress.to_dict()})
        return
    click.echo(
        f"{one_line(str(trained.folder))}: {progress.step:,} updates, {progress.tokens:,} tokens, "
        f"{duration(progress.seconds)}"
    )
    for name, value in progress.values.items():
        click.echo(f"  {name}  {value:.4f}")
    click.echo(f"use it with --model {one_line(str(trained.folder))}")
