"""Encoder settings on their way from a model to a folder and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from longembed_rag import EncoderSettings, Planner
from longembed_rag.errors import SettingsError

#: What belongs to a machine or a place, and is not saved with a model.
_NOT_SAVED = ("model", "revision", "device", "dtype", "batch_tokens", "trust_remote_code")

#: What may differ from one loading to another; all else is what the folder was made for.
_AT_LOADING = (
    "batch_tokens",
    "device",
    "dtype",
    "max_length",
    "normalize",
    "overflow",
    "truncate_dim",
    "trust_remote_code",
)


def resolved_settings(settings: EncoderSettings) -> EncoderSettings:
    """The settings with all that follows from the model's name, which a copy does not keep."""
    planner = Planner.from_settings(settings)
    found: dict[str, Any] = {
        "method": planner.method,
        "pooling": planner.pooling,
        "query_prompt": planner.query_prompt,
        "document_prompt": planner.document_prompt,
    }
    # A table that was tuned to be longer knows its own length, and cannot be told another.
    if planner.rules.anchor_step == 1:
        found["original_length"] = planner.original_length
    return replace(settings, **found)


def reading_settings(settings: EncoderSettings) -> EncoderSettings:
    """Resolved settings with one prompt left empty, to read texts that come without one.

    An encoder knows two prompts, and sentence-transformers gives none or any. Documents are long
    and keep theirs, which then stands in every window; the one of queries is put before the text.
    """
    if settings.query_prompt and settings.document_prompt:
        return replace(settings, query_prompt="")
    return settings


def saved_values(settings: EncoderSettings) -> dict[str, Any]:
    """The settings that go into the folder, by name."""
    return {name: value for name, value in settings.to_dict().items() if name not in _NOT_SAVED}


def chosen_at_loading(values: dict[str, Any]) -> dict[str, Any]:
    """Check settings that are to take the place of the saved ones.

    Raises:
        SettingsError: The folder was made for another value of one of them; names it.
    """
    chosen = dict(values)
    if "torch_dtype" in chosen:
        chosen["dtype"] = chosen.pop("torch_dtype")
    others = sorted(set(chosen) - set(_AT_LOADING))
    if others:
        raise SettingsError(
            f"{', '.join(others)} cannot be chosen when an extended model is loaded, only "
            f"{', '.join(_AT_LOADING)}; extend the model anew for the others"
        )
    return chosen
