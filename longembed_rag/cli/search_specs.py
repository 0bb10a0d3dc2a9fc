"""What can be set of a search, each thing once, as in :mod:`longembed_rag.cli.option_specs`."""

from __future__ import annotations

import click

from longembed_rag.cli.option_specs import Count, OptionSpec

SEARCH_MODES = ("hybrid", "dense", "sparse", "passages", "late")

LIMIT_SPEC = OptionSpec(
    name="limit",
    type=Count(min=1),
    help="Most documents to show.",
    metavar="N",
    shown_default="5, with --adaptive 50",
    short="-k",
)
MODE_SPEC = OptionSpec(
    name="mode",
    type=click.Choice(SEARCH_MODES),
    help="hybrid weighs words and meaning, of documents and of their passages; dense compares "
    "vectors of documents, sparse words of documents (BM25), passages and late those of passages.",
    default=SEARCH_MODES[0],
    shown_default=SEARCH_MODES[0],
)
ADAPTIVE_SPEC = OptionSpec(
    name="adaptive",
    type=click.BOOL,
    help="Stop at the largest gap between scores, of documents and of passages.",
    default=False,
    shown_default="no-adaptive",
)
PASSAGES_SHOWN_SPEC = OptionSpec(
    name="show_passages",
    type=Count(min=0),
    help="Most passages of each document to show.",
    metavar="N",
    shown_default="1; with --json 3",
)
REFRESH_SPEC = OptionSpec(
    name="refresh",
    type=click.BOOL,
    help="First bring the collection in step with its folders, where times or sizes have changed.",
    default=False,
    shown_default="no-refresh",
)
OPERATORS_SPEC = OptionSpec(
    name="operators",
    type=click.BOOL,
    help='Read "a phrase", +must and -not in a short query as what a document has to hold, word '
    "for word, or must not.",
    default=True,
    shown_default="operators",
)
SEARCH_SPECS = (
    REFRESH_SPEC,
    LIMIT_SPEC,
    ADAPTIVE_SPEC,
    PASSAGES_SHOWN_SPEC,
    MODE_SPEC,
    OPERATORS_SPEC,
)
