"""What every request passes: who asks, by which name, how much; and a line in the log for it."""

from __future__ import annotations

import hmac
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from longembed_rag.server.failures import ApiError
from longembed_rag.server.options import LOOPBACK, ServerOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from longembed_rag.server.metrics import Metrics
    from longembed_rag.server.service import Service

_LOG = logging.getLogger("longembed_rag.server")
#: Open to everybody who reaches the server: they tell nothing of what is in it.
_OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")
_OPEN_FOLDERS = ("/page/", "/static-offline-docs/")
#: Asked by programs that look after it, and no use of it.
_WATCHING = ("/health", "/ready", "/metrics", "/own/status")
_READING = ("GET", "HEAD", "OPTIONS")
#: Anything else that is called a method is counted as one, or whoever asks could fill the memory.
_METHODS = (*_READING, "POST", "PUT", "PATCH", "DELETE")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


def is_own(scope: Scope) -> bool:
    """Whether a request came over the server's socket file, which only its user can open."""
    server = scope.get("server")
    return server is not None and server[1] is None


class Guard:
    """An ASGI layer around the whole app.

    Args:
        app: What is guarded.
        options: Who may use it, and within which limits.
        metrics: Are told of every request.
        service: What the app's routes share.
    """

    def __init__(
        self, app: ASGIApp, *, options: ServerOptions, metrics: Metrics, service: Service
    ) -> None:
        self._app = app
        self.service = service
        self._options = options
        self._metrics = metrics
        hosts = (*LOOPBACK, *options.allowed_hosts, options.host)
        self._hosts = {each.lower().strip("[]") for each in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        body = _Body(receive, most=self._options.max_body)
        is_use = scope["path"] not in _WATCHING
        self.service.running += is_use
        try:
            self._require_allowed(scope)
            body.require_announced(scope)
            await self._app(scope, body.receive, noting)
        except ApiError as error:
            await _answer(error, noting)
        finally:
            self.service.running -= is_use
            if is_use:
                self.service.last_used = time.monotonic()
            self._note(scope, status, time.monotonic() - began)

    def _require_allowed(self, scope: Scope) -> None:
        """Require that whoever asks may.

        A page of another site that a browser of this machine shows may neither read (it comes by
        another name: DNS rebinding) nor write (it comes from another origin) here.

        Raises:
            ApiError: It may not.
        """
        if is_own(scope):
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        is_named = self._options.is_local or self._options.allowed_hosts
        if is_named and _name_of(host) not in self._hosts:
            raise ApiError(
                421, "this server is not known by that name", code="unknown_host", param="Host"
            )
        origin = headers.get(b"origin", b"").decode("latin-1")
        foreign = origin and not _is_of(origin, host)
        if foreign and (scope["method"] not in _READING or scope["path"].startswith("/mcp")):
            told = "pages of other sites may not use this server"
            raise ApiError(403, told, code="foreign_origin", param="Origin")
        path = scope["path"]
        if self._options.key is None or path in _OPEN or path.startswith(_OPEN_FOLDERS):
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        right = hmac.compare_digest(given.strip(), self._options.key.encode())
        if not (right and scheme.lower() == b"bearer"):
            told = "the key is missing or wrong: send 'Authorization: Bearer KEY'"
            raise ApiError(401, told, code="invalid_api_key")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route and not the path, which may name a document.
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(route=route, method=method, status=status, seconds=seconds)
        values: dict[str, Any] = {"event": "request", "method": method, "route": route}
        values |= {"status": status, "ms": round(1000 * seconds, 1)}
        _LOG.info("request", extra=values)


def _is_of(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # brackets that do not close
        return False


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets that do not close
        return ""


class _Body:
    """A request's body, up to so many bytes."""

    def __init__(self, receive: Receive, *, most: int) -> None:
        self._receive = receive
        self._most = most
        self._came = 0

    def require_announced(self, scope: Scope) -> None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._came += len(message.get("body", b""))
            if self._came > self._most:
                from starlette.exceptions import HTTPException

                # The one kind that whoever reads a body lets through.
                raise HTTPException(413, self._too_large().message)
        return message

    def _too_large(self) -> ApiError:
        told = f"the request is larger than {self._most:,} bytes; send less at once"
        return ApiError(413, told, code="too_large")


async def _answer(error: ApiError, send: Send) -> None:
    import json

    body = json.dumps(error.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    pairs = [(k.lower().encode(), v.encode()) for k, v in {**headers, **error.headers}.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
