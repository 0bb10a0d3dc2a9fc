"""``longembed-rag train negatives``: passages that look like the answer to a query, and are not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.configurable import spec_named
from longembed_rag.cli.option_specs import Count, Number
from longembed_rag.cli.output import count, one_line, write_json
from longembed_rag.cli.pulse import pulse
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.training import PAIRS, settings_of
from longembed_rag.errors import SettingsError
from longembed_rag.whole_files import half_written, remove_halves

if TYPE_CHECKING:
    from longembed_rag.training.mining import Embed
    from longembed_rag.training.texts import Pair

#: Texts embedded between two lines that say how far it is.
_TOLD_EVERY = 4096


@click.command(
    "negatives",
    cls=Command,
    interrupted="stopped before it was done; nothing was written",
    short_help="Find passages that look like answers and are none.",
    epilog="""\b
Examples:
  longembed-rag train negatives --pairs pairs/ --out mined/pairs.jsonl
  longembed-rag train negatives --pairs mine.jsonl --out hard.jsonl --model intfloat/e5-base-v2""",
)
@PAIRS
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the pairs go, each with its negatives, and all other passages (.jsonl).",
)
@click.option(
    "--negatives",
    type=Count(min=1, max=1000),
    default=7,
    help="Of each query, at most.  [default: 7]",
)
@click.option(
    "--candidates",
    type=Count(min=1, max=100_000),
    default=100,
    help="Best passages by words, and as many by the model, that are looked at.  [default: 100]",
)
@click.option(
    "--margin",
    type=Number(min=0, max=2),
    default=0.05,
    help="How far a negative's cosine to the query must lie below the answer's: one that lies "
    "nearer may answer it, too.  [default: 0.05]",
)
@spec_named("language").decorate
@spec_named("model").decorate
@spec_named("device").decorate
@spec_named("dtype").decorate
def negatives_command(
    pairs: tuple[Path, ...],
    out: Path,
    negatives: int,
    candidates: int,
    margin: float,
    language: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Find hard negatives for every query: the passages nearest to it that do not answer it.

    In turn the best by words (BM25) and the best by the model, out of all passages that there are.
    What equals the answer or holds it, answers the same query elsewhere, or is as near to it as the
    answer, is left out. Pairs that have negatives already keep them.
    """
    _require_new(out)
    from longembed_rag.training.mining import MiningOptions, mine
    from longembed_rag.training.texts import read_lines
    from longembed_rag.training.word_index import WordIndex, analyzer_of

    options = MiningOptions(negatives=negatives, candidates=candidates, margin=margin)
    read = list(read_lines(pairs))

    def index(texts: Sequence[str]) -> WordIndex:
        return WordIndex(texts, analyzer_of(texts, language or "auto"))

    found = mine(read, index, _embed(given), options=options)
    told = _write(out, found)
    if as_json:
        write_json({"out": str(out), **told})
        return
    click.echo(
        f"{one_line(str(out))}: {count(told['pairs'], 'pair')}, "
        f"{count(told['negatives'], 'negative')}; {told['without']:,} pairs without any"
    )
    click.echo(f"use it with --pairs {one_line(str(out))}")


def _require_new(out: Path) -> None:
    if out.suffix != ".jsonl":
        raise SettingsError(f"{out}: the name of a file of pairs ends in .jsonl")
    if out.exists():
        raise SettingsError(f"{out} is there already: take another name, or remove it")


def _embed(given: dict[str, Any]) -> Embed:
    """The model that was named, as it reads passages and queries."""
    import numpy as np

    quiet_transformers()
    from longembed_rag.encoder.encoder import LongEncoder

    encoder = LongEncoder.from_settings(settings_of(given))

    def embed(texts: Sequence[str], is_query: bool) -> Any:
        parts = []
        for start in range(0, len(texts), _TOLD_EVERY):
            part = texts[start : start + _TOLD_EVERY]
            read = encoder.encode(part, kind="query" if is_query else "document")
            parts.append(read.embeddings)
            if not is_query:
                pulse.told()
                done = start + len(part)
                click.echo(f"{done:,} of {len(texts):,} passages read", err=True)
        return np.concatenate(parts)

    return embed


def _write(out: Path, pairs: Iterator[Pair]) -> dict[str, int]:
    """Write a file, whole or not at all, and say what is in it."""
    told = {"pairs": 0, "passages": 0, "negatives": 0, "without": 0}
    remove_halves(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with half_written(out) as half, half.open("w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(json.dumps(pair.to_dict(), ensure_ascii=False) + "\n")
            told["pairs" if pair.query else "passages"] += 1
            told["negatives"] += len(pair.negatives)
            told["without"] += bool(pair.query) and not pair.negatives
    return told
