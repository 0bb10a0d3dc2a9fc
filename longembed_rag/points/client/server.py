"""A client of a server, whose answers end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from longembed_rag.errors import SettingsError
from longembed_rag.points.addresses import Address, require_key

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

Result = TypeVar("Result")

#: Longest time to wait for an answer, seconds: a day.
LONGEST_TIMEOUT = 86_400.0
# Bytes of an answer beyond which it is none of Qdrant's: texts of thousands of documents fit.
_MOST_BYTES = 512 * 1024 * 1024


class EndlessAnswerError(Exception):
    """An answer is larger than any of Qdrant's."""


def open_server(address: Address, *, api_key: str | None, timeout: float) -> QdrantClient:
    """A client of a server; nothing is sent yet.

    Args:
        address: Where it is; without a port, 6333.
        api_key: Its key, if it wants one.
        timeout: Seconds to wait for an answer.

    Raises:
        SettingsError: The address, the key or the time cannot be.
    """
    from qdrant_client import QdrantClient
    from urllib3.exceptions import LocationParseError

    require_key(api_key)
    require_timeout(timeout)
    login: dict[str, Any] = {} if address.login is None else {"auth": address.login}
    try:
        # The check asks the server from a thread of its own, warns in its own way and is never
        # needed: what a server cannot do shows where it is asked to.
        client = QdrantClient(
            url=address.url,
            api_key=api_key,
            timeout=max(1, round(timeout)),
            check_compatibility=False,
            event_hooks={"response": [_bound]},
            **login,
        )
    except (ValueError, LocationParseError) as error:
        told = f"url={address.shown!r} is not an address of a server: {error}"
        raise SettingsError(told) from error
    # Whoever makes an asynchronous client of these could not do with a hook that is not.
    client.init_options.pop("event_hooks", None)
    return client


def require_timeout(timeout: float) -> None:
    """Require a time that can be waited.

    Raises:
        SettingsError: It is none.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise SettingsError(f"timeout={timeout!r} is not a number of seconds")
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise SettingsError(
            f"timeout={timeout} must be greater than zero, and at most {LONGEST_TIMEOUT:,.0f} "
            "seconds (a day)"
        )


def within(action: Callable[[], Result], *, seconds: float) -> Result:
    """Do something that may never end, and stop waiting for it when the time is up.

    The client waits for the next bytes, and never for the whole: what sends a header's letters one
    by one would hold it for ever.

    Args:
        action: What to do; it goes on in a thread of its own that nobody waits for.
        seconds: How long it may take.

    Raises:
        ResponseHandlingException: It took longer.
    """
    from qdrant_client.http.exceptions import ResponseHandlingException

    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(action())
        except BaseException as error:  # noqa: BLE001 - handed on, whatever it is, to whoever waits
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(timeout=seconds)
    except FutureTimeout as error:
        if done.done():
            raise
        slow = httpx.ReadTimeout(f"the answer did not end within {seconds:g} seconds")
        raise ResponseHandlingException(slow) from error


def _bound(response: httpx.Response) -> None:
    """Let an answer take as long as the wait for it may, and no more bytes than Qdrant sends."""
    seconds = response.request.extensions.get("timeout", {}).get("read")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, seconds)


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, seconds: float | None) -> None:
        self._stream = stream
        self._seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        began, size = time.monotonic(), 0
        for chunk in self._stream:
            size += len(chunk)
            if size > _MOST_BYTES:
                raise EndlessAnswerError(f"more than {_MOST_BYTES >> 20} MiB")
            if self._seconds is not None and time.monotonic() - began > self._seconds:
                raise httpx.ReadTimeout(f"the answer did not end within {self._seconds:g} seconds")
            yield chunk

    def close(self) -> None:
        self._stream.close()
