"""What answers and is no Qdrant is told in a sentence that names the address, in bounded time."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from longembed_rag.errors import StoreError
from longembed_rag.store.store import DocumentStore

PAGE = b"<html>hello</html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def answer(body: bytes, *, status: str = "200 OK", more: str = "") -> list[bytes]:
    """A whole answer of a web server."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    return [head.encode() + body]


@contextmanager
def saying(chunks: list[bytes], *, endless: bytes = b"") -> Iterator[int]:
    """A port that says something to whoever asks, then goes on for ever, or hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for chunk in itertools.chain(chunks, itertools.repeat(endless)):
                if stopped.is_set() or not chunk:
                    return
                connection.sendall(chunk)
                if chunk is endless:
                    time.sleep(0.05)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        stopped.set()
        listening.close()


ANSWERS = {
    "a page": (answer(PAGE), "something else than Qdrant's JSON"),
    "nothing": (answer(b""), "something else than Qdrant's JSON"),
    "bytes": (answer(b"\xff\xfe\x81"), "something else than Qdrant's JSON"),
    "depth": (answer(b"[" * 200_000), "something else than Qdrant's JSON"),
    "another's object": (answer(b'{"hello": 1}'), "something else than Qdrant's JSON"),
    "a list": (answer(b"[1]"), "JSON of another kind"),
    "another's result": (answer(b'{"result": [1]}'), "JSON of another kind"),
    "no gzip": (answer(PAGE, more="Content-Encoding: gzip\r\n"), "something else"),
    "a login": (
        answer(b"", status="302 Found", more="Location: https://me:s3cret@login.example/\r\n"),
        r"sends on to https://\*\*\*@login\.example/",
    ),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], "answers 204"),
    "a page for 404": (answer(PAGE, status="404 Not Found"), "answers 404, not as Qdrant"),
    "TLS only": (answer(b"use https", status="400 Bad Request"), "answers 400, not as Qdrant"),
    "another protocol": ([b"y\n" * 200_000], "not HTTP.*https://"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_another_service_is_told(case: str) -> None:
    """An answer that is none of Qdrant's is told at once, with the address and what it was."""
    chunks, told = ANSWERS[case]
    with saying(chunks) as port, DocumentStore.open(url=f"http://me:s3cret@127.0.0.1:{port}") as it:
        with pytest.raises(StoreError, match=told) as caught:
            it.record()
        assert f"no Qdrant server answers at http://***@127.0.0.1:{port}" in str(caught.value)
        assert "s3cret" not in str(caught.value)


def test_no_tls_where_it_is_asked_for_is_told() -> None:
    """A server without TLS behind https:// is told as that, not waited for."""
    told = r"does not speak TLS.*begins with http://"
    with (
        saying(answer(PAGE)) as port,
        DocumentStore.open(url=f"https://127.0.0.1:{port}") as store,
        pytest.raises(StoreError, match=told),
    ):
        store.record()


@pytest.mark.parametrize(
    ("chunks", "endless"),
    [([HEAD], b"1,"), ([b"HTTP/1.1 200 OK\r\nX: "], b"a")],
    ids=["a body", "a header"],
)
def test_an_answer_without_end_is_ended(chunks: list[bytes], endless: bytes) -> None:
    """What never stops is given up in a time that follows from the setting."""
    began = time.monotonic()
    with saying(chunks, endless=endless) as port:
        url = f"http://127.0.0.1:{port}"
        with (
            DocumentStore.open(url=url, timeout=1) as store,
            pytest.raises(StoreError, match=rf"{url} does not answer.*did not end within"),
        ):
            store.record()
    assert time.monotonic() - began < 10
