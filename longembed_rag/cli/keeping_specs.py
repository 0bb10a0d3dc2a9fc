"""What can be set of new collections: how they keep documents, and how a server keeps them."""

from __future__ import annotations

import click

from longembed_rag.cli.option_specs import KEEPING_SECTION, Count, Number, OptionSpec
from longembed_rag.points.spread import MOST_SPREAD
from longembed_rag.store.options import DEFAULT_PASSAGE_TOKENS
from longembed_rag.words.terms import K1, B

STORAGE_SPECS = (
    OptionSpec(
        name="quantization",
        type=click.Choice(("none", "scalar", "binary")),
        help="How a server keeps vectors in memory: as they are, a byte or a bit a number.",
        section=KEEPING_SECTION,
        shown_default="none",
    ),
    OptionSpec(
        name="on_disk",
        type=click.BOOL,
        help="Whether a server keeps vectors on disk.",
        section=KEEPING_SECTION,
        shown_default="no-on-disk",
    ),
    OptionSpec(
        name="shards",
        type=Count(min=1, max=MOST_SPREAD),
        help="Parts that a server spreads documents and passages over, each on one node.",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default="1",
    ),
    OptionSpec(
        name="replicas",
        type=Count(min=1, max=MOST_SPREAD),
        help="Nodes of a server that hold each shard.",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default="the server's",
    ),
    OptionSpec(
        name="write_consistency",
        type=Count(min=1, max=MOST_SPREAD),
        help="Replicas that have to confirm a write.",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default="the server's",
    ),
)
KEEPING_SPECS = (
    OptionSpec(
        name="passages",
        type=click.BOOL,
        help="Keep passages beside the documents, each with its vector and words.",
        section=KEEPING_SECTION,
        shown_default="passages",
    ),
    OptionSpec(
        name="passage_tokens",
        type=Count(min=1),
        help="Most tokens in a passage.",
        metavar="TOKENS",
        section=KEEPING_SECTION,
        shown_default=str(DEFAULT_PASSAGE_TOKENS),
    ),
    OptionSpec(
        name="language",
        type=click.STRING,
        help="What words are stemmed as; auto: each document's own language, none: not at all.",
        metavar="NAME",
        section=KEEPING_SECTION,
        shown_default="auto",
    ),
    OptionSpec(
        name="late_interaction",
        type=click.Choice(("auto", "on", "off")),
        help="Keep the vectors of passages' tokens, as bits; auto does where that helps. "
        "on reads the documents of a collection without them once more.",
        section=KEEPING_SECTION,
        shown_default="auto",
    ),
    OptionSpec(
        name="k1",
        type=Number(min=0),
        help="How fast a repeated word stops counting in BM25 (mode sparse, passages).",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default=str(K1),
    ),
    OptionSpec(
        name="b",
        type=Number(min=0, max=1),
        help="How much length counts in BM25, 0 to 1; likewise.",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default=str(B),
    ),
    OptionSpec(
        name="tenant_field",
        type=click.STRING,
        help="The field of documents' metadata that names their tenant; a search names one, too.",
        metavar="FIELD",
        section=KEEPING_SECTION,
    ),
    *STORAGE_SPECS,
)
