"""``longembed-rag info``: what a collection holds and how it was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import GivenSettings, encoder_options, store_options
from longembed_rag.cli.output import count, write_json, write_pairs
from longembed_rag.cli.session import load_encoder

if TYPE_CHECKING:
    from longembed_rag.store.info import CollectionInfo

#: Shown above, or only how the last ingest ran: those change no vector.
_LEFT_OUT = (
    "model",
    "dimension",
    "version",
    "model_path",
    "model_hash",
    "device",
    "dtype",
    "batch_tokens",
)

_ENGINES = {
    "edge": "Qdrant's own engine, in this process (edge)",
    "local": "qdrant-client's local mode (local)",
    "server": "a Qdrant server",
}


@click.command(
    "info",
    cls=Command,
    short_help="Show what a collection holds and how it was made.",
    epilog="""\b
Examples:
  longembed-rag info
  longembed-rag info --path index --json
  longembed-rag info --url http://localhost:6333 --collection reports --method gp""",
)
@store_options
@encoder_options
def info_command(location: StoreLocation, given: GivenSettings, as_json: bool) -> None:
    """Show what a collection holds: documents, tokens, and the model and settings that made it.

    With flags for model or context extension it also checks them against the collection's, and
    ends with an error naming both where they differ. Settings from the environment and from
    longembed.toml are not checked here.
    """
    flags = given.only_flags()
    with location.library(**flags.values) as library:
        info = library.info()
        if flags.values:
            load_encoder(library)
    if as_json:
        write_json(info.to_dict())
    else:
        _write_info(info)


def _write_info(info: CollectionInfo) -> None:
    unread = info.tokens - info.tokens_read
    tokens = f"{info.tokens:,}" + (f" ({unread:,} of them not read)" if unread else "")
    pairs = [
        ("collection", info.collection),
        ("location", info.location),
        ("documents", f"{info.documents:,}"),
        ("passages", _passages_in_words(info)),
        ("tokens", tokens),
        ("model", info.model or "unknown"),
        ("dimension", str(info.dimension)),
        ("vectors", f"{info.dense_vector} (meaning), {info.sparse_vector} (words)"),
        ("late interaction", info.late_interaction_in_words),
        ("language", _languages_in_words(info)),
        ("BM25", f"k1 = {info.options.k1:g}, b = {info.options.b:g}"),
        *([("tenants", f"by {field}")] if (field := info.options.tenant_field) else []),
        ("kept by", _ENGINES[info.engine]),
        *([] if info.shards is None else [("spread", _spread_in_words(info))]),
        ("compared", info.comparing.told),
        *(("note", told) for told in info.remarks),
        ("fingerprint", info.fingerprint),
        ("made by version", info.version),
        *([] if info.outdated is None else [("outdated", info.outdated)]),
    ]
    write_pairs(pairs)
    click.echo("\nHow its vectors were made:")
    write_pairs(
        [
            (name, _in_words(value))
            for name, value in info.description.items()
            if name not in _LEFT_OUT and value is not None
        ],
        indent="  ",
    )


def _spread_in_words(info: CollectionInfo) -> str:
    spread = [count(info.shards or 1, "shard"), count(info.replicas or 1, "replica") + " of each"]
    if (info.replicas or 1) > 1:
        spread.append(f"a write waits for {info.write_consistency}")
    return ", ".join(spread)


def _passages_in_words(info: CollectionInfo) -> str:
    if not info.options.passages:
        return "not kept"
    tokens = count(info.options.passage_tokens, "token")
    return f"{info.passages:,}, of up to {tokens}, in {info.passages_collection}"


def _languages_in_words(info: CollectionInfo) -> str:
    told = ", ".join(f"{name} {number:,}" for name, number in info.languages.items())
    return f"{info.options.language}: {told}" if told else info.options.language


def _in_words(value: Any) -> str:
    """A setting for people; a prompt's blanks are part of it, so they are put in quotes."""
    if isinstance(value, str):
        return value if value and value == " ".join(value.split()) else json.dumps(value)
    return json.dumps(value)
