"""A Qdrant server's HTTP protocol on 127.0.0.1, as far as this package uses it.

It refuses what a server refuses (``fake_rules``, ``fake_limits``), may be one node of a cluster
(``fake_cluster``), and answers from qdrant-client's own in-memory store (``fake_collections``,
``fake_answers``). Failures can be put in line: each is given to the next request that it fits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from pydantic import ValidationError

from tests.points.fake_cluster import cluster
from tests.points.fake_collections import DONE, Collections
from tests.points.fake_rules import READS, Body, RefusedError, parsed

#: What can be asked without a key.
_OPEN = ("/readyz", "/livez", "/healthz")


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        path: End of the request's path.
        status: The answer's status; None to hang up without one.
        method: The request's method; None for any.
        headers: Headers of the answer.
        delay: Seconds before the answer.
        applied: Whether the request is carried out all the same.
    """

    path: str
    status: int | None = 500
    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    applied: bool = False


@dataclass(frozen=True)
class Request:
    """A request that came in."""

    method: str
    path: str
    query: str
    body: dict[str, Any]
    size: int
    api_key: str | None


@dataclass
class FakeQdrant(Collections):
    """The server, which holds collections.

    Attributes:
        url: Its address.
        faults: What is to go wrong, in order.
        requests: What came in.
        write_status: What a write is answered with that is waited for.
        api_key: The key it wants; None for none.
        read_key: A key that may only read.
        version: What it says that it is.
        is_away: Whether it hangs up on everybody, as one does that was killed.
        start: Begins to listen, if it was not to do so at once.
    """

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    write_status: str = "completed"
    api_key: str | None = None
    read_key: str | None = None
    is_away: bool = False
    version: str = "1.19.0"
    lock: threading.Lock = field(default_factory=threading.Lock)
    start: Callable[[], None] = field(default=lambda: None)

    def count(self, method: str, path: str) -> int:
        """Requests of a method whose path ends so."""
        return sum(each.method == method and each.path.endswith(path) for each in self.requests)

    def next_fault(self, request: Request) -> Fault | None:
        """The first fault in line, if it fits the request."""
        with self.lock:
            for fault in self.faults:
                if request.path.endswith(fault.path) and fault.method in (None, request.method):
                    self.faults.remove(fault)
                    return fault
        return None

    def require_key(self, request: Request) -> None:
        """Refuse a request without the key, or without the right.

        Raises:
            RefusedError: With 401 or 403.
        """
        if self.api_key is None:
            return
        if request.api_key is None:
            raise RefusedError(401, "Must provide an API key or an Authorization bearer token")
        if request.api_key == self.api_key:
            return
        if request.api_key != self.read_key:
            raise RefusedError(401, "Invalid API key or JWT")
        below = "/".join(request.path.split("/")[3:])
        if request.method != "GET" and (request.method, below) not in READS:
            raise RefusedError(403, "Forbidden: Global manage access is required")

    def answer(self, request: Request) -> Any:
        """Carry out a request.

        Raises:
            RefusedError: The server says no.
        """
        if (request.method, request.path) == ("GET", "/"):
            return {"title": "qdrant - vector search engine", "version": self.version}
        kind, _, below = request.path.removeprefix("/").partition("/")
        if (request.method, kind, below) == ("GET", "aliases", ""):
            kind, below = "collections", "aliases"
        name, _, path = below.partition("/")
        action = (request.method, path)
        if (request.method, kind, below) == ("GET", "cluster", ""):
            return cluster(self.url, self.nodes)
        if kind != "collections" or (unquote(name) in (".", "..", "") and action != ("GET", "")):
            raise RefusedError(404, "")
        if name == "" or name == "aliases":
            return self.of_all(action, name, request.body)
        everybody = "consistency=all" in request.query
        result = self.of_one(action, unquote(name), request.body, everybody=everybody)
        if result == DONE and "wait=true" not in request.query:
            return {**DONE, "status": "acknowledged"}
        return {**DONE, "status": self.write_status} if result == DONE else result


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes in one packet, at once: a second one waits up to 40 ms for a word on the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    fake: FakeQdrant

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.fake.is_away:
            self.close_connection = True
            return
        unread: RefusedError | None = None
        body: Body = {}
        try:
            body = parsed(data)
        except RefusedError as error:
            unread = error
        request = Request(
            method=self.command,
            path=parts.path,
            query=parts.query,
            body=body,
            size=len(data),
            api_key=self.headers.get("api-key"),
        )
        fault = self.fake.next_fault(request)
        with self.fake.lock:
            self.fake.requests.append(request)
            applied = fault is None or fault.applied
            status, result = self._carry_out(request, unread) if applied else (0, 0)
        if fault is not None:
            time.sleep(fault.delay)
            if fault.status is None:
                self.close_connection = True
                return
            self._send(fault.status, {"status": {"error": "out of order"}}, dict(fault.headers))
        elif status == 200 and (isinstance(result, str) or request.path == "/"):
            self._send(200, result, {})
        elif status == 200:
            self._send(200, {"result": result, "status": "ok", "time": 0.0}, {})
        else:
            self._send(status, {"status": {"error": result}}, {})

    def _carry_out(self, request: Request, unread: RefusedError | None) -> tuple[int, Any]:
        if request.path in _OPEN:
            return 200, "all shards are ready"
        try:
            self.fake.require_key(request)
            if unread is not None:
                raise unread
            # What is over the range of a float is taken as infinite, without a word.
            with np.errstate(all="ignore"):
                return 200, self.fake.answer(request)
        except RefusedError as error:
            return error.status, error.told
        except KeyError as error:  # of the store behind
            return 404, f"Not found: No point with id {error.args[0]} found"
        except ValidationError as error:  # dozens of lines, one for each form it might have had
            first = error.errors()[0]
            return 400, f"Format error in JSON body: {first['loc']}: {first['msg']}"
        except ValueError as error:
            return 400, str(error)

    def _send(self, status: int, value: Any, headers: dict[str, str]) -> None:
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        try:
            self.send_response(status)
            for name, content in headers.items():
                self.send_header(name, content)
            kind = "text/plain" if isinstance(value, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client has given up waiting

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _handle  # noqa: N815 - the base class's names


@contextmanager
def serving(fake: FakeQdrant, *, listening: bool = True) -> Iterator[FakeQdrant]:
    """A server of what somebody's fake holds, running until the block ends.

    Args:
        fake: What is served; gets its address.
        listening: From the beginning; else its port refuses connections until ``start()``.
    """
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.daemon_threads = True
    server.server_bind()
    # The client makes a connection for every request to 127.0.0.1 or localhost by these names. By
    # another it keeps them, as to any server elsewhere, and the tests take a third less.
    fake.url = f"http://127.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})

    def start() -> None:
        server.server_activate()
        thread.start()

    fake.start = start
    if listening:
        start()
    try:
        yield fake
    finally:
        if thread.is_alive():
            server.shutdown()
            thread.join()
        server.server_close()


@contextmanager
def running_fake(*, listening: bool = True) -> Iterator[FakeQdrant]:
    """An empty server, running until the block ends; arguments as of :func:`serving`."""
    fake = FakeQdrant()
    try:
        with serving(fake, listening=listening):
            yield fake
    finally:
        fake.client.close()
