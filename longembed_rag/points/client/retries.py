"""Asking again when a server is busy or away, and not when it has said no."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from longembed_rag.errors import SettingsError

Result = TypeVar("Result")

_TOO_MANY_REQUESTS = 429
# What a node answers when a shard's only replica is on one that it cannot reach, or none is sound.
_SHARD_FAILED = re.compile(
    r"read operations failed|shards failed to apply|(?:no|enough) active replica"
)
# Letters of an answer that is none of Qdrant's.
_SHOWN = 200
_SHARD = re.compile(r"replica set for shard (\d+)")
_UNREACHED = re.compile(r"Failed to connect to (\S+)")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        attempts: Most tries, the first one included.
        first_wait: Longest wait before the second try, seconds; it doubles from try to try.
        longest_wait: Longest wait between two tries, seconds.
        longest_start: Longest wait at first contact for a server that is only starting, seconds.
        sleep: How to wait.
        spread: A number from 0 to 1 for each wait, so that many clients do not return at once.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_start: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    spread: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise SettingsError(f"attempts={self.attempts} must be at least 1")

    def wait_after(self, attempt: int, *, asked: float | None = None) -> float:
        """Seconds to wait after a try that failed.

        Args:
            attempt: Which try it was, from 1.
            asked: Seconds that the server asked for, if it did.

        Returns:
            Between half and all of the exponential back-off, and never less than was asked for,
            up to ``longest_wait``.
        """
        ceiling = min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
        wait = ceiling * (0.5 + 0.5 * self.spread())
        return wait if asked is None else min(max(wait, asked), self.longest_wait)


class GaveUpError(Exception):
    """Every try failed; the cause is the last one's error.

    Attributes:
        attempts: How many there were.
        waited: Seconds given to a server to become ready, if that is what it did not.
    """

    def __init__(self, attempts: int, *, waited: float | None = None) -> None:
        super().__init__(f"{attempts} tries failed")
        self.attempts = attempts
        self.waited = waited


class NotConfirmedError(Exception):
    """A server took a request and did not say that it is done with it."""


def call_with_retries(
    action: Callable[[], Result],
    *,
    policy: RetryPolicy,
    waited_out: Callable[[Exception], bool] = lambda error: False,
    patience: float | None = None,
) -> Result:
    """Call the client, and again after time-outs, connection errors, 5xx and 429.

    Args:
        action: The call; has to be safe to repeat.
        policy: How often and how long to try.
        waited_out: Asked before each further try: waits for the cause of an error to pass and
            says so, or says that it knows no better than the policy.
        patience: Seconds after which there is no further try; None for as many as the policy says.

    Raises:
        GaveUpError: Every try failed in a way that another try might have helped.
    """
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    began = time.monotonic()
    for attempt in range(1, policy.attempts + 1):
        try:
            return action()
        except (ApiException, QdrantException, NotConfirmedError) as error:
            if not may_pass(error):
                raise
            impatient = patience is not None and time.monotonic() - began >= patience
            if attempt == policy.attempts or impatient:
                raise GaveUpError(attempt) from error
            if not waited_out(error):
                policy.sleep(policy.wait_after(attempt, asked=_asked_wait(error)))
    raise AssertionError("unreachable: the last attempt returns or raises")


def may_pass(error: Exception) -> bool:
    """Whether an error of the client may pass by itself."""
    import ssl

    import httpx
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, NotConfirmedError):
        return True
    if isinstance(error, QdrantException):
        return True  # a 429 that says when to come back, readably or not
    if isinstance(error, UnexpectedResponse):
        status = error.status_code or 0
        return status >= 500 or status == _TOO_MANY_REQUESTS
    if isinstance(error, ResponseHandlingException):
        # A request that cannot be made at all (a bad address) fails every time, and so does one
        # to what speaks no HTTP, or no TLS.
        source = error.source
        if isinstance(source, httpx.RemoteProtocolError):
            return hung_up(source)
        return isinstance(source, (httpx.TimeoutException, httpx.NetworkError)) and not any(
            isinstance(each, ssl.SSLError) and not isinstance(each, ssl.SSLEOFError)
            for each in causes(source)
        )
    return False


def hung_up(error: Exception) -> bool:
    """Whether a connection was closed before an answer was whole; else there was none of HTTP's."""
    return str(error).startswith(("Server disconnected", "peer closed"))


def causes(error: BaseException) -> list[BaseException]:
    """An error and those that led to it, the last one first."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__ or following.__context__
    return found


def refusal(error: BaseException) -> int | None:
    """The status of an answer that says no (4xx, but not 429); None for any other error."""
    from qdrant_client.http.exceptions import UnexpectedResponse

    if isinstance(error, UnexpectedResponse) and not may_pass(error):
        return error.status_code
    return None


def missing_node(error: GaveUpError, cluster: Callable[[], Any] | None) -> str | None:
    """The node of a cluster that the node asked cannot reach; None where it is nothing of that.

    Args:
        error: What came of every try.
        cluster: Asks about the cluster, which alone tells of a node whose name leads nowhere now.
    """
    from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

    cause = error.__cause__
    if not isinstance(cause, UnexpectedResponse) or not is_of_shards(reason(cause)):
        return None
    if (found := unreached_node(reason(cause))) is not None:
        return found
    failures: Mapping[str, Any] = {}
    if cluster is not None:
        with suppress(ApiException, ValueError):
            failures = getattr(cluster().result, "message_send_failures", None) or {}
    shard = _SHARD.search(reason(cause))
    of_shard = "of one of its shards" if shard is None else f"of its shard {shard[1]}"
    return ", ".join(sorted(failures)) or of_shard


def is_of_shards(told: str) -> bool:
    """Whether an answer says that a shard lacks a replica, or that one of it keeps silent."""
    return _SHARD_FAILED.search(told) is not None


def unreached_node(told: str) -> str | None:
    """The address of the node that an answer says cannot be reached, if it says so."""
    found = _UNREACHED.search(told)
    return None if found is None else found[1].rstrip(".,;:)")


def _asked_wait(error: Exception) -> float | None:
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse

    if isinstance(error, ResourceExhaustedResponse):
        return float(error.retry_after_s)
    return None


def reason(error: BaseException, *, hide: Callable[[str], str] = str) -> str:
    """What an error of the client says, in one line.

    Args:
        error: The error.
        hide: Takes out of a text what must not be shown.
    """
    import json

    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, GaveUpError):
        cause = error.__cause__
        told = reason(cause, hide=hide) if cause is not None else "no reason"
        if error.waited is not None:
            return f"{told} (not ready after {error.waited:g} seconds)"
        return f"{told} ({error.attempts} tries)" if error.attempts > 1 else told
    if isinstance(error, ResponseHandlingException):
        source = error.source
        return hide(str(source)) or type(source).__name__
    if isinstance(error, UnexpectedResponse):
        try:
            told = json.loads(error.content)["status"]["error"]
        except (ValueError, KeyError, TypeError):
            # Hidden before it is cut, which might leave a part of a secret.
            told = hide(error.content.decode("utf-8", "replace"))[:_SHOWN].strip()
        phrase = f"{error.status_code} {hide(error.reason_phrase)}".strip()
        return f"{phrase}: {' '.join(hide(str(told)).split())}" if told else phrase
    return " ".join(hide(str(error)).split()) or type(error).__name__
