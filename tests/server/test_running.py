"""A real server: OpenAI's own client, slow and vanishing clients, socket files, the end."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import openai
import pytest

from longembed_rag import Library
from longembed_rag.errors import SettingsError
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.remote import ServerLink, _Connection
from longembed_rag.server.running import serve
from longembed_rag.server.sockets import is_served, socket_path
from tests.models import TinyModels
from tests.server.served import KEY, folder_of_its_own, running

pytestmark = pytest.mark.filterwarnings(
    "ignore::longembed_rag.errors.LongEmbedWarning", "ignore::ResourceWarning"
)
TEXTS = ["apples and pears", "the ship sailed north " * 40]


@pytest.fixture(scope="module")
def library(tiny_models: TinyModels) -> Iterator[Library]:
    chosen = {"model": str(tiny_models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with folder_of_its_own() as folder, Library.open(folder / "store", **chosen) as found:
        yield found


@pytest.fixture(scope="module")
def address(library: Library) -> Iterator[str]:
    assert library.path is not None
    with running(library, key=KEY, spool=library.path.parent / "spool") as found:
        yield found


def connection(address: str) -> http.client.HTTPConnection:
    where = urlsplit(address)
    return http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_openais_client(address: str, library: Library, encoding: str | None) -> None:
    """The client asks for base64 by itself, and gets what the encoder gives, either way."""
    given = {} if encoding is None else {"encoding_format": encoding}
    with openai.OpenAI(base_url=f"{address}/v1", api_key=KEY) as client:
        answer = client.embeddings.create(model="bert", input=TEXTS, **given)  # type: ignore
        names = [each.id for each in client.models.list()]
    vectors = [each.embedding for each in answer.data]
    if encoding == "base64":
        import base64

        vectors = [np.frombuffer(base64.b64decode(str(x)), "<f4").tolist() for x in vectors]
    expected = library.encoder.encode(TEXTS).embeddings
    assert np.array_equal(np.array(vectors, dtype=np.float32), expected)
    assert answer.model in names
    assert answer.usage.total_tokens > 0


async def test_openais_client_many_at_once(address: str, library: Library) -> None:
    """Forty requests at once, of which each gets its own."""
    texts = [f"word {n} " * (n + 1) for n in range(40)]
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY) as client:
        asked = [client.embeddings.create(model="bert", input=text) for text in texts]
        answers = await asyncio.gather(*asked)
    found = np.array([each.data[0].embedding for each in answers], dtype=np.float32)
    assert np.array_equal(found, library.encoder.encode(texts).embeddings)


def test_openais_client_knows_the_errors(address: str) -> None:
    """Each status is the exception that its users expect, with the name of what is wrong."""
    with openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as wrong:
            client.embeddings.create(model="bert", input=[])
        with pytest.raises(openai.NotFoundError) as missing:
            client.embeddings.create(model="gpt", input="a")
    assert (wrong.value.param, missing.value.param) == ("input", "model")
    assert missing.value.code == "model_not_found"
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="x" * 16, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.embeddings.create(model="bert", input="a")


def test_a_slow_body_keeps_nobody_waiting(address: str) -> None:
    """While a body comes in drops, others are answered, and it is, when it is whole."""
    slow = connection(address)
    body = b'{"input": "a"}'
    slow.putrequest("POST", "/v1/embeddings")
    for name, value in (
        ("authorization", f"Bearer {KEY}"),
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
    ):
        slow.putheader(name, value)
    slow.endheaders()
    for n in range(len(body)):
        slow.send(body[n : n + 1])
        other = connection(address)
        other.request("GET", "/health")
        assert other.getresponse().status == 200
        other.close()
    assert slow.getresponse().status == 200
    slow.close()


def test_who_hangs_up_is_not_waited_for(address: str, library: Library) -> None:
    """A client that goes away in the middle of its request leaves nothing behind."""
    link = link_of(library)
    for said in (b"POST /v1/embeddings HTTP/1.1\r\n", b"GET /v1/info HTT", b"\x00\xff" * 50):
        with socket.create_connection(("127.0.0.1", urlsplit(address).port or 0)) as client:
            client.sendall(said)
    assert link.ask("GET", "/own/status")["ready"] is True


def link_of(library: Library) -> ServerLink:
    assert library.path is not None
    link = ServerLink.find(library.path)
    assert link is not None
    return link


def test_names_come_as_they_were_sent(address: str, library: Library) -> None:
    """A name with signs that mean something in an address is one, once written as it should be."""
    name = "a b?c#d%41/é\n.txt"
    client = connection(address)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = json.dumps({"documents": [{"id": name, "text": "apples"}]})
    client.request("POST", "/v1/documents", body, headers)
    where = client.getresponse()
    job = json.loads(where.read())["id"]
    for _ in range(500):
        client.request("GET", f"/v1/jobs/{job}", headers=headers)
        if json.loads(client.getresponse().read())["ended"]:
            break
        time.sleep(0.02)
    client.request("DELETE", f"/v1/documents/{quote(name, safe='')}", headers=headers)
    assert json.loads(client.getresponse().read())["id"] == name
    client.close()


def test_the_socket_file_is_its_users_alone(address: str, library: Library) -> None:
    """Only its user opens the file and its folder; by it no key is asked for."""
    assert library.path is not None
    path = socket_path(library.path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    status = link_of(library).status
    assert status["url"] == address
    assert status["collection"] == library.collection
    own = _Connection(path, timeout=30)
    own.request("GET", "/v1/jobs")
    assert own.getresponse().status == 200
    own.close()
    other = connection(address)
    other.request("GET", "/own/status", headers={"authorization": f"Bearer {KEY}"})
    assert other.getresponse().status == 404
    other.close()


def test_a_stale_socket_file_is_nobody(tmp_path: Path) -> None:
    """A file that a killed server left is found, and nobody answers; another store has none."""
    with folder_of_its_own() as folder:
        path = socket_path(folder / "store")
        path.parent.mkdir(parents=True, exist_ok=True)
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        assert is_served(folder / "store")
        assert ServerLink.find(folder / "store") is None
        assert ServerLink.find(tmp_path) is None


def test_a_port_that_is_taken(library: Library) -> None:
    """It is refused with the way out, before anything is begun; so is a strange address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match="--port"):
            serve(library, ServerOptions(port=port))
    with pytest.raises(SettingsError, match="--host"):
        serve(library, ServerOptions(host="no.such.name.invalid", no_auth=True, port=0))


def test_it_ends_when_nobody_needs_it(tiny_models: TinyModels) -> None:
    """After so long without a request it ends; who looks after it does not keep it."""
    chosen = {"model": str(tiny_models.folder("bert")), "device": "cpu", "dtype": "float32"}
    with folder_of_its_own() as folder, Library.open(folder / "store", **chosen) as library:
        began = time.monotonic()
        options = ServerOptions(port=0, spool=folder / "spool")
        serve(library, options, idle=0.5)
        assert time.monotonic() - began < 30
        assert library.path is not None
        assert not is_served(library.path)
