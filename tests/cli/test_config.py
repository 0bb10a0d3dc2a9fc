"""longembed.toml: what it may hold, and what it says about mistakes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from longembed_rag.cli.config import load_config
from longembed_rag.cli.configurable import CONFIGURABLE, ONCE_ONLY
from longembed_rag.errors import SettingsError


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "longembed.toml"


def test_missing_file_is_no_settings(config_file: Path) -> None:
    """A working directory without the file sets nothing."""
    assert load_config(config_file, types=CONFIGURABLE) == {}


def test_values_keep_their_types(config_file: Path) -> None:
    """Numbers, texts, switches and folders arrive as what the commands take."""
    config_file.write_text(
        'method = "gp"\nmax_length = 8192\nntk_lambda = 3\nnormalize = false\npath = "index"\n'
        'query_prompt = ""\n'
    )
    assert load_config(config_file, types=CONFIGURABLE) == {
        "method": "gp",
        "max_length": 8192,
        "ntk_lambda": 3.0,
        "normalize": False,
        "path": Path("index"),
        "query_prompt": "",
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("methd = 'gp'", "unknown key 'methd'; did you mean 'method'?"),
        ("max-length = 8192", "did you mean 'max_length'?"),
        ("zzz = 1", "unknown key 'zzz'; known are: adaptive, all_text, allowed_host, "),
        ("trust_remote_code = true", "only taken from --trust-remote-code"),
        ("api_key = 'x'", "set LONGEMBED_API_KEY"),
        ("max_length = '8192'", "max_length = '8192' should be a whole number"),
        ("max_length = 8192.5", "max_length = 8192.5 should be a whole number"),
        ("max_length = true", "max_length = True should be a whole number"),
        ("ntk_lambda = true", "ntk_lambda = True should be a number"),
        ("normalize = 1", "normalize = 1 should be true or false"),
        ("model = 3", "model = 3 should be text in quotes"),
        ("method = 'gpp'", "method = 'gpp': 'gpp' is not one of"),
        ("limit = 0", "limit = 0: 0 is not in the range"),
        ("timeout = 0", "timeout = 0: "),
        ("[search]\nlimit = 3", "unknown key 'search'"),
        ("method = ", "cannot be read as TOML"),
    ],
)
def test_mistake_names_file_and_key(config_file: Path, line: str, said: str) -> None:
    """Every mistake is refused with the file's path, the key and what is wrong with it."""
    config_file.write_text(line)
    with pytest.raises(SettingsError) as caught:
        load_config(config_file, types=CONFIGURABLE)
    assert str(config_file) in str(caught.value)
    assert said in str(caught.value)


def test_file_that_is_not_text(config_file: Path) -> None:
    """A file in another encoding is an error of ours, not a decoding traceback."""
    config_file.write_bytes(b"model = '\xff'")
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        load_config(config_file, types=CONFIGURABLE)


def test_choices_of_click_and_of_the_file_are_the_same() -> None:
    """The file accepts exactly the names that are options of some command."""
    from longembed_rag.cli import main

    options = {
        parameter.name: parameter
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    assert set(CONFIGURABLE) == set(options) - {*ONCE_ONLY, "trust_remote_code"}
