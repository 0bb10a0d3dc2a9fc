"""What can be set, each thing once: as a flag, a variable and a key of ``longembed.toml``.

The encoder's settings become options by themselves: names, types, choices and defaults are those
of :class:`~longembed_rag.encoder.settings.EncoderSettings`; this module only adds the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from longembed_rag.encoder.settings import EncoderSettings
from longembed_rag.library.places import DEFAULT_PATH
from longembed_rag.store.options import DEFAULT_PASSAGE_TOKENS
from longembed_rag.store.values import DEFAULT_COLLECTION
from longembed_rag.words.terms import K1, B

Function = TypeVar("Function", bound=Callable[..., Any])

COMMON_SECTION = "Options"
COLLECTION_SECTION = "Collection"
MODEL_SECTION = "Model"
EXTENSION_SECTION = "Context extension"
MACHINE_SECTION = "Machine"
KEEPING_SECTION = "New collections"


class SectionedOption(click.Option):
    """A click option that knows under which heading of ``--help`` it stands."""

    def __init__(self, *args: Any, section: str = COMMON_SECTION, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


@dataclass(frozen=True, kw_only=True)
class OptionSpec:
    """One option: a flag, an environment variable and a key of ``longembed.toml``.

    Attributes:
        name: The parameter, and the key in ``longembed.toml``.
        type: What click converts values to.
        help: One or two lines for people.
        section: Heading in ``--help``.
        default: Value when it is set nowhere.
        shown_default: The default in words; None when there is nothing to tell.
        short: A short flag such as ``-k``.
        metavar: What stands for the value in ``--help``; None takes click's own.
    """

    name: str
    type: click.ParamType[Any]
    help: str
    section: str = COMMON_SECTION
    default: Any = None
    shown_default: str | None = None
    short: str | None = None
    metavar: str | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """The declarations that click takes."""
        flag = f"--{self.name.replace('_', '-')}"
        if isinstance(self.type, click.types.BoolParamType):
            return (f"{flag}/--no-{self.name.replace('_', '-')}", self.name)
        return (*([self.short] if self.short else []), flag, self.name)

    @property
    def environment_variable(self) -> str:
        """The variable that sets it, such as ``LONGEMBED_MAX_LENGTH``."""
        return f"LONGEMBED_{self.name.upper()}"

    def decorate(self, function: Function) -> Function:
        """Add the option to a command's function."""
        flag = isinstance(self.type, click.types.BoolParamType)
        default = f"  [default: {self.shown_default}]" if self.shown_default else ""
        return click.option(
            *self.flags,
            cls=SectionedOption,
            type=None if flag else self.type,
            default=self.default,
            metavar=self.metavar,
            envvar=self.environment_variable,
            help=self.help + default,
            section=self.section,
        )(function)


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
        EXTENSION_SECTION, "Sharpen attention over long texts by ln n / ln L0, or leave it."
    ),
    "group_size": _Words(
        EXTENSION_SECTION, "Group size of gp and self_extend.", "from the scale", "N"
    ),
    "neighbor_window": _Words(
        EXTENSION_SECTION, "Exact window of self_extend.", "from the scale", "TOKENS"
    ),
    "ntk_lambda": _Words(
        EXTENSION_SECTION, "Factor of ntk on the rotary base.", "from the scale", "FACTOR"
    ),
    "original_length": _Words(
        EXTENSION_SECTION, "What the model was trained to read (L0).", "the model's own", "TOKENS"
    ),
    "device": _Words(
        MACHINE_SECTION, "Torch device.", "cuda or mps where there is one, else cpu", "DEVICE"
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
STORE_SPECS = (
    OptionSpec(
        name="path",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the embedded store.",
        section=COLLECTION_SECTION,
        shown_default=str(DEFAULT_PATH),
    ),
    OptionSpec(
        name="url",
        type=click.STRING,
        metavar="URL",
        help="A Qdrant server in place of the embedded store; its key is read from "
        "LONGEMBED_API_KEY or QDRANT_API_KEY.",
        section=COLLECTION_SECTION,
    ),
    OptionSpec(
        name="collection",
        type=click.STRING,
        metavar="NAME",
        help="Name of the collection.",
        section=COLLECTION_SECTION,
        default=DEFAULT_COLLECTION,
        shown_default=DEFAULT_COLLECTION,
    ),
    OptionSpec(
        name="timeout",
        type=click.FloatRange(min=0, min_open=True),
        help="Wait this long for an answer of the server.",
        metavar="SECONDS",
        section=COLLECTION_SECTION,
        default=60.0,
        shown_default="60",
    ),
)
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
        type=click.IntRange(min=1),
        help="Most tokens in a passage.",
        metavar="TOKENS",
        section=KEEPING_SECTION,
        shown_default=str(DEFAULT_PASSAGE_TOKENS),
    ),
    OptionSpec(
        name="language",
        type=click.STRING,
        help="What words are stemmed as; none leaves them as they are.",
        metavar="NAME",
        section=KEEPING_SECTION,
        shown_default="english",
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
        type=click.FloatRange(min=0),
        help="How fast a repeated word stops counting in BM25 (mode sparse, passages).",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default=str(K1),
    ),
    OptionSpec(
        name="b",
        type=click.FloatRange(min=0, max=1),
        help="How much length counts in BM25, 0 to 1; likewise.",
        metavar="NUMBER",
        section=KEEPING_SECTION,
        shown_default=str(B),
    ),
    *STORAGE_SPECS,
)
