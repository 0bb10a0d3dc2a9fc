"""Settings that parse and cannot be used, in every place where settings stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from longembed_rag.cli import main
from longembed_rag.cli.encoder_specs import ENCODER_SPECS
from longembed_rag.cli.lists import lengths
from longembed_rag.cli.option_specs import Count, Number
from longembed_rag.errors import SettingsError, StoreError
from longembed_rag.store.options import IndexOptions
from longembed_rag.store.record import read_record, write_record
from longembed_rag.whole_files import read_plain
from tests.cli.conftest import Run, as_json

NUMBERS = (click.types.IntParamType, click.types.FloatParamType)
ODD = ("nan", "inf", "-inf", "1e300", "1" + "0" * 30, "9" * 5000, "x", "")


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Every command, with the words that call it."""
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            yield from (([name, inner], made) for inner, made in command.commands.items())
        else:
            yield [name], command


OPTIONS = [
    pytest.param(number, words, option, id=" ".join([*words, option.opts[-1]]))
    for number, (words, option) in enumerate(
        (words, option)
        for words, command in commands()
        for option in command.params
        if isinstance(option.type, NUMBERS)
    )
]
#: Their bounds are those of EncoderSettings, which tells them.
OF_THE_ENCODER = {spec.name for spec in ENCODER_SPECS}


@pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(("number", "words", "option"), OPTIONS)
def test_every_number_has_bounds(
    number: int, words: list[str], option: click.Option, every: bool, run: Run
) -> None:
    """An option that takes a number takes none that is infinite, negative beyond use, or huge."""
    assert isinstance(option.type, (Count, Number)) or option.name in OF_THE_ENCODER
    given = {
        "ingest": ["."],
        "search": ["x"],
        "tune": ["--docs", "."],
        "eval": ["--docs", ".", "--systems", "bm25"],
        "train": ["--pairs", "none.jsonl", "--out", "out", "--model", "none"],
    }
    values = (*ODD, "-1")
    for odd in values if every else (values[number % 9], values[(number + 4) % 9]):
        # What cannot be is told before anything is done, so that nothing need be there.
        result = run(*words, *given.get(words[0], ()), option.opts[-1], odd, "--json")
        assert result.exit_code == 2
        message = as_json(result)["error"]["message"]
        assert option.opts[-1] in message or str(option.name) in message


@pytest.mark.parametrize("odd", ["0", "-1", "1.5", "x", "9" * 5000, "1e9", str(2**31)])
def test_lengths_have_bounds(odd: str) -> None:
    """Lists of lengths are bounded like single numbers, and long ones are not repeated whole."""
    with pytest.raises(SettingsError, match="is not a number of tokens") as told:
        lengths([odd])
    assert len(str(told.value)) < 120


def odd_file(kind: str, path: Path) -> None:
    """Put something that is no file of settings where one should be."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(2 << 20)
    else:
        targets = {"zeros": "/dev/zero", "random": "/dev/urandom", "circle": path.name}
        path.symlink_to(targets[kind])


@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "zeros", "random", "circle"])
def test_settings_that_are_no_file(kind: str) -> None:
    """A settings file that is a device, a pipe or a folder is told at once, by name."""
    odd_file(kind, Path("longembed.toml"))
    result = CliRunner().invoke(main, ["info", "--json"])
    assert result.exit_code == 2
    assert "longembed.toml cannot be read" in as_json(result)["error"]["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"[",
        b"\xff\xfe",
        b"a = " + b"[" * 20_000,
        b"limit = " + b"9" * 6000,
        b"limit = inf",
        b"limit = [1]",
        b"timeout = nan",
        b"[limit]",
        b'path = "a\\u0000b"',
        b'collection = "a\\u0000b"',
        b"model = 3",
        b"passages = 1",
    ],
)
def test_settings_of_another_shape(content: bytes) -> None:
    """Whatever the settings file holds, what is wrong is told with its name."""
    Path("longembed.toml").write_bytes(content)
    result = CliRunner().invoke(main, ["search", "x", "--json"])
    assert result.exit_code == 2
    error = as_json(result)["error"]
    assert error["type"] == "SettingsError"
    assert "longembed.toml" in error["message"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("file", "is no folder"),
        ("pipe", "is no folder"),
        ("circle", "is no folder"),
        ("/dev/zero", "is no folder"),
        ("n" * 5000, "is no name of a folder"),
        ("./none", "does not exist"),
        ("empty", "has no config.json"),
    ],
)
def test_models_that_are_no_folder(run: Run, model: str, words: str) -> None:
    """What is named as a model and is none is told for what it is."""
    Path("file").write_text("x")
    Path("empty").mkdir()
    odd_file("pipe", Path("pipe"))
    odd_file("circle", Path("circle"))
    result = run("ingest", "empty", "--path", "store", "--model", model, "--dry-run", "--json")
    assert result.exit_code == 2
    error = as_json(result)["error"]
    assert error["type"] == "ModelLoadError"
    assert words in error["message"]
    assert len(error["message"]) < 400


@pytest.mark.parametrize("kind", ["pipe", "zeros", "circle", "long"])
@pytest.mark.parametrize(
    "words",
    [
        ("info", "--path"),
        ("eval", "--docs", ".", "--out"),
        ("train", "positions", "--pairs", "none.jsonl", "--out"),
    ],
)
def test_folders_that_cannot_be(words: tuple[str, ...], kind: str, run: Run) -> None:
    """A folder that is a pipe, a device or no name is wrong use, before any work is done."""
    name = "n" * 5000 if kind == "long" else kind
    if kind != "long":
        odd_file(kind, Path(kind))
    result = run(*words, name, "--json")
    assert result.exit_code == 2
    message = as_json(result)["error"]["message"]
    assert words[-1] in message
    assert "folder" in message
    assert len(message) < 300


def test_a_folder_without_a_name_is_none(run: Run, documents: Path) -> None:
    """An empty --path, as an unset variable of a shell gives, is not the working folder."""
    Path("longembed.toml").write_text('path = ""\n')
    for arguments in (("--path", ""), ()):
        result = run("ingest", str(documents), *arguments, "--json")
        assert result.exit_code == 2
        assert "no name of a folder" in as_json(result)["error"]["message"]
    assert not Path("longembed.lock").exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", "n" * 300, "a\0b", "a\nb", "\udcff"])
def test_names_that_no_collection_can_have(run: Run, documents: Path, name: str) -> None:
    """A collection's name that cannot be is told before a store is made."""
    result = run("ingest", str(documents), "--path", "store", "--collection", name, "--json")
    assert result.exit_code == 2
    assert "collection=" in as_json(result)["error"]["message"]
    assert not Path("store").exists()


def test_documents_named_by_links_in_circles(run: Run, documents: Path) -> None:
    """A name that leads nowhere is the name of no document."""
    run("ingest", str(documents), "--path", "store")
    odd_file("circle", Path("circle"))
    for command in ("show", "remove"):
        result = run(command, "circle", "--path", "store", "--json")
        assert "fault of longembed-rag" not in result.stderr
        assert result.exit_code in (1, 2)


@pytest.mark.parametrize("odd", [None, "x", 3, [], {"a": 1}, float("nan"), float("inf")])
def test_records_of_another_shape(odd: Any) -> None:
    """A collection's record in which a value is another is read, or told to be damaged."""
    metadata = write_record(
        fingerprint="f",
        dimension=3,
        description={"model": "m"},
        settings={"model": "m"},
        options=IndexOptions(),
        embedded=True,
    )
    ((key, own),) = metadata.items()
    told = []
    for name in own:
        try:
            assert read_record({key: {**own, name: odd}}) is not None
        except (StoreError, SettingsError) as error:
            told.append(str(error))
    assert odd is None or told
    assert all("damaged" in each or "=" in each for each in told)


def test_only_files_are_read(tmp_path: Path) -> None:
    """A pipe is not waited for, and what has no end is not read."""
    for kind in ("pipe", "folder", "zeros"):
        odd_file(kind, tmp_path / kind)
        with pytest.raises(OSError, match=r"pipe|folder|directory"):
            read_plain(tmp_path / kind)
    (tmp_path / "file").write_bytes(b"12345")
    assert read_plain(tmp_path / "file", most=5) == b"12345"
    with pytest.raises(OSError, match="larger"):
        read_plain(tmp_path / "file", most=4)
