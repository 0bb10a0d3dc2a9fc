"""Writing settings into a file that a person keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from longembed_rag.cli.config_writing import write_settings
from longembed_rag.errors import SettingsError

FILE = Path("longembed.toml")


def test_a_new_file() -> None:
    """The remark stands above the settings."""
    write_settings(FILE, {"method": "gp", "max_length": 1024}, remark="measured")
    assert FILE.read_text() == '# measured\nmethod = "gp"\nmax_length = 1024\n'


def test_what_stands_there_stays() -> None:
    """Comments, order and other keys stay; a key that is there gets its new value."""
    FILE.write_text('# mine\npath = "index"  # here\nmethod = "pcw"\n\nlanguage = "german"\n')
    write_settings(FILE, {"method": "gp", "max_length": 1024}, remark="measured")
    assert FILE.read_text() == (
        '# mine\npath = "index"  # here\nmethod = "gp"\n\nlanguage = "german"\n'
        "# measured\nmax_length = 1024\n"
    )


def test_again_changes_nothing() -> None:
    """The same settings again leave the file as it is."""
    write_settings(FILE, {"method": "gp"}, remark="measured")
    before = FILE.read_text()
    write_settings(FILE, {"method": "gp"}, remark="measured")
    assert FILE.read_text() == before


def test_broken_files_are_left_alone() -> None:
    """What is no TOML is named, and not overwritten."""
    FILE.write_text("method = \n")
    with pytest.raises(SettingsError, match=r"longembed\.toml cannot be read as TOML"):
        write_settings(FILE, {"method": "gp"}, remark="measured")
    assert FILE.read_text() == "method = \n"


def test_a_place_that_cannot_be_written_to() -> None:
    """The file is named, and no half is left."""
    FILE.mkdir()
    with pytest.raises(SettingsError, match=r"longembed\.toml"):
        write_settings(FILE, {"method": "gp"}, remark="measured")
    assert [path.name for path in Path().iterdir()] == ["longembed.toml"]
