"""What can be set, each thing once: as a flag, a variable and a key of ``longembed.toml``."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from longembed_rag.files.options import (
    DEFAULT_MEMORY,
    DEFAULT_OCR_LANGUAGE,
    DEFAULT_TIMEOUT,
    GIB,
)
from longembed_rag.library.places import DEFAULT_PATH
from longembed_rag.points.locking import DEFAULT_WAIT
from longembed_rag.points.nearness import EXACT_BELOW, EXACT_BELOW_ON_DISK, HNSW_EF, MOST_EF
from longembed_rag.store.values import DEFAULT_COLLECTION

Function = TypeVar("Function", bound=Callable[..., Any])

COMMON_SECTION = "Options"
COLLECTION_SECTION = "Collection"
MODEL_SECTION = "Model"
EXTENSION_SECTION = "Context extension"
MACHINE_SECTION = "Machine"
KEEPING_SECTION = "New collections"
READING_SECTION = "Reading files"


#: No number that is set means more: steps, tokens and seeds are counted in 32 bits, and a
#: thousand million seconds are 30 years.
MOST, MOST_NUMBER = 2**31 - 1, 1e9


class Number(click.FloatRange):
    """A number within bounds that is one: neither infinite nor ``nan``, which is in no order."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; wrong usage where it is none."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        if self.max is None and number > MOST_NUMBER:
            self.fail(f"{value} is more than {MOST_NUMBER:,.0f}.", param, ctx)
        return float(number)


class Count(click.IntRange):
    """A whole number within bounds, by default of 32 bits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; wrong usage where it is none, or too large."""
        number = super().convert(value, param, ctx)
        if self.max is None and number > MOST:
            self.fail(f"{value} is more than {MOST:,}.", param, ctx)
        return int(number)


class Folder(click.Path):
    """A folder that is there, or can be made: no file, pipe or device, and no link in a circle."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; wrong usage where no folder can be."""
        if not value:  # for pathlib the working folder, which nobody means who says nothing
            self.fail("'' is no name of a folder; the working folder is '.'.", param, ctx)
        try:
            path = Path(os.fsdecode(super().convert(value, param, ctx)))
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError:
            return Path(value)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self.fail(f"{str(value)[:60]!r} is no name of a folder: {reason}.", param, ctx)
        if not is_folder:
            self.fail(f"{str(value)!r} is no folder.", param, ctx)
        return path


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
        multiple: Whether it may be given several times; in ``longembed.toml`` it is a list.
    """

    name: str
    type: click.ParamType[Any]
    help: str
    section: str = COMMON_SECTION
    default: Any = None
    shown_default: str | None = None
    short: str | None = None
    metavar: str | None = None
    multiple: bool = False

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
            multiple=self.multiple,
            envvar=self.environment_variable,
            help=self.help + default,
            section=self.section,
        )(function)


STORE_SPECS = (
    OptionSpec(
        name="path",
        type=Folder(),
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
        type=Number(min=0, min_open=True),
        help="Wait this long for an answer of the server.",
        metavar="SECONDS",
        section=COLLECTION_SECTION,
        default=60.0,
        shown_default="60",
    ),
    OptionSpec(
        name="wait",
        type=Number(min=0),
        help="Wait this long for a store that another process has open.",
        metavar="SECONDS",
        section=COLLECTION_SECTION,
        default=DEFAULT_WAIT,
        shown_default=f"{DEFAULT_WAIT:g}",
    ),
    OptionSpec(
        name="exact_below",
        type=Count(min=0),
        help="Have a server compare a query with every vector in collections of fewer points.",
        metavar="POINTS",
        section=COLLECTION_SECTION,
        shown_default=f"{EXACT_BELOW}; {EXACT_BELOW_ON_DISK} on disk",
    ),
    OptionSpec(
        name="hnsw_ef",
        type=Count(min=1, max=MOST_EF),
        help="How many points its search through the graph keeps in sight in larger ones.",
        metavar="POINTS",
        section=COLLECTION_SECTION,
        shown_default=str(HNSW_EF),
    ),
)
READING_SPECS = (
    OptionSpec(
        name="read_timeout",
        type=Number(min=0, min_open=True),
        help="Give up a file whose reading takes longer; of a scanned one, a page.",
        metavar="SECONDS",
        section=READING_SECTION,
        default=DEFAULT_TIMEOUT,
        shown_default=f"{DEFAULT_TIMEOUT:g}",
    ),
    OptionSpec(
        name="read_memory",
        type=Number(min=0.25, max=1 << 20),
        help="Give up a file whose reading takes more memory.",
        metavar="GIB",
        section=READING_SECTION,
        default=DEFAULT_MEMORY / GIB,
        shown_default=f"{DEFAULT_MEMORY / GIB:g}",
    ),
    OptionSpec(
        name="ocr_language",
        type=click.STRING,
        help="What scanned pages are written in, as Tesseract calls it (deu, deu+eng); none "
        "recognises nothing.",
        metavar="NAME",
        section=READING_SECTION,
        default=DEFAULT_OCR_LANGUAGE,
        shown_default=DEFAULT_OCR_LANGUAGE,
    ),
)
