"""Where the socket file of a store's server lies."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.server import sockets
from longembed_rag.server.sockets import is_served, listen, socket_path


def test_without_a_folder_for_such_files_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: nothing is told of it, here where warnings are errors."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = socket_path(tmp_path / "store")
    assert found.suffix == ".sock"
    assert found == socket_path(tmp_path / "." / "store")
    assert not is_served(tmp_path / "store")


def test_a_folder_that_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is taken for a server, and who wants to be one is told what to set."""

    def refuse(*given: object, **named: object) -> Path:
        raise PermissionError("/tmp/runtime-0 is owned by uid 7, not 0")

    monkeypatch.setattr("platformdirs.user_runtime_path", refuse)
    assert not is_served(tmp_path / "store")
    if hasattr(sockets.socket, "AF_UNIX"):
        with pytest.raises(StoreError, match="set XDG_RUNTIME_DIR to one of yours"):
            listen(tmp_path / "store")
