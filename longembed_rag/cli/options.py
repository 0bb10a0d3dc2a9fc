"""The options that several commands share, as decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from longembed_rag.cli.encoder_specs import ENCODER_SPECS
from longembed_rag.cli.keeping_specs import KEEPING_SPECS, STORAGE_SPECS
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.option_specs import (
    READING_SPECS,
    STORE_SPECS,
    Function,
    OptionSpec,
)
from longembed_rag.errors import SettingsError
from longembed_rag.files.options import GIB, ReadOptions
from longembed_rag.urls import is_url


@dataclass(frozen=True)
class GivenSettings:
    """The encoder settings that the user set, and nothing about the others.

    Attributes:
        values: By name.
        from_flags: Those of them that stand on the command line itself.
    """

    values: dict[str, Any]
    from_flags: frozenset[str]

    def only_flags(self) -> GivenSettings:
        """Without what the environment and ``longembed.toml`` set."""
        kept = {name: self.values[name] for name in self.values if name in self.from_flags}
        return GivenSettings(kept, self.from_flags)


def _decorated(function: Function, specs: Sequence[OptionSpec]) -> Function:
    for spec in reversed(specs):
        function = spec.decorate(function)
    return function


def encoder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the encoder's flags; the function gets ``given``, a :class:`GivenSettings`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **parameters: Any) -> Any:
        context = click.get_current_context()
        values, from_flags = {}, set()
        for spec in ENCODER_SPECS:
            value = parameters.pop(spec.name)
            source = context.get_parameter_source(spec.name)
            if source is not ParameterSource.DEFAULT:
                values[spec.name] = value
            if source is ParameterSource.COMMANDLINE:
                from_flags.add(spec.name)
        _refuse_a_files_model_with_code(context)
        given = GivenSettings(values, frozenset(from_flags))
        return function(*args, given=given, **parameters)

    return _decorated(wrapper, ENCODER_SPECS)


def _refuse_a_files_model_with_code(context: click.Context) -> None:
    """A variable that trusts a person's own models says nothing of one that a file names."""
    if (
        context.params.get("trust_remote_code")
        and context.get_parameter_source("trust_remote_code") is ParameterSource.ENVIRONMENT
        and context.get_parameter_source("model") is ParameterSource.DEFAULT_MAP
    ):
        raise SettingsError(
            f"model: longembed.toml names {context.params['model']!r}, and "
            "LONGEMBED_TRUST_REMOTE_CODE would let it run its own code. If you trust it, say so "
            "with --trust-remote-code; if not, unset the variable or name another --model"
        )


def keeping_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of new collections; the function gets ``keeping``, what was set, by name."""
    return _set_options(function, KEEPING_SPECS, argument="keeping")


def storage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of a server's vectors; the function gets ``storage``, what was set, by name."""
    return _set_options(function, STORAGE_SPECS, argument="storage")


def _set_options(
    function: Callable[..., Any], specs: Sequence[OptionSpec], *, argument: str
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **parameters: Any) -> Any:
        context = click.get_current_context()
        values = {}
        for spec in specs:
            value = parameters.pop(spec.name)
            if context.get_parameter_source(spec.name) is not ParameterSource.DEFAULT:
                values[spec.name] = value
        return function(*args, **{argument: values}, **parameters)

    return _decorated(wrapper, specs)


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the collection's flags; the function gets ``location``, a :class:`StoreLocation`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **parameters: Any) -> Any:
        context = click.get_current_context()
        values = {spec.name: parameters.pop(spec.name) for spec in STORE_SPECS}
        sources = {name: context.get_parameter_source(name) for name in ("path", "url")}
        location = StoreLocation.choose(**values, sources=sources)
        return function(*args, location=location, **parameters)

    return _decorated(wrapper, STORE_SPECS)


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add how files are read; the function gets ``reading``, a :class:`ReadOptions`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **parameters: Any) -> Any:
        reading = ReadOptions(
            timeout=parameters.pop("read_timeout"),
            memory=round(parameters.pop("read_memory") * GIB),
            ocr_language=parameters.pop("ocr_language"),
        )
        return function(*args, reading=reading, **parameters)

    return _decorated(wrapper, READING_SPECS)


class _PathOrUrl(click.Path):
    """A path that is there, or a URL, of which that shows later."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if is_url(str(value)):
            return str(value)
        return super().convert(value, param, ctx)


def paths_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the files, folders and URLs to read; the function gets ``paths``."""
    return click.argument(
        "paths",
        nargs=-1,
        required=True,
        metavar="PATH...",
        type=_PathOrUrl(exists=True, path_type=Path),
    )(function)


def purge_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--purge``; stands above :func:`store_options`, and refuses a server beforehand."""

    @functools.wraps(function)
    def wrapper(*args: Any, purge: bool, location: StoreLocation, **parameters: Any) -> Any:
        if purge and location.url is not None:
            raise click.UsageError(
                "--purge is for embedded stores: a Qdrant server takes what was removed out of its "
                "files by itself, when it next optimises a segment"
            )
        return function(*args, purge=purge, location=location, **parameters)

    return click.option(
        "--purge",
        is_flag=True,
        help="Leave nothing in the store's files of what was removed or replaced, now or earlier.",
    )(wrapper)
