"""``longembed-rag train``: models made for length, from pairs of queries and passages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command, Group
from longembed_rag.cli.configurable import spec_named
from longembed_rag.cli.lists import weighted_lengths
from longembed_rag.cli.negatives import negatives_command
from longembed_rag.cli.option_specs import Count, Number
from longembed_rag.cli.training import (
    document_options,
    options_of,
    planner_of,
    report,
    say,
    texts_of,
    training_options,
)
from longembed_rag.encoder.folder import MINILM

if TYPE_CHECKING:
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.training.options import TrainingOptions
    from longembed_rag.training.running import Trained
    from longembed_rag.training.texts import TrainingTexts

_INTERRUPTED = "stopped before it was done; the same command goes on from the last checkpoint"


@click.group("train", cls=Group, short_help="Make a model that reads further.")
def train_command() -> None:
    r"""Train a model to read further than it was made for.

    \b
    positions  a longer table for a model with learned positions
    rotary     a small rotary model, taught by one with learned positions, then made for length
    length     any model, on long documents
    negatives  passages that look like answers, to learn from

    Texts are JSON lines, {"query": ..., "pos": ...} or {"text": ...}. A run that was stopped goes
    on from its last checkpoint when the same command is given again.
    """


@click.command(
    "positions",
    cls=Command,
    interrupted=_INTERRUPTED,
    short_help="Make a learned position table longer.",
    epilog="""\b
Examples:
  longembed-rag train positions --pairs pairs/ --out minilm-4k
  longembed-rag train positions --pairs pairs.jsonl --out long-e5 --model intfloat/e5-base-v2""",
)
@click.option(
    "--table",
    type=click.Choice(("pi", "rp")),
    default="pi",
    help="What new rows start from: neighbours interpolated (pi), or the table over again (rp).  "
    "[default: pi]",
)
@click.option(
    "--length",
    type=Count(min=2, max=1 << 20),
    default=4096,
    help="Tokens that the model shall read.  [default: 4096]",
)
@click.option(
    "--batch-pairs",
    type=Count(min=2, max=1 << 16),
    default=128,
    help="Pairs of an update.  [default: 128]",
)
@click.option(
    "--negatives",
    type=Count(min=0, max=1000),
    default=7,
    help="Hard negatives of a query that are read, at most, where pairs have some ('neg').  "
    "[default: 7]",
)
@click.option(
    "--temperature",
    type=Number(min=0, min_open=True),
    default=0.01,
    help="Of the contrastive loss.  [default: 0.01]",
)
@spec_named("original_length").decorate
@training_options(steps=1000, learning_rate=5e-4, warmup=100, model=MINILM)
def positions_command(
    table: Any,
    length: int,
    batch_pairs: int,
    negatives: int,
    temperature: float,
    original_length: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Give a model with learned positions a longer table, and train the new rows.

    The model's own rows, and everything else in it, stay as they are: texts that it could read
    before get the vectors that they had. The new rows learn from short texts that are placed
    anywhere in the longer table (LongEmbed, section 4.2).
    """
    planner = planner_of(given, original_length=original_length)
    from longembed_rag.training.positions import TuningOptions
    from longembed_rag.training.runs import tune_positions

    trained = tune_positions(
        planner,
        texts_of(given),
        tuning=TuningOptions(
            method=table,
            length=length,
            batch_pairs=batch_pairs,
            negatives=negatives,
            temperature=temperature,
        ),
        options=options_of(given),
        folder=given["out"],
        on_progress=say,
    )
    report(trained, as_json=as_json)


def _train_length(
    planner: Planner,
    teacher: Planner,
    texts: TrainingTexts,
    given: dict[str, Any],
    *,
    options: TrainingOptions,
    folder: Path,
) -> Trained:
    from longembed_rag.training.document_batch import DocumentOptions
    from longembed_rag.training.length import LengthOptions
    from longembed_rag.training.mixture import MixtureOptions
    from longembed_rag.training.runs import train_length
    from longembed_rag.training.skipping import SkippingOptions

    lengths = weighted_lengths(given["lengths"])
    return train_length(
        planner,
        teacher,
        texts,
        documents=DocumentOptions(
            lengths=tuple(lengths),
            weights=tuple(lengths.values()),
            batch_tokens=given["document_tokens"],
        ),
        # Of short texts, those near the teacher's end are moved most by long ones.
        mixture=MixtureOptions(
            shares=(0.1, 0.2, 0.3, 0.4), batch_tokens=max(1, given["document_tokens"] // 2)
        ),
        length=LengthOptions(),
        options=options,
        folder=folder,
        skipping=SkippingOptions(kind=given["positions"], reach=given["reach"]),
        share=given["share"],
        half=given["half"],
        on_progress=say,
    )


@click.command(
    "rotary",
    cls=Command,
    interrupted=_INTERRUPTED,
    short_help="Make a small rotary model for long documents.",
    epilog="""\b
Examples:
  longembed-rag train rotary --pairs pairs/ --out long-rotary
  longembed-rag train rotary --pairs pairs/ --out long-rotary --length-steps 0""",
)
@click.option(
    "--theta",
    type=Number(min=1, min_open=True),
    default=10_000.0,
    help="Base of the rotation.  [default: 10000]",
)
@click.option(
    "--batch-tokens",
    "batch",
    type=Count(min=1, max=1 << 24),
    default=2048,
    help="Tokens of an update while the student learns to read as its teacher.  [default: 2048]",
)
@click.option(
    "--length-steps",
    type=Count(min=0),
    default=450,
    help="Updates on long documents, afterwards; 0 for none.  [default: 450]",
)
@click.option(
    "--length-rate",
    type=Number(min=0, min_open=True),
    default=2e-4,
    help="Learning rate of these.  [default: 0.0002]",
)
@document_options
@training_options(steps=5000, learning_rate=3e-4, warmup=150, model=MINILM)
def rotary_command(
    theta: float,
    batch: int,
    length_steps: int,
    length_rate: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Teach a rotary model to read as a BERT does, then train it on long documents.

    long-minilm is made so. The student has the teacher's weights, rotation in place of its position
    table, and the form of transformers' jina_embeddings_v3. It first learns the teacher's states on
    texts of up to 512 tokens, then to find long documents by what any of their passages answers.
    """
    teacher = planner_of(given)
    # What is wrong there is told now, not after the distillation.
    lengths = weighted_lengths(given["lengths"])
    from longembed_rag.training.distil import DistilOptions
    from longembed_rag.training.mixture import MixtureOptions
    from longembed_rag.training.runs import distil_rotary
    from longembed_rag.training.skipping import SkippingOptions

    if length_steps and lengths:
        skipping = SkippingOptions(kind=given["positions"], reach=given["reach"])
        skipping.reach_of(max(lengths))
    texts = texts_of(given)
    trained = distil_rotary(
        teacher,
        texts,
        mixture=MixtureOptions(batch_tokens=batch),
        distil=DistilOptions(),
        options=options_of(given),
        folder=given["out"] / "distilled",
        theta=theta,
        half=given["half"] and not length_steps,
        on_progress=say,
    )
    if length_steps:
        trained = _train_length(
            planner_of({**given, "model": str(trained.folder)}, method="none"),
            teacher,
            texts,
            given,
            options=options_of(
                given,
                steps=length_steps,
                learning_rate=length_rate,
                warmup_steps=min(20, length_steps // 10),
            ),
            folder=given["out"] / "long",
        )
    report(trained, as_json=as_json)


@click.command(
    "length",
    cls=Command,
    interrupted=_INTERRUPTED,
    short_help="Train any model on long documents.",
    epilog="""\b
Examples:
  longembed-rag train length --pairs pairs/ --out longer --model long-rotary/distilled/model
  longembed-rag train length --pairs mine.jsonl --out longer --lengths 1024,4096
  longembed-rag train length --pairs mine.jsonl --out longer --lengths 512 --positions pose""",
)
@click.option(
    "--teacher",
    metavar="MODEL",
    help="Model that short texts are kept close to, with as many layers.  "
    "[default: the model as it is]",
)
@document_options
@training_options(steps=450, learning_rate=2e-4, warmup=20)
def length_command(teacher: str | None, as_json: bool, **given: Any) -> None:
    """Train a model to find long documents by what any of their passages answers.

    Documents are made of many passages. Beside them short texts are read, and kept where the
    teacher has them.
    """
    planner = planner_of(given)
    trained = _train_length(
        planner,
        planner if teacher is None else planner_of({**given, "model": teacher}),
        texts_of(given),
        given,
        options=options_of(given),
        folder=given["out"],
    )
    report(trained, as_json=as_json)


for _command in (positions_command, rotary_command, length_command, negatives_command):
    train_command.add_command(_command)
