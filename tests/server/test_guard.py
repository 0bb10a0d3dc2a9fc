"""Who may use a server, by which name, how much; and what is told of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longembed_rag.errors import SettingsError
from longembed_rag.server.logs import JsonLines
from longembed_rag.server.options import ServerOptions
from tests.models import TinyModels
from tests.server.served import ADDRESS, KEY, Served, error_of, folder_of_its_own, served

pytestmark = pytest.mark.filterwarnings("ignore::longembed_rag.errors.LongEmbedWarning")
OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def closed(tiny_models: TinyModels) -> Iterator[Served]:
    """A server that wants a key, and takes a megabyte at most."""
    with (
        folder_of_its_own() as folder,
        served(tiny_models, folder, key=KEY, max_body=2**20) as found,
    ):
        yield found


def with_key(value: str) -> dict[str, str]:
    return {"authorization": value}


@pytest.mark.parametrize("value", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY} "])
def test_the_key_opens(closed: Served, value: str) -> None:
    """The scheme is written in any case."""
    assert closed.client.get("/v1/jobs", headers=with_key(value)).status_code == 200


@pytest.mark.parametrize(
    "value", ["", KEY, f"Basic {KEY}", "Bearer", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer ü"]
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/documents/a", "/metrics", "/nothing", "/mcp"])
def test_without_the_key_nothing_is_told(closed: Served, path: str, value: str) -> None:
    """No key, half of one or another scheme is 401, of what is there and what is not."""
    answer = closed.client.get(path, headers={b"authorization": value.encode("latin-1")})
    error_of(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_what_tells_nothing_is_open(closed: Served) -> None:
    """Health and the page need no key, nor do the page's files; ways around lead nowhere."""
    for path in OPEN:
        assert closed.client.get(path).status_code in (200, 503), path
    for path in ("/page/../v1/jobs", "/page/..%2fv1/jobs", "/docs/../v1/jobs", "//v1/jobs"):
        assert closed.client.get(path).status_code in (401, 404), path


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::1", "", "0.0.0.0", "a b"],
)
def test_a_name_that_is_not_the_servers(server: Served, host: str) -> None:
    """A page that had its own name lead here (DNS rebinding) reads nothing."""
    answer = server.client.get("/v1/documents", headers={"host": host})
    error_of(answer, 421, param="Host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_names_of_this_machine(server: Served, host: str) -> None:
    """All of them are known, with any port."""
    assert server.client.get("/health", headers={"host": host}).status_code == 200


def test_a_proxys_name_is_told(tiny_models: TinyModels) -> None:
    """allowed_hosts are known, in any case."""
    with (
        folder_of_its_own() as folder,
        served(tiny_models, folder, allowed_hosts=("Search.Example",)) as found,
    ):
        for host in ("search.example", "Search.Example:443"):
            assert found.client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://127.0.0.1:9", "evil", "http://"]
)
def test_pages_of_other_sites_change_nothing(server: Served, origin: str) -> None:
    """What a foreign page has a browser send is refused, by every way that writes, and /mcp."""
    headers = {"origin": origin}
    client = server.client
    error_of(
        client.post("/v1/embeddings", json={"input": "a"}, headers=headers), 403, param="Origin"
    )
    error_of(client.delete("/v1/documents/lease", headers=headers), 403, param="Origin")
    error_of(client.get("/mcp", headers=headers), 403, param="Origin")
    answer = client.get("/v1/documents", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_may(server: Served) -> None:
    """The server's own page is of its own origin."""
    answer = server.client.post("/v1/search", json={"query": "a"}, headers={"origin": ADDRESS})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/documents", "/v1/search", "/v1/nothing"])
def test_a_body_that_is_too_large(closed: Served, path: str) -> None:
    """Announced or in pieces, more than max_body is 413 before all of it has come."""
    came: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(64):
            came.append(2**16)
            yield b"a" * 2**16

    key = {**with_key(f"Bearer {KEY}"), "content-type": "application/json"}
    body = b'{"input":"' + b"a" * 2**21
    error_of(closed.client.post(path, content=body, headers=key), 413)
    if path != "/v1/nothing":  # nobody reads that
        answer = closed.client.post(path, content=pieces(), headers=key)
        error_of(answer, 413)


def test_an_upload_that_is_too_large(closed: Served) -> None:
    """Files count as any body does, with nothing left behind."""
    files = {"files": ("a.txt", b"a" * 2**21)}
    key = with_key(f"Bearer {KEY}")
    error_of(closed.client.post("/v1/files", files=files, headers=key), 413)
    spool = closed.app.service.options.spool
    assert spool is not None
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("path", ["status", "settings", "call", "stop"])
def test_commands_ways_are_not_there_for_others(closed: Served, path: str) -> None:
    """What a command asks over the socket file is 404 by any address, even with the key."""
    key = with_key(f"Bearer {KEY}")
    for method in ("GET", "POST"):
        answer = closed.client.request(method, f"/own/{path}", headers=key)
        assert answer.status_code in (404, 405)


SECRETS = ("zebra-text", "zebra-id", "zebra-query", "zebra-file", "zebra-model", KEY)


def test_nothing_of_a_request_is_told_elsewhere(
    closed: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """No text, id, key or path stands in the metrics or in a line of the log."""
    caplog.set_level(logging.DEBUG)
    key = with_key(f"Bearer {KEY}")
    client = closed.client
    documents = [{"id": "zebra-id", "text": "zebra-text"}]
    taken = client.post("/v1/documents", json={"documents": documents}, headers=key).json()
    files = {"files": ("zebra-file.txt", b"zebra-text")}
    sent = client.post("/v1/files", files=files, headers=key).json()
    for job in (taken, sent):
        for _ in range(500):
            if client.get(f"/v1/jobs/{job['id']}", headers=key).json()["ended"]:
                break
    client.post("/v1/search", json={"query": "zebra-query"}, headers=key)
    client.post("/v1/embeddings", json={"input": "zebra-text", "model": "zebra-model"}, headers=key)
    client.post("/v1/embeddings", json={"input": "zebra-text"}, headers=key)
    client.get("/v1/documents/zebra-id", headers=key)
    client.get("/v1/models/zebra-model", headers=key)
    client.get("/zebra-id", headers=key)
    client.request("ZEBRA", "/v1/documents", headers=key)
    client.delete("/v1/documents/zebra-id", headers=key)
    metrics = client.get("/metrics", headers=key).text
    lines = [JsonLines().format(each) for each in caplog.records if each.name[:9] == "longembed"]
    assert any("/v1/documents/{name" in line for line in lines)
    for secret in SECRETS:
        assert secret not in metrics
        assert not any(secret in line for line in lines)
    assert "ZEBRA" not in metrics + "".join(lines)
    assert {"event", "route", "status", "ms"} <= set(json.loads(lines[0]))


def test_metrics_count(server: Served) -> None:
    """Requests by route and status, tokens by kind, and what waits, which is nothing now."""
    server.client.post("/v1/embeddings", json={"input": "apples"})
    text = server.client.get("/metrics").text
    assert 'longembed_requests_total{method="POST",route="/v1/embeddings",status="200"}' in text
    assert 'longembed_tokens_total{kind="document"}' in text
    assert "longembed_waiting_characters 0.0" in text
    assert 'longembed_jobs_total{status="done"} 1.0' in text


def test_every_answer_keeps_browsers_from_guessing(server: Served) -> None:
    """Answers and refusals have the headers that keep them out of frames and from sniffing."""
    for path, host in (("/health", "localhost"), ("/nothing", "localhost"), ("/", "evil.example")):
        headers = server.client.get(path, headers={"host": host}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in server.client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize(
    "values",
    [
        {"key": "short"},
        {"key": "a key with spaces in it"},
        {"key": "ein-schlüssel-mit-umlaut"},
        {"key": "a-key-with-a-line\n-in-it"},
        {"host": "0.0.0.0"},
        {"max_body": 0},
        {"timeout": -1.0},
        {"max_jobs": 0},
    ],
)
def test_options_that_cannot_be(values: dict[str, Any]) -> None:
    """A key that is guessed or cannot be sent, a server open to all, and no room are refused."""
    with pytest.raises(SettingsError):
        ServerOptions(**values)


def test_a_key_is_not_shown() -> None:
    """Who prints the options does not print the key."""
    assert KEY not in repr(ServerOptions(key=KEY, spool=Path("x")))


def test_a_line_of_others_holds_no_values() -> None:
    """Of what others log, values are left out, and of an error its words."""
    try:
        raise ValueError("zebra-text")
    except ValueError as error:
        record = logging.LogRecord(
            "httpx",
            logging.ERROR,
            __file__,
            1,
            "got %s",
            ("zebra-text",),
            (type(error), error, None),
        )
    line = JsonLines().format(record)
    assert "zebra" not in line
    assert json.loads(line)["message"] == "got %s"
