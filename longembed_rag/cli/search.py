"""``longembed-rag search``: documents that answer a query, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import GivenSettings, encoder_options, store_options
from longembed_rag.cli.output import (
    marked,
    one_line,
    place_in_words,
    shown_path,
    wrapped,
    write_json,
)
from longembed_rag.cli.queries import LineQuery, read_queries, require_one
from longembed_rag.cli.refreshing import refresh as refresh_library
from longembed_rag.cli.search_specs import (
    ADAPTIVE_SPEC,
    LIMIT_SPEC,
    MODE_SPEC,
    OPERATORS_SPEC,
    PASSAGES_SHOWN_SPEC,
    REFRESH_SPEC,
)
from longembed_rag.cli.serving import AUTOSTART_SPEC
from longembed_rag.cli.session import load_encoder

if TYPE_CHECKING:
    from longembed_rag.search.results import PassageHit, SearchResult
    from longembed_rag.search.search import Mode
    from longembed_rag.search.syntax import Query

_IN_WORDS = {
    "terms": "words",
    "pairs": "word pairs",
    "vector": "meaning",
    "passage_terms": "words of a passage",
    "passage_vector": "meaning of a passage",
    "passage_late": "tokens of a passage",
}
_LEAST_SHOWN = 0.05
_PASSED_OVER = "the query is a long one: quotes and signs in it are taken as they are"


@click.command(
    "search",
    cls=Command,
    short_help="Find documents and the passages in them.",
    epilog="""\b
Examples:
  longembed-rag search "who signed the lease?"
  longembed-rag search "termination notice" -k 3 --json
  longembed-rag search '"force majeure" +lease -draft'
  longembed-rag search "termination notice" --refresh
  longembed-rag search "termination notice" --adaptive --show-passages 5
  longembed-rag search "budget" --filter path=reports/2025 --filter "page_count>=10"
  longembed-rag search "budget" --filter "last_modified>=2026-01-01" --mode sparse
  longembed-rag search "budget" --url http://localhost:6333 --collection reports
  longembed-rag search --queries questions.txt --json""",
)
@click.argument("query", required=False)
@click.option(
    "--queries",
    "queries_file",
    metavar="FILE",
    help="Answer all queries of a file in one go: one a line, or JSON lines with query and id; "
    "- reads standard input.",
)
@REFRESH_SPEC.decorate
@LIMIT_SPEC.decorate
@ADAPTIVE_SPEC.decorate
@PASSAGES_SHOWN_SPEC.decorate
@MODE_SPEC.decorate
@OPERATORS_SPEC.decorate
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="Only documents that fulfil it, such as file_type=pdf, path=reports/, "
    "title~lease or last_modified>=2026-01-01; may be given several times.",
)
@AUTOSTART_SPEC.decorate
@store_options
@encoder_options
def search_command(
    query: str | None,
    queries_file: str | None,
    refresh: bool,
    limit: int | None,
    adaptive: bool,
    show_passages: int | None,
    mode: Mode,
    operators: bool,
    filters: Sequence[str],
    autostart: bool,
    location: StoreLocation,
    given: GivenSettings,
    as_json: bool,
) -> None:
    """Find the documents that answer QUERY, best first, each with the passages that fit best.

    With --queries a file's queries are answered together, with the store and the model opened once;
    --json writes a list then.

    In a query of one line and at most 32 words, "a phrase" in quotes finds only documents in which
    its words stand so, +word only those that hold that very word, -word only those that do not
    (after -- where it begins the query). A backslash before a quote or sign takes it as it is.

    The model and its settings are those that the collection was made with; setting others is
    refused, because vectors of different settings cannot be compared. The defaults below apply
    to a new collection.
    """
    require_one(query, queries_file)
    from longembed_rag.search.filters import parse_filters
    from longembed_rag.search.syntax import read_query

    asked = [LineQuery(query or "")] if queries_file is None else read_queries(queries_file)
    understood = [read_query(each.text, operators=operators) for each in asked]
    parse_filters(filters)  # first: one that cannot be read opens no store
    with location.library(autostart=autostart, **given.values) as library:
        outdated = library.outdated  # first: where there is no collection, no model is loaded
        refreshed = refresh_library(library) if refresh else None
        if mode != "sparse" and library.needs_encoder_for_queries:
            load_encoder(library)
        answers = library.search(
            [each.text for each in asked],
            mode=mode,
            limit=limit,
            adaptive=adaptive,
            passages=show_passages if show_passages is not None or as_json else 1,
            filter=filters,
            operators=operators,
        )
        remarks = library.remarks
        if refreshed is not None:
            outdated = library.outdated
    for told in [*([] if outdated is None else [outdated]), *remarks]:
        click.echo(f"note: {one_line(told)}", err=True)
    done: dict[str, Any] = {"mode": mode, "remarks": list(remarks)}
    if refreshed is not None:
        done["refreshed"] = refreshed.to_dict()
    written: list[dict[str, Any]] = []
    for number, (line, query_read, results) in enumerate(
        zip(asked, understood, answers, strict=True)
    ):
        if queries_file is not None and not as_json:
            _write_heading(line, first=number == 0)
        if query_read.passed_over:
            click.echo(f"note: {_PASSED_OVER}", err=True)
        if not results and (query_read.has_operators or not as_json):
            reason = _reason(query_read, mode=mode, filtered=bool(filters))
            click.echo(f"nothing found: {reason}", err=True)
        if as_json:
            said = {"query": line.text, "understood": query_read.to_dict(), **done}
            found = [result.to_dict() for result in results]
            written.append({**line.named, **said, "results": found})
        else:
            _write_answer(query_read, results)
    if as_json:
        write_json(written[0] if queries_file is None else written)


def _write_answer(query: Query, results: Sequence[SearchResult]) -> None:
    """Write what one query found for people, and how it was understood where it has operators."""
    if results and query.has_operators:
        told = one_line(f"looking for {query.text}: {_asked(query)}")
        click.echo(click.style(told, dim=True))
    _write_results(results)


def _write_heading(query: LineQuery, *, first: bool) -> None:
    """Write which of several queries is answered."""
    name = "" if query.identity is None else f"{query.identity}: "
    heading = click.style(one_line(f"{name}{query.text}"), bold=True, underline=True)
    click.echo(heading if first else f"\n{heading}")


def _reason(query: Query, *, mode: Mode, filtered: bool) -> str:
    """Why nothing was found, and what may find something."""
    if query.has_operators:
        among = " among those that fulfil the filters" if filtered else ""
        return one_line(
            f"no document{among} fits: {_asked(query)}; --no-operators searches without quotes and "
            "signs"
        )
    reason = "no document fulfils the filters" if filtered else "no document matches"
    if mode == "sparse":
        reason += "; a word search passes over words such as 'the', try --mode hybrid"
    return reason


def _asked(query: Query) -> str:
    """What a document has to hold, and what it must not."""
    wanted = [*(f'"{each}"' for each in query.phrases), *query.must]
    unwanted = [f'"{each}"' if " " in each else each for each in query.must_not]
    named = {"with": " and ".join(wanted), "without": " and ".join(unwanted)}
    return ", ".join(f"{name} {words}" for name, words in named.items() if words)


def _write_results(results: Sequence[SearchResult]) -> None:
    """Write results for people: rank, score, source, then the passages and where they stand."""
    margin = len(str(len(results)))
    indent = " " * (margin + 2)
    for rank, result in enumerate(results, start=1):
        if rank > 1:
            click.echo()
        source = click.style(shown_path(result.source), bold=True)
        click.echo(f"{rank:>{margin}}. {result.score:.4f}  {source}{_why(result)}")
        if result.snippet is not None:
            click.echo(marked(result.snippet.text, result.snippet.marks, indent=indent))
        for number, passage in enumerate(result.passages):
            if number:
                click.echo(wrapped(_beginning(passage), indent=indent))
            click.echo(click.style(indent + _place(passage), dim=True))


def _why(result: SearchResult) -> str:
    """What speaks for a document, where more than one thing does; what adds nothing is left out."""
    if len(result.parts) < 2:
        return ""
    shown = [(name, value) for name, value in result.parts.items() if abs(value) >= _LEAST_SHOWN]
    parts = sorted(shown, key=lambda part: -part[1])
    told = ", ".join(f"{_IN_WORDS[name]} {value:+.1f}" for name, value in parts)
    return click.style(f"  ({told})", dim=True)


def _place(passage: PassageHit) -> str:
    where = place_in_words(passage.place)
    return f"{where}, passage score {passage.score:.4f}"


def _beginning(passage: PassageHit, width: int = 240) -> str:
    text = " ".join(passage.text.split())
    return text if len(text) <= width else text[:width].rsplit(" ", 1)[0] + " …"
