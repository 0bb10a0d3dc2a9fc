"""A Qdrant server's HTTP protocol on 127.0.0.1, as far as this package uses it.

Behind it works qdrant-client's own in-memory store, so that answers mean what they say. Failures
can be put in line: each is given to the next request that it fits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from qdrant_client import QdrantClient, models
from qdrant_client.http.models import models as rest


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


Requests = dict[tuple[str, str], Callable[[QdrantClient, str, dict[str, Any]], Any]]


@dataclass
class FakeQdrant:
    """The server.

    Attributes:
        url: Its address.
        faults: What is to go wrong, in order.
        requests: What came in.
        keeps_metadata: Whether it knows collection metadata (Qdrant 1.16 and later).
        start: Begins to listen, if it was not to do so at once.
    """

    client: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeps_metadata: bool = True
    write_status: str = "completed"
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

    def answer(self, request: Request) -> Any:
        """Carry out a request.

        Raises:
            KeyError: There is no such collection.
        """
        _, kind, name, *rest_of_path = request.path.split("/")
        assert kind == "collections"
        name = unquote(name)
        action = (request.method, "/".join(rest_of_path))
        if action == ("GET", "exists"):
            return {"exists": self.client.collection_exists(name)}
        if action == ("PUT", ""):
            return self._create(name, request.body)
        if not self.client.collection_exists(name):
            raise KeyError(name)
        if action == ("GET", ""):
            info = json.loads(self.client.get_collection(name).model_dump_json())
            return {**info, "payload_schema": self.indexes.get(name, {})}
        if action == ("DELETE", ""):
            return self.client.delete_collection(name)
        return self._points(action, name, request.body)

    def _create(self, name: str, body: dict[str, Any]) -> bool:
        asked = rest.CreateCollection(**body)
        return self.client.create_collection(
            name,
            vectors_config=asked.vectors,
            sparse_vectors_config=asked.sparse_vectors,
            metadata=asked.metadata if self.keeps_metadata else None,
        )

    def _points(self, action: tuple[str, str], name: str, body: dict[str, Any]) -> Any:
        if action == ("PUT", "index"):
            self.indexes.setdefault(name, {})[body["field_name"]] = {
                "data_type": body["field_schema"],
                "points": 0,
            }
        elif action in self._writes:
            self._writes[action](self.client, name, body)
        elif action == ("POST", "facet") and body["key"] not in self.indexes.get(name, {}):
            raise ValueError(f"No appropriate index for faceting: `{body['key']}`")
        elif action in self._reads:
            return self._reads[action](self.client, name, body)
        else:
            raise ValueError(f"the fake server does not know {action}")
        return {"operation_id": 1, "status": self.write_status}

    _writes: ClassVar[Requests] = {
        ("PUT", "points"): lambda client, name, body: client.upsert(
            name, points=[rest.PointStruct(**point) for point in body["points"]]
        ),
        ("PUT", "points/vectors"): lambda client, name, body: client.update_vectors(
            name, points=[rest.PointVectors(**point) for point in body["points"]]
        ),
        ("POST", "points/payload"): lambda client, name, body: client.set_payload(
            name, payload=body["payload"], points=_selector(body), key=body.get("key")
        ),
        ("POST", "points/delete"): lambda client, name, body: client.delete(
            name, points_selector=_selector(body)
        ),
    }
    _reads: ClassVar[Requests] = {
        ("POST", "points"): lambda client, name, body: [
            _plain(record)
            for record in client.retrieve(
                name,
                ids=body["ids"],
                with_payload=body["with_payload"],
                with_vectors=body.get("with_vector", False),
            )
        ],
        ("POST", "points/scroll"): lambda client, name, body: _page(
            client.scroll(
                name,
                scroll_filter=_filter(body),
                limit=body["limit"],
                offset=body.get("offset"),
                with_payload=body["with_payload"],
                with_vectors=body.get("with_vector", False),
            )
        ),
        ("POST", "points/query"): lambda client, name, body: _query(client, name, [body])[0],
        ("POST", "points/query/batch"): lambda client, name, body: _query(
            client, name, body["searches"]
        ),
        ("POST", "points/count"): lambda client, name, body: _plain(
            client.count(name, count_filter=_filter(body), exact=body["exact"])
        ),
        ("POST", "facet"): lambda client, name, body: _plain(
            client.facet(
                name, key=body["key"], facet_filter=_filter(body), limit=body["limit"], exact=True
            )
        ),
    }


def _filter(body: dict[str, Any]) -> models.Filter | None:
    return models.Filter(**body["filter"]) if body.get("filter") else None


def _selector(body: dict[str, Any]) -> Any:
    if body.get("points") is not None:
        return models.PointIdsList(points=body["points"])
    return models.FilterSelector(filter=_filter(body))


def _query(client: QdrantClient, name: str, queries: list[dict[str, Any]]) -> list[Any]:
    requests = [rest.QueryRequest(**query) for query in queries]
    return [_plain(answer) for answer in client.query_batch_points(name, requests=requests)]


def _page(answer: tuple[list[Any], Any]) -> dict[str, Any]:
    records, offset = answer
    return {"points": [_plain(record) for record in records], "next_page_offset": offset}


def _plain(model: Any) -> Any:
    return json.loads(model.model_dump_json())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeQdrant

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(
            method=self.command,
            path=parts.path,
            query=parts.query,
            body=json.loads(data) if data else {},
            size=len(data),
            api_key=self.headers.get("api-key"),
        )
        fault = self.fake.next_fault(request)
        with self.fake.lock:
            self.fake.requests.append(request)
            status, result = self._carry_out(request) if fault is None or fault.applied else (0, 0)
        if fault is not None:
            time.sleep(fault.delay)
            if fault.status is None:
                self.close_connection = True
                return
            self._send(fault.status, {"status": {"error": "out of order"}}, dict(fault.headers))
        elif isinstance(result, str) and status == 200:
            self._send(200, result, {})
        elif status == 200:
            self._send(200, {"result": result, "status": "ok", "time": 0.0}, {})
        else:
            self._send(status, {"status": {"error": result}}, {})

    def _carry_out(self, request: Request) -> tuple[int, Any]:
        if request.path == "/readyz":
            return 200, "all shards are ready"
        try:
            return 200, self.fake.answer(request)
        except KeyError as error:
            return 404, f"Not found: Collection {error} doesn't exist!"
        except ValueError as error:
            return 409 if "already exists" in str(error) else 400, str(error)

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
        except OSError:
            self.close_connection = True  # the client has given up waiting

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - the base class's names


@contextmanager
def running_fake(*, listening: bool = True) -> Iterator[FakeQdrant]:
    """The server, running until the block ends.

    Args:
        listening: From the beginning; else its port refuses connections until ``start()``.
    """
    fake = FakeQdrant()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.daemon_threads = True
    server.server_bind()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
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
        fake.client.close()
