"""Waiting for a server that has only just been started."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from longembed_rag.points.client.retries import GaveUpError, RetryPolicy, causes, may_pass

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 1.0
# What Qdrant, or the proxy before it, answers while it cannot work yet.
_NOT_YET = (502, 503, 504)


class Readiness:
    """Asks a server whether it is ready, until it is or the time is up.

    Args:
        client: A client of the server.
        policy: How long to wait, and how.
    """

    def __init__(self, client: QdrantClient, *, policy: RetryPolicy) -> None:
        self._client = client
        self._policy = policy

    def wait(self) -> None:
        """Wait until the server is ready; at once where it is.

        Any answer but "not yet" is one: a server that has no ``/readyz`` is ready too.

        Raises:
            GaveUpError: It was not ready in time; the cause is the last try's error.
        """
        began, paused, polls, pause = time.monotonic(), 0.0, 0, _FIRST_PAUSE
        while (error := self._trouble()) is not None:
            polls += 1
            # Pauses count as what they are meant to last, so that the end does not depend on how
            # the policy waits.
            if max(time.monotonic() - began, paused) >= self._policy.longest_start:
                raise GaveUpError(polls, waited=self._policy.longest_start) from error
            self._policy.sleep(pause)
            paused += pause
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _trouble(self) -> Exception | None:
        """Why the server is not ready; None when it is."""
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException

        try:
            self._client.http.service_api.readyz()
        except (ApiException, QdrantException) as error:
            return error if is_starting(error) else None
        except (ValueError, RecursionError):
            return None  # it answered, in plain text, and older clients expect JSON
        return None


def is_starting(error: Exception) -> bool:
    """Whether an error of the client is what a server that is only starting gives.

    That is: nobody listens yet; or something does in its place and hangs up, as Docker does on a
    published port; or the server answers that it cannot work yet. A name that leads nowhere is
    more likely mistyped.

    Args:
        error: What the client raised.
    """
    import httpx
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, UnexpectedResponse):
        return error.status_code in _NOT_YET
    if not isinstance(error, ResponseHandlingException):
        return False
    source = error.source
    return (
        isinstance(source, (httpx.NetworkError, httpx.RemoteProtocolError))
        and may_pass(error)
        and not any(isinstance(each, socket.gaierror) for each in causes(source))
    )
