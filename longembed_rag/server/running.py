"""A server from its first to its last moment: sockets, signals, the end when nobody needs it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from longembed_rag.errors import SettingsError
from longembed_rag.server.app import create_app
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.sockets import listen, socket_path
from longembed_rag.server.watching import Watcher

if TYPE_CHECKING:
    from longembed_rag.files.options import ReadOptions
    from longembed_rag.files.selection import Selection
    from longembed_rag.library.library import Library
    from longembed_rag.server.service import Service

_GRACE = 30  # seconds for requests that are under way when the server is told to end
_LOOK = 1.0  # seconds between looks whether it is still needed


def serve(
    library: Library,
    options: ServerOptions,
    *,
    watch: Sequence[Path] = (),
    selection: Selection | None = None,
    reading: ReadOptions | None = None,
    idle: float | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a library until a signal, ``serve --stop``, or nobody has used it for a while.

    Args:
        library: The collection; whoever opened it closes it.
        options: Where, for whom, and within which limits.
        watch: Folders that the collection is kept in step with.
        selection: Which of their files are taken.
        reading: How files are read.
        idle: Seconds without a request after which it ends; None never does.
        on_ready: Is told the address once it answers.

    Raises:
        SettingsError: The port is taken, or the address is none of this machine.
        StoreError: There can be no socket file.
    """
    listening = _listen(options)
    port = listening.getsockname()[1]
    app = create_app(library, replace(options, port=port))
    app.service.address = _address(options.host, port)
    sockets = [listening]
    held = library.path if hasattr(socket, "AF_UNIX") else None
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config, app.service, on_ready=on_ready, idle=idle)
    with contextlib.ExitStack() as ending:
        ending.callback(listening.close)
        if held is not None:
            library.make()
            sockets.append(listen(held))
            ending.callback(lambda: socket_path(held).unlink(missing_ok=True))
        if watch:
            watcher = Watcher(app.service, watch, selection=selection, reading=reading)
            app.service.on_start = watcher.start
            ending.callback(watcher.close)
        server.run(sockets)


class _Server(uvicorn.Server):
    """Ends on a signal with status 0, and when nobody has used it for a while."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        *,
        on_ready: Callable[[str], None] | None,
        idle: float | None,
    ) -> None:
        super().__init__(config)
        self._service = service
        self._on_ready = on_ready
        self._idle = idle
        service.ends = self._end

    def _end(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self.should_exit:
            return
        if self._on_ready is not None:
            self._on_ready(self._service.address)
        if self._idle is not None:
            self._watching = asyncio.ensure_future(self._end_when_idle(self._idle))

    async def _end_when_idle(self, idle: float) -> None:
        while not self.should_exit:
            await asyncio.sleep(min(_LOOK, idle))
            if not self._service.is_idle:
                self._service.last_used = time.monotonic()
            elif time.monotonic() - self._service.last_used > idle:
                self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the first Ctrl-C or SIGTERM end it in order, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(options: ServerOptions) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        where = f"host={options.host!r}, port={options.port}"
        if error.errno == errno.EADDRINUSE:
            told = "another program listens there; name another --port, or 0 for a free one"
        else:
            told = f"{error.strerror or error}; name another --host or --port"
        raise SettingsError(f"{where}: {told}") from error
    made.listen(1024)
    made.set_inheritable(False)
    return made


def _address(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
