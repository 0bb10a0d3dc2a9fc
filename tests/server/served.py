"""Servers over a small store and a tiny model, as tests ask them."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from longembed_rag import Library
from longembed_rag.server.app import create_app
from longembed_rag.server.guard import Guard
from longembed_rag.server.options import ServerOptions
from tests.models import TinyModels

KEY = "a-key-of-sixteen-characters"
#: A name that the tests ask by; the server of a test listens nowhere.
ADDRESS = "http://127.0.0.1"


class Served:
    """A server without sockets, its client, and what is behind it.

    Args:
        app: The app.
        client: Asks it, with its lifespan begun.
        library: Its library.
    """

    def __init__(self, app: Guard, client: TestClient, library: Library) -> None:
        self.app, self.client, self.library = app, client, library

    def wait_for(self, job: str) -> dict[str, Any]:
        """A job, once it is over."""
        for _ in range(600):
            found: dict[str, Any] = self.client.get(f"/v1/jobs/{job}").json()
            if found["ended"] is not None:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{job} does not end: {found}")

    def add(self, **texts: str) -> dict[str, Any]:
        """Add texts by their ids, and wait until they are there."""
        documents = [{"id": name, "text": text} for name, text in texts.items()]
        # As ASCII: what the client makes of JSON cannot hold half a character.
        body = json.dumps({"documents": documents})
        headers = {"content-type": "application/json"}
        answer = self.client.post("/v1/documents", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return self.wait_for(answer.json()["id"])

    def upload(self, *files: tuple[str, bytes], **data: Any) -> httpx.Response:
        """Send files; the answer as it comes."""
        sent = [("files", (name, content)) for name, content in files]
        return self.client.post("/v1/files", files=sent, data=data)


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """A folder with a short path, and this user's folders of state and sockets within it."""
    with tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
                (folder / name).mkdir(mode=0o700)
                patch.setenv(name, str(folder / name))
            yield folder


@contextmanager
def served(
    models: TinyModels, folder: Path, *, settings: dict[str, Any] | None = None, **options: Any
) -> Iterator[Served]:
    """A server over a store in a folder.

    Args:
        models: Where its model comes from.
        folder: The store is in it, and what is sent.
        settings: Of the library, where they are others than the default.
        **options: Of the server.
    """
    chosen = {"model": str(models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with Library.open(folder / "store", **{**chosen, **(settings or {})}) as library:
        app = create_app(library, ServerOptions(**{"spool": folder / "spool", **options}))
        with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
            yield Served(app, client, library)


@contextmanager
def running(library: Library, **options: Any) -> Iterator[str]:
    """A real server on a thread, at a free port; gives its address."""
    from longembed_rag.server.running import serve

    ready = threading.Event()
    addresses: list[str] = []
    failed: list[BaseException] = []

    def on_ready(address: str) -> None:
        addresses.append(address)
        ready.set()

    watch = options.pop("watch", ())

    def run() -> None:
        try:
            serve(library, ServerOptions(port=0, **options), watch=watch, on_ready=on_ready)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60), "it does not begin"
        if failed:
            raise failed[0]
        yield addresses[0]
    finally:
        if addresses:
            _end(library)
        thread.join(60)
        assert not thread.is_alive()


def _end(library: Library) -> None:
    from longembed_rag.server.remote import ServerLink

    assert library.path is not None
    link = ServerLink.find(library.path)
    if link is not None:
        link.ask("POST", "/own/stop")


def error_of(answer: Any, status: int, *, param: str | None = None) -> str:
    """The message of an answer that refuses, in OpenAI's shape."""
    assert answer.status_code == status, (answer.status_code, answer.text[:400])
    found = answer.json()
    assert set(found) == {"error"}
    assert set(found["error"]) == {"message", "type", "param", "code"}
    assert found["error"]["param"] == param, found
    assert found["error"]["type"]
    message = found["error"]["message"]
    assert isinstance(message, str)
    assert message
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1
    return message
