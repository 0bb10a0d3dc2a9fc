"""The encoder's settings as options.

Names, types, choices and defaults are those of
:class:`~longembed_rag.encoder.settings.EncoderSettings`; this module only adds the words.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from longembed_rag.cli.option_specs import (
    EXTENSION_SECTION,
    MACHINE_SECTION,
    MODEL_SECTION,
    OptionSpec,
)
from longembed_rag.encoder.settings import EncoderSettings


def _click_type(annotation: Any) -> click.ParamType[Any]:
    """The click type of a dataclass field, None in a union left aside."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    plain = [part for part in get_args(annotation) if part is not type(None)]
    if plain:
        return _click_type(plain[0])
    return {bool: click.BOOL, int: click.INT, float: click.FLOAT, str: click.STRING}[annotation]


@dataclass(frozen=True)
class _Words:
    """What an encoder setting is called in ``--help``; ``unset`` tells what None stands for."""

    section: str
    help: str
    unset: str | None = None
    metavar: str | None = None


_ENCODER_WORDS = {
    "model": _Words(
        MODEL_SECTION,
        "Folder or Hugging Face name of the embedding model.",
        "the small one that comes with the package",
        "MODEL",
    ),
    "revision": _Words(
        MODEL_SECTION, "Branch, tag or commit of a Hugging Face model.", metavar="NAME"
    ),
    "pooling": _Words(MODEL_SECTION, "How token vectors become one.", "the model's own"),
    "query_prompt": _Words(
        MODEL_SECTION, 'Text put before queries; "" for none.', "the model's own"
    ),
    "document_prompt": _Words(
        MODEL_SECTION, 'Text put before documents; "" for none.', "the model's own"
    ),
    "truncate_dim": _Words(
        MODEL_SECTION, "Keep only this many leading dimensions (Matryoshka models).", "all", "N"
    ),
    "normalize": _Words(MODEL_SECTION, "Whether vectors get unit length."),
    "trust_remote_code": _Words(
        MODEL_SECTION,
        "Whether a model may run code that comes with it; not read from longembed.toml.",
    ),
    "method": _Words(
        EXTENSION_SECTION, "How the model reads past its own window; auto picks by the model."
    ),
    "max_length": _Words(
        EXTENSION_SECTION, "Longest text that is read in one go.", metavar="TOKENS"
    ),
    "overflow": _Words(
        EXTENSION_SECTION, "Beyond that length: average windows, keep the head and warn, or refuse."
    ),
    "scaling": _Words(
        EXTENSION_SECTION,
        "Scale from each text's own length, or always from the maximum as in the paper.",
    ),
    "attention_scaling": _Words(
        EXTENSION_SECTION,
        "Sharpen attention over long texts by ln n / ln L0, by YaRN's factor, or leave it.",
    ),
    "attention_temperature": _Words(
        EXTENSION_SECTION,
        "Divide logits by it over long texts, above 0 and at most 1.",
        "1",
        "FACTOR",
    ),
    "group_size": _Words(
        EXTENSION_SECTION, "Group size of gp, self_extend and dpe.", "from the scale", "N"
    ),
    "neighbor_window": _Words(
        EXTENSION_SECTION,
        "Exact window of self_extend, dpe and string, and of dca into the next chunk.",
        "from the scale or L0",
        "TOKENS",
    ),
    "chunk_size": _Words(EXTENSION_SECTION, "Chunks of dca.", "3/4 of L0", "TOKENS"),
    "ntk_lambda": _Words(
        EXTENSION_SECTION, "Factor of ntk on the rotary base.", "from the scale", "FACTOR"
    ),
    "rope_theta": _Words(
        EXTENSION_SECTION, "Rotary base of abf.", "50 times the model's own", "BASE"
    ),
    "rope_factors": _Words(
        EXTENSION_SECTION, "Rescale factors of longrope; 'tune' makes the file.", metavar="FILE"
    ),
    "resonance": _Words(
        EXTENSION_SECTION, "Round rotary wavelengths to whole tokens over long texts."
    ),
    "original_length": _Words(
        EXTENSION_SECTION, "What the model was trained to read (L0).", "the model's own", "TOKENS"
    ),
    "device": _Words(
        MACHINE_SECTION,
        "Torch device, or several: cuda:0,1.",
        "cuda or mps where there is one, else cpu",
        "DEVICE",
    ),
    "dtype": _Words(MACHINE_SECTION, "auto, float32, bfloat16 or float16.", metavar="DTYPE"),
    "batch_tokens": _Words(MACHINE_SECTION, "Tokens per forward pass.", "by device", "N"),
}


def _default_in_words(name: str, default: Any) -> str | None:
    if isinstance(default, bool):
        return name.replace("_", "-") if default else f"no-{name.replace('_', '-')}"
    return _ENCODER_WORDS[name].unset if default is None else str(default)


def _encoder_specs() -> tuple[OptionSpec, ...]:
    types = get_type_hints(EncoderSettings)
    defaults = {field.name: field.default for field in fields(EncoderSettings)}
    return tuple(
        OptionSpec(
            name=name,
            type=_click_type(types[name]),
            help=words.help,
            section=words.section,
            shown_default=_default_in_words(name, defaults[name]),
            metavar=words.metavar,
        )
        for name, words in _ENCODER_WORDS.items()
    )


ENCODER_SPECS = _encoder_specs()
