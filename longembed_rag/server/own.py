"""What commands of the same user ask a server that holds their store; by its socket file only."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from longembed_rag._version import __version__
from longembed_rag.errors import LongEmbedError
from longembed_rag.server.codec import decode, encode
from longembed_rag.server.failures import ApiError
from longembed_rag.server.guard import is_own

if TYPE_CHECKING:
    from longembed_rag.server.service import Service

#: What a command may ask of the library, and what tells how it goes.
CALLS = frozenset(
    {
        *("search", "get", "documents", "all_documents", "info", "facets", "outdated"),
        *("remarks", "require_tenant"),
        *("ingest", "refresh", "add", "add_files", "remove", "mend"),
    }
)
_TELLING = frozenset({"ingest", "refresh", "add", "add_files"})
_WRITING = frozenset({"ingest", "refresh", "add", "add_files", "remove", "mend"})


class _Gone(BaseException):
    """Stops work between two documents, or two windows of one."""


def routes(service: Service) -> APIRouter:
    """The routes of commands; for anybody else they are not there."""
    router = APIRouter(prefix="/own", include_in_schema=False)

    @router.get("/status")
    async def status(request: Request) -> dict[str, Any]:
        _require_own(request)
        library = service.library
        return {
            "version": __version__,
            "pid": os.getpid(),
            "url": service.address,
            "collection": library.collection,
            "location": library.location,
            "ready": service.is_ready,
            "read_only": service.options.read_only,
        }

    @router.get("/settings")
    async def settings(request: Request) -> Any:
        """How the collection is read: of its model what needs no weights."""
        _require_own(request)
        planner = await asyncio.to_thread(lambda: service.planner)
        found = {"settings": service.library.settings, "model_name": planner.model_name}
        found |= {"method": planner.method, "fingerprint": planner.fingerprint}
        return encode(found)

    @router.post("/stop")
    async def stop(request: Request) -> dict[str, Any]:
        _require_own(request)
        service.ends()
        return {"pid": os.getpid()}

    @router.post("/call")
    async def call(request: Request) -> Response:
        _require_own(request)
        asked = await request.json()
        method = asked["method"]
        if method not in CALLS:
            raise ApiError(404, f"{method!r} is nothing that a server does")
        if method in _WRITING:
            service.require_writable()
        work = partial(_call, service, method, decode(asked["args"]), decode(asked["options"]))
        return StreamingResponse(_lines(work), media_type="application/x-ndjson")

    return router


def _require_own(request: Request) -> None:
    if not is_own(request.scope):
        raise ApiError(404, "Not Found", code="not_found")


def _call(service: Service, method: str, args: Any, options: Any, tell: Any) -> Any:
    if method in _TELLING and not options.get("dry_run"):
        options["on_event"] = tell
    found = getattr(service.library, method)
    if callable(found):
        found = found(*args, **options)
    return list(found) if isinstance(found, Iterator) else found


def _lines(work: Any) -> Iterator[bytes]:
    """Work on a thread of its own: a line for each event, and one for what came of it."""
    told: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=256)
    is_gone = threading.Event()

    def put(line: dict[str, Any] | None) -> None:
        while not is_gone.is_set():
            try:
                told.put(line, timeout=1)
            except queue.Full:
                continue
            return
        raise _Gone

    def tell(event: Any) -> None:
        put({"event": encode(event)})

    def run() -> None:
        with suppress(_Gone):
            try:
                last = {"result": encode(work(tell))}
            except LongEmbedError as error:
                last = {"error": type(error).__name__, "message": str(error)}
            except Exception as error:  # noqa: BLE001 - the command says it
                last = {"error": "LongEmbedError", "message": f"the server failed: {error!r}"}
            put(last)
            put(None)

    threading.Thread(target=run, name="longembed-command", daemon=True).start()
    try:
        while (line := told.get()) is not None:
            yield json.dumps(line).encode() + b"\n"
    finally:
        is_gone.set()
