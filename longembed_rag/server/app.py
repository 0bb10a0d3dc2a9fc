"""The ASGI app: routes, guarded, with OpenAPI generated from their types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline
from mcp.server.transport_security import TransportSecuritySettings

from longembed_rag._version import __version__
from longembed_rag.server import collection, embeddings, failures, own
from longembed_rag.server.assistant import create_assistant
from longembed_rag.server.guard import Guard
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.service import Service

if TYPE_CHECKING:
    from longembed_rag.library.library import Library

_PAGE = Path(__file__).parent / "page"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
#: Nothing of any other site, nothing inline, and nothing that a document could bring along.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(library: Library, options: ServerOptions | None = None) -> Guard:
    """A server's ASGI app over a library, for any ASGI server.

    Args:
        library: The collection; whoever opened it closes it.
        options: Who may use it, and limits.

    Returns:
        The app; its ``service`` is what the routes share.
    """
    service = Service(library, options or ServerOptions())

    assistant = create_assistant(lambda: library, read_only=service.options.read_only)
    talking = assistant.streamable_http_app(
        stateless_http=True,
        max_request_body_size=service.options.max_body,
        # The guard looks at every request's host and origin.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            async with assistant.session_manager.run():
                yield
        finally:
            await asyncio.to_thread(service.close)

    # The page of the API with all that it shows, where FastAPI's own takes it from elsewhere.
    app = FastAPIOffline(
        title="longembed-rag",
        version=__version__,
        summary="Long documents, read whole, and found by words and meaning.",
        lifespan=lifespan,
        redoc_url=None,
    )
    failures.install(app)
    app.include_router(embeddings.routes(service))
    app.include_router(collection.routes(service))
    app.include_router(own.routes(service))
    app.router.routes.extend(talking.routes)
    _add_health(app, service)
    _add_page(app)
    return Guard(app, options=service.options, metrics=service.metrics, service=service)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["server"])
    async def health() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/ready", tags=["server"], responses={503: {"description": "Not yet."}})
    async def ready() -> Response:
        """Whether the model is loaded."""
        if service.is_ready:
            return JSONResponse({"status": "ready"})
        values = {"status": "not ready", "reason": service.why_not_ready}
        return JSONResponse(values, status_code=503, headers={"Retry-After": "2"})

    @app.get("/metrics", tags=["server"], response_class=Response)
    async def metrics() -> Response:
        """What Prometheus collects."""
        text, kind = service.metrics.text()
        return Response(text, headers={"Content-Type": kind})


def _add_page(app: FastAPI) -> None:
    """Serve the files of the page, and nothing else that lies anywhere."""
    files = {path.name: path for path in _PAGE.iterdir() if path.suffix in _TYPES}
    headers: dict[str, Any] = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(
            (_PAGE / "index.html").read_bytes(), headers=headers, media_type="text/html"
        )

    @app.get("/page/{name}", include_in_schema=False)
    async def page_file(name: str) -> Response:
        if name not in files:
            raise failures.ApiError(404, "there is no such file", code="not_found")
        kind = _TYPES[files[name].suffix]
        return Response(files[name].read_bytes(), headers=headers, media_type=kind)
