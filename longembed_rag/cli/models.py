"""``longembed-rag models``: what is known of published models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from longembed_rag.cli.command import Command
from longembed_rag.cli.output import wrapped, write_json, write_table

if TYPE_CHECKING:
    from longembed_rag.encoder.preset import Preset


@click.command(
    "models",
    cls=Command,
    short_help="List the models that are known, and their methods.",
    epilog="""\b
Examples:
  longembed-rag models
  longembed-rag models --json | jq '.models[] | select(.default)'""",
)
def models_command(as_json: bool) -> None:
    """List the models whose prompts, pooling and best method are known.

    Other models of the same families work too: any folder or Hugging Face name can be given as
    --model. The method is what --method auto picks; the star marks the model that comes with the
    package and needs no download.
    """
    from longembed_rag.encoder.folder import DEFAULT_MODEL
    from longembed_rag.encoder.presets import PRESETS

    models = [_described(preset, default_model=DEFAULT_MODEL) for preset in PRESETS]
    if as_json:
        write_json({"default": DEFAULT_MODEL, "models": models})
        return
    write_table(
        ("", "model", "family", "pooling", "method"),
        [
            (
                "*" if model["default"] else "",
                "\n".join(model["names"]),
                model["family"],
                model["pooling"],
                model["method"],
            )
            for model in models
        ],
    )
    _explain(models)


def _described(preset: Preset, *, default_model: str) -> dict[str, Any]:
    from longembed_rag.encoder.families import family_of, pick_method

    config = SimpleNamespace(model_type=preset.family, use_bidirectional_attention=True)
    family = family_of(config, model_name=preset.names[0], preset=preset)
    method, reason = pick_method(family, preset, model_name=preset.names[0])
    return {
        "names": list(preset.names),
        "default": any(name.rsplit("/", 1)[-1] == default_model for name in preset.names),
        "family": preset.family,
        "positions": family.positions,
        "causal": family.causal,
        "pooling": preset.pooling,
        "query_prompt": preset.query_prompt,
        "document_prompt": preset.document_prompt,
        "original_length": preset.original_length,
        "dimensions": list(preset.dimensions),
        "method": method,
        "method_reason": reason,
        "note": preset.note,
        "rope_theta": preset.rope_theta,
        "base_note": _base_note(preset),
    }


def _base_note(preset: Preset) -> str | None:
    """How long texts its rotary base is enough for, in words; None without one."""
    from longembed_rag.extension.base_bound import enough_for, in_words

    if preset.rope_theta is None:
        return None
    return in_words(preset.rope_theta, enough_for(preset.rope_theta, preset.rotary_dim))


def _explain(models: list[dict[str, Any]]) -> None:
    """Say once per method why it is picked, and what else is to be known of a model."""
    reasons: dict[str, list[str]] = {}
    for model in models:
        known = reasons.setdefault(model["method"], [])
        if model["method_reason"] not in known:
            known.append(model["method_reason"])
    click.echo("\nWhy auto picks these methods:")
    for method, why in reasons.items():
        click.echo(wrapped(f"{method}: {'; '.join(why)}.", indent="  "))
    click.echo("\nRotary bases, by the bound of arXiv 2405.14591:")
    for model in models:
        if model["base_note"]:
            click.echo(wrapped(f"{', '.join(model['names'])}: {model['base_note']}.", indent="  "))
    click.echo("\nNotes:")
    for model in models:
        if model["note"]:
            click.echo(wrapped(f"{', '.join(model['names'])}: {model['note']}.", indent="  "))
    click.echo("\nMade to be cut to these dimensions (--truncate-dim):")
    for model in models:
        if model["dimensions"]:
            sizes = ", ".join(map(str, model["dimensions"]))
            click.echo(wrapped(f"{', '.join(model['names'])}: {sizes}.", indent="  "))
