"""From what the user set to an encoder or a planner."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from longembed_rag.cli.output import printable
from longembed_rag.cli.quiet import quiet_transformers
from longembed_rag.store.inheritance import build_settings

if TYPE_CHECKING:
    from longembed_rag.encoder.encoder import LongEncoder
    from longembed_rag.encoder.planner import Planner
    from longembed_rag.encoder.settings import EncoderSettings

__all__ = ["build_settings", "load_encoder", "load_planner"]


def load_encoder(settings: EncoderSettings) -> LongEncoder:
    """Load the model.

    Raises:
        ModelLoadError: It cannot be loaded.
        SettingsError: The settings do not fit it.
    """
    _announce(settings)
    quiet_transformers()
    from longembed_rag.encoder.encoder import LongEncoder

    return LongEncoder.from_pretrained(**settings.to_dict())


def _announce(settings: EncoderSettings) -> None:
    """Tell someone who waits at a terminal what the first seconds are for."""
    if sys.stderr.isatty():
        model = printable(settings.model or "the embedded model")
        click.echo(click.style(f"loading {model} ...", dim=True), err=True)


def load_planner(settings: EncoderSettings) -> Planner:
    """Load the model's configuration and tokenizer, without its weights.

    Raises:
        ModelLoadError: They cannot be loaded.
        SettingsError: The settings do not fit the model.
    """
    quiet_transformers()
    from longembed_rag.encoder.planner import Planner

    return Planner.from_pretrained(**settings.to_dict())
