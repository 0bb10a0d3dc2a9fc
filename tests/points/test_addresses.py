"""Secrets in addresses and keys are used and never shown; what cannot be sent is told before."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag import Library
from longembed_rag.errors import LongEmbedError, SettingsError
from longembed_rag.points.addresses import Address, Secrets, masked_url, require_key
from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import FakeQdrant

SECRET = "s3cr3t-marked"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:6333", "http://localhost:6333"),
        ("https://u:p@host:1/path", "https://***@host:1/path"),
        ("http://u:p/a?b#c@d@host", "http://***@host"),
        ("http:/u:p@host", "http:/***@host"),
        ("u:p@host", "***@host"),
        ("http://host?key=p#q", "http://host?***"),
        ("http://***@host", "http://***@host"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    """User, password and query are masked, even where the address is written wrongly."""
    assert masked_url(url) == shown


@given(password=st.text(min_size=1), scheme=st.sampled_from(("http://", "https://", "HTTP://", "")))
def test_no_password_comes_through(password: str, scheme: str) -> None:
    """Whatever letters a password has, escaped or not, only the mask is left of it."""
    for written in (password, quote(password, safe="")):
        url = f"{scheme}me:{written}@host:6333"
        assert masked_url(url) == f"{scheme}***@host:6333"
        try:
            told = repr(Address.read(url))
        except SettingsError as error:
            told = str(error)
        assert "***@host:6333" in told
        assert "me:" not in told


def test_a_login_is_read_unescaped() -> None:
    """What stands escaped in an address is sent as it is meant."""
    address = Address.read("https://me:a%2Fb%40c@[::1]:7/q/")
    assert address.login == ("me", "a/b@c")
    assert address.url == "https://[::1]:7/q/"


@pytest.mark.parametrize(
    "url", ["http://", "http://[x", "http://h:99999999", "http://h o", "ftp://h"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """An address that cannot be one is the address's fault, before a client is made."""
    with pytest.raises(SettingsError, match="url="):
        Address.read(url)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (f"{SECRET}\r", "the end of a line"),
        (f"{SECRET}\n", "the end of a line"),
        (f" {SECRET}", "a space"),
        (f"{SECRET} x", "a space"),
        (f"{SECRET}\x00", "a control character"),
        (f"{SECRET}é", "outside ASCII"),
        (SECRET.encode(), "not a text"),
    ],
)
def test_a_key_that_cannot_be_sent_is_the_keys_fault(
    server: FakeQdrant, key: Any, told: str
) -> None:
    """It is named as that before anything is sent, and not printed."""
    with pytest.raises(SettingsError, match=f"API key.*{told}") as caught:
        Library.open(url=server.url, api_key=key)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert not server.requests


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_printable_key_may_be_sent(key: str) -> None:
    """Whatever a header can hold is left to the server."""
    require_key(key)


def test_what_a_server_repeats_is_hidden() -> None:
    """A key, a password and both as they are sent are taken out of any text; short ones are not."""
    secrets = Secrets(key="key-one", login=("me", "key-one-and-more"))
    told = secrets.hide("key-one-and-more, key-one, me")
    assert told == "***, ***, me"
    assert Secrets(key="a").hide("banana") == "banana"


@contextmanager
def repeating(status: int) -> Iterator[tuple[str, list[str]]]:
    """A server that answers with the headers it was sent, as JSON; gives its port and those."""
    logins: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

        def answer(self) -> None:
            logins.append(self.headers.get("Authorization", ""))
            told = {"status": {"error": "x" * 150 + str(dict(self.headers))}}
            body = json.dumps(told if status == 400 else dict(self.headers)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield str(made.server_address[1]), logins
    finally:
        made.shutdown()
        made.server_close()


CALLS: dict[str, Callable[[Library, Path], Any]] = {
    "repr": lambda library, _: repr(library) + repr(library._holdings) + str(vars(library)),
    "location": lambda library, _: library.location,
    "info": lambda library, _: library.info(),
    "search": lambda library, _: library.search("x", mode="sparse"),
    "documents": lambda library, _: library.documents(),
    "get": lambda library, _: library.get("x"),
    "ingest": lambda library, folder: library.ingest(folder),
    "remove": lambda library, _: library.remove(["x"]),
    "verify": lambda library, _: library.verify(),
    "copy": lambda library, folder: library.copy(folder / "copy"),
    "store": lambda library, _: repr(library.store) + library.store.location,
}


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
@pytest.mark.filterwarnings("ignore:Api key is used")
def test_no_method_lets_a_secret_out(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that a library gives, raises or logs holds the key or the password."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "a.txt").write_text("A ferry.")
    policy = RetryPolicy(sleep=lambda seconds: None)
    with repeating(status) as (port, logins):
        for name, call in CALLS.items():
            url = f"http://me:{SECRET}@127.0.0.1:{port}"
            with Library.open(url=url, api_key=f"key-{SECRET}", retries=policy) as library:
                try:
                    told = str(call(library, tmp_path))
                except LongEmbedError as error:
                    told = "".join(traceback.format_exception(error))
            assert SECRET not in told, name
            assert "Y3IzdC1tYXJrZWQ" not in told, name  # a part of it, as it is sent
    assert SECRET not in caplog.text
    assert logins[0].startswith("Basic ")


def test_a_store_works_behind_a_login(server: FakeQdrant, tmp_path: Path) -> None:
    """An address with user and password leads to the same server, and is recorded without them."""
    url = server.url.replace("http://", f"http://me:{SECRET}@")
    with DocumentStore.open(url=url) as store:
        assert store.record() is None
        assert store.location == server.url.replace("http://", "http://***@")
