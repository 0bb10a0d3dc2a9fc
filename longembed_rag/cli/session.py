"""Loading models for people: announced, and without the libraries' own noise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from longembed_rag.cli.output import printable
from longembed_rag.cli.quiet import quiet_transformers

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings
    from longembed_rag.library.library import Library


def load_encoder(library: Library) -> LongEncoder:
    """Load a library's model.

    Raises:
        ModelLoadError: It cannot be loaded.
        SettingsError: The settings do not fit it.
        CollectionMismatchError: The collection was made with other settings.
    """
    settings = library.settings
    if sys.stderr.isatty():  # someone waits, and may know what the first seconds are for
        model = printable(settings.model or "the embedded model")
        click.echo(click.style(f"loading {model} ...", dim=True), err=True)
    quiet_transformers()
    return library.encoder


def load_planner(settings: EncoderSettings) -> Planner:
    """Load a model's configuration and tokenizer, without its weights.

    Raises:
        ModelLoadError: They cannot be loaded.
        SettingsError: The settings do not fit the model.
    """
    quiet_transformers()
    from longembed_rag.encoder.planner import Planner

    return Planner.from_settings(settings)
