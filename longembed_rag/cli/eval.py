"""``longembed-rag eval``: whole documents against chunks against BM25, measured."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from longembed_rag.cli.command import Command
from longembed_rag.cli.configurable import spec_named
from longembed_rag.cli.failures import FAILED
from longembed_rag.cli.lists import lengths as lengths_of
from longembed_rag.cli.lists import words
from longembed_rag.cli.location import api_key_for
from longembed_rag.cli.option_specs import Count, Folder, SectionedOption
from longembed_rag.cli.options import GivenSettings, encoder_options
from longembed_rag.cli.output import one_line, shown_path, wrapped, write_json, write_table
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.cli.ray_options import RayChoice, ray_options
from longembed_rag.store.inheritance import build_settings

if TYPE_CHECKING:
    from longembed_eval import Results

_task_option = partial(click.option, cls=SectionedOption, section="Tasks")
_system_option = partial(click.option, cls=SectionedOption, section="Systems")
DEFAULT_OUT = Path("longembed-eval")


@click.command(
    "eval",
    cls=Command,
    interrupted="stopped; the same command goes on from here",
    short_help="Measure: whole documents against chunks against BM25.",
    epilog="""\b
Examples:
  longembed-rag eval --docs reports/
  longembed-rag eval --data my-queries/ --systems bm25,truncate,auto,chunked,hybrid
  longembed-rag eval --tasks passkey,needle --lengths 256,1024,4096 --systems methods
  longembed-rag eval --tasks longembed --systems all --max-length 8192
  longembed-rag eval --data my-queries/ --systems chunked:window=512:overlap=64,pcw
  longembed-rag eval --tasks longembed --systems all --ray auto

\b
Tasks: passkey, needle and two_facts (made here), passkey-1024 (one length),
narrativeqa, qmsum, 2wikimqa, summ_screen_fd, longembed_passkey, longembed_needle
(from the Hugging Face hub), longembed (these six), loco, mldr, conteb or one of
their tasks (mldr_en), mteb_NAME (a task of MTEB, such as mteb_SciFact).
Systems: bm25, an extension method or auto, chunked, chunked_mean, passages,
late, hybrid, contextual (for conteb), st (a sentence-transformers model as it
comes), methods, all; settings of one follow its name: pcw:max_length=8192.""",
)
@_task_option(
    "--tasks",
    multiple=True,
    metavar="NAMES",
    help="Tasks by name, with commas between them; see below.",
)
@_task_option(
    "--data",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A folder of corpus.jsonl, queries.jsonl and qrels.tsv; may be given several times.",
)
@_task_option(
    "--docs",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Your own documents, without any labels: sentences are taken out of them and looked for.",
)
@_task_option(
    "--lengths",
    multiple=True,
    metavar="TOKENS",
    help="Lengths of passkey, needle and two_facts.  [default: 256,512,1024,2048,4096]",
)
@_task_option(
    "--haystack",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Text that needle and two_facts hide in.  [default: text that comes with the package]",
)
@_task_option(
    "--copies",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Copies of the hub's data sets, each at DIR/OWNER/NAME.  [default: the hub]",
)
@_task_option(
    "--seed",
    type=Count(min=0),
    default=0,
    help="What passkey, needle, two_facts and held-out sentences are drawn with.  [default: 0]",
)
@_system_option(
    "--systems",
    multiple=True,
    metavar="NAMES",
    help="Systems, with commas between them; see below.  "
    "[default: bm25,truncate,auto,chunked,passages,hybrid]",
)
@_system_option(
    "--through",
    type=click.Choice(("exact", "qdrant")),
    default="exact",
    help="Compare every vector in memory, or search in Qdrant, as hybrid always does.  "
    "[default: exact]",
)
@spec_named("url").decorate
@_system_option(
    "--window",
    metavar="TOKENS",
    type=Count(min=1),
    help="Tokens of a chunk.  [default: 512, or the model's own length if less]",
)
@_system_option(
    "--overlap",
    metavar="TOKENS",
    type=Count(min=0),
    default=0,
    help="Tokens that neighbouring chunks share.  [default: 0]",
)
@_system_option(
    "--depth",
    metavar="N",
    type=Count(min=10),
    default=10,
    help="Documents that each query may find; recall is told at this depth, too.  [default: 10]",
)
@spec_named("passage_tokens").decorate
@replace(
    spec_named("language"),
    help="What words are stemmed as; auto, as longembed.toml may say, is English here.",
    shown_default="english",
).decorate
@click.option(
    "--out",
    type=Folder(),
    default=DEFAULT_OUT,
    metavar="DIR",
    help=f"Folder for results; the same again goes on where it stopped.  [default: {DEFAULT_OUT}]",
)
@ray_options("one for each GPU, or for each processor")
@encoder_options
@click.pass_context
def eval_command(
    context: click.Context,
    tasks: Sequence[str],
    data: Sequence[Path],
    docs: Sequence[Path],
    lengths: Sequence[str],
    haystack: Path | None,
    copies: Path | None,
    seed: int,
    systems: Sequence[str],
    through: str,
    url: str | None,
    window: int | None,
    overlap: int,
    depth: int,
    passage_tokens: int | None,
    language: str | None,
    out: Path,
    ray: RayChoice,
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Measure how well documents are found, and what it costs: does reading them whole help?

    Every system is run on every task. What was run before with the same settings is taken from
    the folder of results. There you find results.json, results.md and report.html.
    """
    quiet_transformers()
    from longembed_eval import BenchOptions, Request, Spread, evaluate
    from longembed_rag.cli.eval_display import eval_display

    url_source = context.get_parameter_source("url")
    if url_source is ParameterSource.COMMANDLINE and through != "qdrant":
        raise click.UsageError("--url is only used with --through qdrant")
    server = url if through == "qdrant" else None
    # The tasks are English, and their words are not to depend on a guess.
    language = None if language == "auto" else language
    defaults = {"passage_tokens": passage_tokens, "language": language}
    options = BenchOptions(
        encoder=build_settings(given.values),
        through=through,  # type: ignore[arg-type]
        url=server,
        api_key=api_key_for(server, from_file=url_source is ParameterSource.DEFAULT_MAP),
        window=window,
        overlap=overlap,
        depth=depth,
        **{name: value for name, value in defaults.items() if value is not None},  # type: ignore[arg-type]
    )
    request = Request(
        tasks=tuple(word.strip() for word in words(tasks)),
        data=tuple(data),
        docs=tuple(docs),
        haystack=haystack,
        copies=copies,
        lengths=lengths_of(lengths),
        seed=seed,
        systems=words(systems),
        options=options,
        out=out,
        command=shown_command(context),
        spread=None if ray.address is None else Spread(**asdict(ray)),
    )
    with eval_display() as display:
        results = evaluate(request, on_event=display.show)
    if as_json:
        from longembed_eval.archive import results_to_dict

        write_json(results_to_dict(results))
    else:
        _write_summary(results, out)
    if results.failed:
        context.exit(FAILED)


def shown_command(context: click.Context) -> str:
    """The command as it was typed, folders by their names: results are passed on."""
    words = ["longembed-rag", str(context.info_name)]
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not ParameterSource.COMMANDLINE or parameter.name in ("out", "as_json"):
            continue
        value = context.params.get(str(parameter.name))
        if isinstance(value, bool):
            flags = parameter.opts if value else parameter.secondary_opts
            words += flags[:1]
            continue
        for each in value if isinstance(value, tuple) else (value,):
            words += [parameter.opts[0], shlex.quote(_without_folders(str(each)))]
    return " ".join(words)


def _without_folders(value: str) -> str:
    """A value with folders by their names, and no password of an address."""
    if "://" in value:
        return re.sub(r"//[^/@]*@", "//", value)
    return re.sub(r"[^\s,=]*/(?=[^\s,/])", _shortened, value)


def _shortened(match: re.Match[str]) -> str:
    """Nothing in place of the folders of a path; a name on a hub has one slash and stays."""
    folders = match.group()
    is_path = folders.startswith(("/", "~", ".")) or Path(folders).exists()
    return "" if is_path else folders


def _write_summary(results: Results, out: Path) -> None:
    """Scores of every system on every group of tasks, and where to read more."""
    from longembed_eval.report.summary import group_score

    groups = results.groups
    rows = []
    for system in results.systems:
        scores = [group_score(results, group=group, system=system) for group in groups]
        rows.append((system, *("–" if score is None else f"{score:.1f}" for score in scores)))
    write_table(("system", *groups), rows, right=tuple(range(1, len(groups) + 1)))
    metrics = {
        group: results_of.main_metric
        for group in groups
        for results_of in results.rows
        if results_of.group == group
    }
    told = ", ".join(f"{group} {metric}" for group, metric in metrics.items())
    click.echo(f"\n{one_line(told)}; of 100")
    told_notes = {note: name for name, task in results.tasks.items() for note in task.notes}
    for note, name in told_notes.items():
        click.echo(wrapped(f"note: {name}: {note}"))
    click.echo(f"\nread {shown_path(str(out.resolve() / 'report.html'))}")
