"""A server to ask over plain HTTP: the fake, and a real one where its address is given.

``LONGEMBED_TEST_QDRANT`` names it, ``http://127.0.0.1:6333``; ``LONGEMBED_TEST_QDRANT_KEY`` is its
key, if it wants one. Collections and aliases that a test makes there have names of their own, and
go when it ends.
"""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from longembed_rag.points.client.retries import RetryPolicy
from longembed_rag.store.store import DocumentStore
from tests.points.fake_qdrant import running_fake

ADDRESS = "LONGEMBED_TEST_QDRANT"
KEY = "LONGEMBED_TEST_QDRANT_KEY"
#: The fake always; a real one in addition where there is one.
KINDS = ("fake", *(("real",) if os.environ.get(ADDRESS) else ()))
#: A vector of meaning and one of words, as our collections have them.
LAYOUT = {
    "vectors": {"dense": {"size": 4, "distance": "Cosine"}},
    "sparse_vectors": {"words": {"modifier": "idf"}},
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """A server, and what a test made there.

    Attributes:
        kind: ``"fake"`` or ``"real"``.
        url: Its address.
        key: Its key, if it wants one.
        prefix: What the names of this test's collections begin with.
        http: How it is asked.
    """

    kind: str
    url: str
    key: str | None
    prefix: str
    http: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request; a body is sent as JSON."""
        if body is not None:
            options["json"] = body
        return self.http.request(method, path, **options)

    def done(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The result of a request that has to go well."""
        answer = self.ask(method, path, body, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def name(self, name: str = "points") -> str:
        """A collection's name of this test's own."""
        return f"{self.prefix}{name}"

    def path(self, name: str = "points") -> str:
        """The path of a collection of this test."""
        return f"/collections/{quote(self.name(name), safe='')}"

    def make(self, name: str = "points", **settings: Any) -> str:
        """Make a collection, and answer with its path."""
        self.done("PUT", self.path(name), {**LAYOUT, **settings})
        return self.path(name)

    def put(self, path: str, *points: Json, **options: Any) -> None:
        """Write points, and wait for it."""
        self.done("PUT", f"{path}/points?wait=true", {"points": list(points), **options})

    def index(self, path: str, field: str, kind: str) -> None:
        """Make an index on a field, and wait for it."""
        self.done("PUT", f"{path}/index?wait=true", {"field_name": field, "field_schema": kind})

    def payloads(self, path: str) -> dict[Any, Any]:
        """The payloads of all points, by id."""
        page = self.done("POST", f"{path}/points/scroll", {"limit": 1000})
        return {each["id"]: each["payload"] for each in page["points"]}

    def open(self, collection: str = "documents", **options: Any) -> DocumentStore:
        """A store of ours in a collection of this test."""
        options.setdefault("retries", RetryPolicy(attempts=2, sleep=lambda seconds: None))
        with warnings.catch_warnings():  # a key over plain http is what a test server has
            warnings.filterwarnings("ignore", "Api key is used with an insecure", UserWarning)
            return DocumentStore.open(
                url=self.url, api_key=self.key, collection=self.name(collection), **options
            )

    def clear(self) -> None:
        """Remove what was made."""
        for alias in self.done("GET", "/aliases")["aliases"]:
            if alias["alias_name"].startswith(self.prefix):
                action = {"delete_alias": {"alias_name": alias["alias_name"]}}
                self.done("POST", "/collections/aliases", {"actions": [action]})
        for each in self.done("GET", "/collections")["collections"]:
            if each["name"].startswith(self.prefix):
                self.done("DELETE", f"/collections/{quote(each['name'], safe='')}")


def point(identity: Any = 1, *, payload: Json | None = None, **vectors: Any) -> Json:
    """A point as a request has it."""
    return {"id": identity, "vector": vectors, "payload": payload or {}}


def sparse(*indices: int, values: list[float] | None = None) -> Json:
    """A vector of words, each of weight 1 unless told."""
    return {"indices": list(indices), "values": values or [1.0] * len(indices)}


def only(key: str, **condition: Any) -> Json:
    """A filter on one field."""
    return {"must": [{"key": key, **condition}]}


@contextmanager
def asking(kind: str, url: str, key: str | None) -> Iterator[Server]:
    """Ask a server, and leave nothing behind there."""
    headers = {} if key is None else {"api-key": key}
    prefix = f"longembed-test-{secrets.token_hex(6)}-"
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        server = Server(kind, url, key, prefix, http)
        try:
            yield server
        finally:
            server.clear()


@pytest.fixture(params=KINDS)
def qdrant(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server, clean."""
    if request.param == "real":
        address, key = os.environ[ADDRESS].rstrip("/"), os.environ.get(KEY) or None
        with asking("real", address, key) as server:
            yield server
    else:
        with running_fake() as fake, asking("fake", fake.url, None) as server:
            yield server


@pytest.fixture(params=KINDS)
def guarded(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that wants a key, and has been told it."""
    if request.param == "real":
        if not os.environ.get(KEY):
            pytest.skip(f"{KEY} is not set: the server may want none")
        with asking("real", os.environ[ADDRESS].rstrip("/"), os.environ[KEY]) as server:
            yield server
    else:
        with running_fake() as fake:
            fake.api_key = "secret"
            with asking("fake", fake.url, fake.api_key) as server:
                yield server
