"""Where a collection lies: folder or server, and the key of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.core import ParameterSource

from longembed_rag.cli.location import StoreLocation
from longembed_rag.errors import CollectionNotFoundError, SettingsError
from longembed_rag.store.store import DocumentStore

FLAG, VARIABLE, FILE, UNSET = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.DEFAULT,
)


def choose(
    path: Path | None, url: str | None, path_source: ParameterSource, url_source: ParameterSource
) -> StoreLocation:
    return StoreLocation.choose(
        path=path,
        url=url,
        collection="documents",
        timeout=60.0,
        sources={"path": path_source, "url": url_source},
    )


def test_default_is_a_folder_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing set, the store lies in .longembed, by its absolute path."""
    monkeypatch.chdir(tmp_path)
    location = choose(None, None, UNSET, UNSET)
    assert (location.path, location.url) == (tmp_path / ".longembed", None)


@pytest.mark.parametrize(
    ("path_source", "url_source", "server"),
    [(FLAG, VARIABLE, False), (FLAG, FILE, False), (FILE, VARIABLE, True), (VARIABLE, FLAG, True)],
)
def test_the_more_direct_setting_wins(
    path_source: ParameterSource, url_source: ParameterSource, server: bool
) -> None:
    """A flag beats a variable and a variable the file, between folder and server too."""
    location = choose(Path("x"), "http://h:6333", path_source, url_source)
    assert (location.url is not None) is server
    assert (location.path is None) is server


def test_both_in_one_place_is_refused() -> None:
    """Two places for one collection, named side by side, are a mistake; both are named."""
    with pytest.raises(SettingsError, match=r"path='x' and url='http://h:6333'"):
        choose(Path("x"), "http://h:6333", FLAG, FLAG)


def test_reading_does_not_create_a_store(tmp_path: Path) -> None:
    """Looking for a collection where there is none leaves no folder behind."""
    location = choose(tmp_path / "none", None, FLAG, UNSET)
    with (
        location.library() as library,
        pytest.raises(CollectionNotFoundError, match="run 'longembed-rag ingest"),
    ):
        library.info()
    assert not (tmp_path / "none").exists()


def test_home_folder_is_understood_where_no_shell_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path from a variable or the file may start with a tilde."""
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    location = choose(Path("~/index"), None, FILE, UNSET)
    assert location.path == Path("/home/somebody/index").absolute()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://qdrant.example", True),
        ("https://q:6333", False),
        ("http://[::1]:6333", False),
        ("http://qdrant:6333", False),
    ],
)
def test_key_over_an_open_line_is_said(
    url: str, warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key goes to the server that was named, with a warning where others can read it."""
    opened: dict[str, Any] = {}
    monkeypatch.setenv("LONGEMBED_API_KEY", "secret")
    monkeypatch.setattr(DocumentStore, "open", lambda **options: opened.update(options))
    location = choose(None, url, UNSET, FLAG)
    location.library()
    assert opened["url"] == url
    assert opened["api_key"] == "secret"
    error = capsys.readouterr().err
    assert ("unencrypted" in error) is warned
    assert "secret" not in error + repr(location)


@pytest.mark.parametrize(
    ("url", "source", "refused"),
    [
        ("https://elsewhere.example", FILE, True),
        ("http://qdrant:6333", FILE, True),
        ("https://localhost.example", FILE, True),
        ("https://localhost@elsewhere.example", FILE, True),
        ("http://localhost:6333", FILE, False),
        ("http://127.0.0.1:6333", FILE, False),
        ("https://elsewhere.example", VARIABLE, False),
        ("https://elsewhere.example", FLAG, False),
    ],
)
def test_a_key_does_not_go_where_only_a_file_says(
    url: str, source: ParameterSource, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A longembed.toml may have come with somebody's folder; the error says how to allow it."""
    opened: dict[str, Any] = {}
    monkeypatch.setattr(DocumentStore, "open", lambda **options: opened.update(options))
    choose(None, url, UNSET, source).library()
    assert opened["url"] == url
    assert not opened["api_key"]
    opened.clear()
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    location = choose(None, url, UNSET, source)
    if refused:
        with pytest.raises(SettingsError, match=r"sent there.*--url or LONGEMBED_URL"):
            location.library()
        assert not opened
    else:
        location.library()
        assert opened["api_key"] == "secret"
