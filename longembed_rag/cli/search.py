"""``longembed-rag search``: documents that answer a query, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.option_specs import LIMIT_SPEC, MODE_SPEC
from longembed_rag.cli.options import GivenSettings, encoder_options, store_options
from longembed_rag.cli.output import shown_path, wrapped, write_json
from longembed_rag.cli.session import build_settings, load_encoder
from longembed_rag.errors import SettingsError

if TYPE_CHECKING:
    from longembed_rag.index.schema import SearchResult


@click.command(
    "search",
    cls=Command,
    short_help="Find documents and the passages in them.",
    epilog="""\b
Examples:
  longembed-rag search "who signed the lease?"
  longembed-rag search "termination notice" -k 3 --json
  longembed-rag search "budget" --url http://localhost:6333 --collection reports""",
)
@click.argument("query")
@LIMIT_SPEC.decorate
@MODE_SPEC.decorate
@store_options
@encoder_options
def search_command(
    query: str,
    limit: int,
    mode: str,
    location: StoreLocation,
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Find the documents that answer QUERY, best first, each with the passage that fits best.

    The model and its settings are those that the collection was made with; setting others is
    refused, because vectors of different settings cannot be compared. The defaults below apply
    to a new collection.
    """
    if not query.strip():
        raise click.BadParameter("it is empty; say what to look for", param_hint="QUERY")
    if mode != "dense":
        raise SettingsError(
            f"--mode {mode} comes with the next release; this one searches with --mode dense"
        )
    with location.open(must_exist=True) as store:
        encoder = load_encoder(build_settings(given.values, record=store.record()))
        store.check(fingerprint=encoder.fingerprint, description=encoder.describe())
        vector = encoder.encode([query], kind="query", names=["the query"]).embeddings[0]
        results = store.search(vector, limit=limit)
    if as_json:
        found = [result.to_dict() for result in results]
        write_json({"query": query, "mode": mode, "results": found})
        return
    _write_results(results)


def _write_results(results: list[SearchResult]) -> None:
    """Write results for people: rank, score, source, then the passage and where it stands."""
    if not results:
        click.echo("nothing found: the collection holds no documents", err=True)
        return
    margin = len(str(len(results)))
    indent = " " * (margin + 2)
    for rank, result in enumerate(results, start=1):
        if rank > 1:
            click.echo()
        source = click.style(shown_path(result.source), bold=True)
        click.echo(f"{rank:>{margin}}. {result.score:.4f}  {source}")
        if result.passage:
            click.echo(wrapped(result.passage, indent=indent))
        if result.span and result.passage_score is not None:
            start, end = result.span
            place = f"characters {start:,} to {end:,}, passage score {result.passage_score:.4f}"
            click.echo(click.style(indent + place, dim=True))
