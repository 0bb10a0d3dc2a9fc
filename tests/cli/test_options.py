"""Options: every setting is a flag, a variable and a key, with one default and one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from longembed_rag.cli import main
from longembed_rag.cli.command import Command
from longembed_rag.cli.encoder_specs import ENCODER_SPECS
from longembed_rag.cli.location import StoreLocation
from longembed_rag.cli.options import GivenSettings, encoder_options, store_options
from longembed_rag.encoder.settings import EncoderSettings


@pytest.fixture
def seen() -> Iterator[dict[str, Any]]:
    return {}


@pytest.fixture
def probe(seen: dict[str, Any]) -> click.Command:
    @click.command("probe", cls=Command)
    @store_options
    @encoder_options
    def command(given: GivenSettings, location: StoreLocation, as_json: bool) -> None:
        seen.update(given=given, location=location)

    return command


def test_every_setting_of_the_encoder_is_a_flag() -> None:
    """A setting that is added to the encoder cannot be forgotten here."""
    assert {spec.name for spec in ENCODER_SPECS} == {f.name for f in fields(EncoderSettings)}


@pytest.mark.parametrize("spec", ENCODER_SPECS, ids=lambda spec: str(spec.name))
def test_help_tells_the_default_that_the_encoder_has(spec: Any, probe: click.Command) -> None:
    """--help shows the default of EncoderSettings, which is written nowhere else."""
    default = {f.name: f.default for f in fields(EncoderSettings)}[spec.name]
    if default is not None and not isinstance(default, bool):
        assert spec.shown_default == str(default)
    result = CliRunner().invoke(probe, ["--help"])
    assert spec.flags[0].partition("/")[0] in result.output


def test_nothing_set_is_nothing_given(probe: click.Command, seen: dict[str, Any]) -> None:
    """Defaults do not count as given, so that a collection's own settings can stand."""
    result = CliRunner().invoke(probe, [], catch_exceptions=False)
    assert result.exit_code == 0
    assert seen["given"] == GivenSettings({}, frozenset())


def test_a_flag_with_the_default_value_is_given(probe: click.Command, seen: dict[str, Any]) -> None:
    """Somebody who types the default means it."""
    CliRunner().invoke(probe, ["--method", "auto", "--query-prompt", "", "--no-normalize"])
    assert seen["given"].values == {"method": "auto", "query_prompt": "", "normalize": False}


def test_flags_win_over_variables_and_variables_over_the_file(
    probe: click.Command, seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of precedence, with one setting from each place."""
    Path("longembed.toml").write_text(
        'method = "gp"\nmax_length = 1000\ndevice = "cpu"\ncollection = "file"\nnormalize = false\n'
    )
    monkeypatch.setenv("LONGEMBED_MAX_LENGTH", "2000")
    monkeypatch.setenv("LONGEMBED_DEVICE", "meta")
    monkeypatch.setenv("LONGEMBED_COLLECTION", "variable")
    CliRunner().invoke(probe, ["--device", "cuda"], catch_exceptions=False)
    assert seen["given"].values == {
        "method": "gp",
        "max_length": 2000,
        "device": "cuda",
        "normalize": False,
    }
    assert seen["given"].only_flags().values == {"device": "cuda"}
    assert seen["location"].collection == "variable"


@pytest.mark.parametrize("place", ["flag", "variable", "file"])
def test_several_devices_can_be_named_anywhere(
    place: str, probe: click.Command, seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With commas between them, as they are in Python."""
    if place == "file":
        Path("longembed.toml").write_text('device = "cuda:0,1"\n')
    if place == "variable":
        monkeypatch.setenv("LONGEMBED_DEVICE", "cuda:0,1")
    args = ["--device", "cuda:0,1"] if place == "flag" else []
    CliRunner().invoke(probe, args, catch_exceptions=False)
    assert seen["given"].values == {"device": "cuda:0,1"}


@pytest.mark.parametrize(
    ("args", "variable", "fine"),
    [
        ([], "1", False),
        ([], "0", True),
        (["--trust-remote-code"], "1", True),
        (["--model", "own"], "1", True),
    ],
)
def test_a_variable_does_not_trust_the_code_of_a_files_model(
    probe: click.Command,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    variable: str,
    fine: bool,
) -> None:
    """The file may have come with somebody's folder; who types the command can say otherwise."""
    Path("longembed.toml").write_text('model = "somebody/model"\n')
    monkeypatch.setenv("LONGEMBED_TRUST_REMOTE_CODE", variable)
    result = CliRunner().invoke(probe, args)
    assert (result.exit_code == 0) is fine
    assert ("longembed.toml names 'somebody/model'" in result.stderr) is not fine


def test_mistake_in_the_file_ends_with_one_line(probe: click.Command) -> None:
    """A wrong key is named with its file; --help is still given."""
    Path("longembed.toml").write_text("methd = 'gp'\n")
    result = CliRunner().invoke(probe, [])
    assert result.exit_code == 2
    assert result.stderr == ("error: longembed.toml: unknown key 'methd'; did you mean 'method'?\n")
    assert CliRunner().invoke(probe, ["--help"]).exit_code == 0


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_beside_a_broken_file(flag: str) -> None:
    """Both ways of asking for help give it; a value that looks like one does not ask for it."""
    Path("longembed.toml").write_text("methd = 'gp'\n")
    asked = CliRunner().invoke(main, ["search", flag])
    assert (asked.exit_code, asked.stderr) == (0, "")
    assert "Usage: " in asked.stdout
    value = CliRunner().invoke(main, ["search", "apples", "--document-prompt", flag])
    assert value.exit_code == 2
    assert "unknown key 'methd'" in value.stderr
