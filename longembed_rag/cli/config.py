"""``longembed.toml``: settings of a working directory.

Precedence: flags, then ``LONGEMBED_*`` environment variables, then this file, then the
defaults. The file holds the long flags' names with underscores, without any table::

    model = "intfloat/e5-base-v2"
    method = "gp"
    path = "index"
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from longembed_rag.cli.selecting import PatternList
from longembed_rag.errors import SettingsError
from longembed_rag.points.addresses import masked_url
from longembed_rag.whole_files import read_plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG_FILE = "longembed.toml"

#: More than all settings there are.
_MOST_BYTES = 1 << 20

_SECRETS = ("api_key", "api-key", "key", "token")


def load_config(path: Path, *, types: Mapping[str, click.ParamType[Any]]) -> dict[str, Any]:
    """Read and check a configuration file.

    Args:
        path: The file; it may be missing.
        types: Every key that may be set, with its type.

    Returns:
        The values in it, converted; empty where there is no file.

    Raises:
        SettingsError: The file cannot be read, or a key or value in it is wrong.
    """
    try:
        values = tomllib.loads(read_plain(path, most=_MOST_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} cannot be read as TOML: {error}; mend it, or move it away"
        ) from error
    return {key: _checked(path, key, value, types) for key, value in values.items()}


def _checked(path: Path, key: str, value: Any, types: Mapping[str, click.ParamType[Any]]) -> Any:
    if key not in types:
        raise SettingsError(f"{path}: unknown key {key!r}; {_advice(key, types)}")
    expected = types[key]
    if isinstance(expected, PatternList):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise SettingsError(f'{path}: {key} = {value!r} should be a list: {key} = ["*.log"]')
        return value
    if not isinstance(value, _toml_types(expected)) or (
        isinstance(value, bool) and not isinstance(expected, click.types.BoolParamType)
    ):
        shown = masked_url(repr(value)) if key == "url" else repr(value)
        raise SettingsError(f"{path}: {key} = {shown} should be {_description(expected)}")
    if isinstance(value, str) and "\0" in value:
        raise SettingsError(f"{path}: {key} = {value!r} holds a NUL, which no name does")
    try:
        return expected.convert(value, None, None)
    except click.BadParameter as error:
        raise SettingsError(f"{path}: {key} = {value!r}: {error.message}") from error


def _advice(key: str, types: Mapping[str, click.ParamType[Any]]) -> str:
    if key == "trust_remote_code":
        return "it is only taken from --trust-remote-code or LONGEMBED_TRUST_REMOTE_CODE"
    if key.lower() in _SECRETS:
        return "secrets are only read from the environment: set LONGEMBED_API_KEY"
    close = difflib.get_close_matches(key.lower().replace("-", "_"), types, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(sorted(types))}"


def _toml_types(expected: click.ParamType[Any]) -> tuple[type, ...]:
    if isinstance(expected, click.types.BoolParamType):
        return (bool,)
    if isinstance(expected, click.types.FloatParamType):
        return (int, float)
    if isinstance(expected, click.types.IntParamType):
        return (int,)
    return (str,)


def _description(expected: click.ParamType[Any]) -> str:
    names = {bool: "true or false", float: "a number", int: "a whole number", str: "text in quotes"}
    return names[_toml_types(expected)[-1]]
