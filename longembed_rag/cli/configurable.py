"""Which options last beyond one call: those that ``longembed.toml`` and the environment may set."""

from __future__ import annotations

from typing import Any

import click

from longembed_rag.cli.encoder_specs import ENCODER_SPECS
from longembed_rag.cli.keeping_specs import KEEPING_SPECS
from longembed_rag.cli.option_specs import (
    READING_SPECS,
    STORE_SPECS,
    OptionSpec,
)
from longembed_rag.cli.search_specs import SEARCH_SPECS
from longembed_rag.cli.selecting import SELECTION_SPECS
from longembed_rag.cli.serving import AUTOSTART_SPEC, SERVER_SPECS

#: Options that belong to one call, and are read from the command line only.
ONCE_ONLY = frozenset(
    {
        *(
            "as_json",
            "debug",
            "dry_run",
            "allow_deletions",
            "reread",
            "filters",
            "queries_file",
            "repair",
            "purge",
            "files",
            "text",
        ),
        *("to", "to_collection"),
        *("ray", "workers", "gpus"),
        *("watch", "detach", "stop", "no_auth"),
        # what to measure
        *("tasks", "data", "docs", "lengths", "haystack", "copies", "seed", "systems", "through"),
        *("window", "overlap", "depth", "out", "minutes", "by"),
        # how to train
        *("pairs", "hold_out", "steps", "learning_rate", "warmup", "checkpoint_minutes", "table"),
        *("length", "batch_pairs", "temperature", "theta", "batch", "length_steps", "length_rate"),
        *("document_tokens", "teacher", "share", "half", "positions", "reach", "negatives"),
        *("candidates", "margin"),
    }
)
_EVERY: tuple[OptionSpec, ...] = (
    *ENCODER_SPECS,
    *STORE_SPECS,
    *KEEPING_SPECS,
    *SELECTION_SPECS,
    *READING_SPECS,
    *SEARCH_SPECS,
    *SERVER_SPECS,
    AUTOSTART_SPEC,
)
#: Every key that ``longembed.toml`` may hold. Whether a model may run its own code is for the
#: person who types the command: a file that came with somebody's folder must not say so.
CONFIGURABLE: dict[str, click.ParamType[Any]] = {
    spec.name: spec.type for spec in _EVERY if spec.name != "trust_remote_code"
}


def spec_named(name: str) -> OptionSpec:
    """The option of a name, for a command that takes one of several that usually come together."""
    return next(spec for spec in _EVERY if spec.name == name)
