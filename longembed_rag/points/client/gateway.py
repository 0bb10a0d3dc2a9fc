"""One way to call the client: with retries, and its many errors turned into ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from longembed_rag.errors import StoreError
from longembed_rag.points.addresses import Secrets
from longembed_rag.points.client.foreign import UNREADABLE, foreign
from longembed_rag.points.client.readiness import Readiness, is_starting
from longembed_rag.points.client.retries import (
    GaveUpError,
    NotConfirmedError,
    RetryPolicy,
    call_with_retries,
    missing_node,
    reason,
    refusal,
)
from longembed_rag.points.client.server import within
from longembed_rag.points.port import LOGIN, NOT_FOUND, Failure, failing

Result = TypeVar("Result")
# Before the first answer a wrong address is likelier than a busy server.
_FIRST_CONTACT = 4


class Gateway:
    """Calls the client for a store.

    Args:
        location: Folder or address, for messages.
        embedded: Whether the client works in this process.
        policy: How often and how long to try.
        readiness: Waits, at first contact, for a server that is only starting.
        cluster: Asks a server about the cluster that it is of; None where there can be none.
        secrets: What is sent to a server and must not come out of it again.
        patience: Seconds after which a server that has never answered is not asked again.
    """

    def __init__(
        self,
        *,
        location: str,
        embedded: bool,
        policy: RetryPolicy,
        readiness: Readiness | None = None,
        cluster: Callable[[], Any] | None = None,
        secrets: Secrets | None = None,
        patience: float | None = None,
    ) -> None:
        self.location = location
        self.embedded = embedded
        self._policy = policy
        self._readiness = readiness
        self._cluster = cluster
        self._hide = (secrets or Secrets()).hide
        self._patience = patience
        self._answered = False

    def call(
        self, action: Callable[[], Result], *, what: str, failure: Failure | None = None
    ) -> Result:
        """Call the client.

        Args:
            action: The call; has to be safe to repeat.
            what: What it does, for messages: "reading the collection".
            failure: Makes the error; None makes a :class:`StoreError` that says what failed.

        Raises:
            StoreError: The store refused, or could not be reached after every try.
        """
        from qdrant_client.http.exceptions import ApiException

        make = failure or self.failing(what)
        try:
            result = call_with_retries(
                self._ending(action),
                policy=self._current_policy(),
                waited_out=self._waited_for_start,
                patience=None if self._answered else self._patience,
            )
        except GaveUpError as error:
            raise make(self._given_up(error), None) from self._shown(error)
        except ApiException as error:
            status = refusal(error)
            told = self._told(self._reason(error), error)
            raise make(told, status) from self._shown(error)
        except (sqlite3.Error, OSError, RuntimeError, ValueError, AssertionError) as error:
            if not self.embedded and isinstance(error, UNREADABLE):
                raise make(self._told(reason(error), error), None) from None
            if not self.embedded or isinstance(error, AssertionError):
                raise
            missing = isinstance(error, ValueError) and str(error).endswith("not found")
            raise make(reason(error), NOT_FOUND if missing else None) from error
        self._answered = True
        return result

    def _ending(self, action: Callable[[], Result]) -> Callable[[], Result]:
        """At first contact, whatever is there, a call that ends."""
        if self._answered or self._patience is None:
            return action
        seconds = max(2.0, self._patience)
        return lambda: within(action, seconds=seconds)

    def _reason(self, error: BaseException) -> str:
        return reason(error, hide=self._hide)

    def _shown(self, error: BaseException) -> BaseException | None:
        """An error, where it may stand in a traceback: a server may repeat what it was sent."""
        return error if reason(error) == self._reason(error) else None

    def _given_up(self, error: GaveUpError) -> str:
        """Why a server was given up on: it is silent, or one that it needs is."""
        if (node := missing_node(error, self._cluster)) is not None:
            return f"the collection is incomplete: node {node} is missing ({self._reason(error)})"
        unknown = error.waited is not None or not self._answered
        way_out = "; is a Qdrant server running there?" if unknown else ""
        if unknown and self.location.startswith("http:"):
            way_out += " One with TLS wants https://"
        return f"{self.location} does not answer: {self._reason(error)}{way_out}"

    def _waited_for_start(self, error: Exception) -> bool:
        """Wait for a server that is only starting, once; False for any other error."""
        if self._answered or self._readiness is None or not is_starting(error):
            return False
        readiness, self._readiness = self._readiness, None
        readiness.wait()
        return True

    def _current_policy(self) -> RetryPolicy:
        policy = self._policy
        if self._answered or policy.attempts <= _FIRST_CONTACT:
            return policy
        return replace(policy, attempts=_FIRST_CONTACT)

    def _told(self, told: str, error: BaseException) -> str:
        status = refusal(error)
        if status in LOGIN:
            return (
                f"{self.location} refused the API key or its rights ({told}); it is taken from "
                "LONGEMBED_API_KEY or QDRANT_API_KEY, or from api_key="
            )
        if self.embedded or (status is not None and self._answered):
            return told
        if (why := foreign(error)) is not None:
            return f"no Qdrant server answers at {self.location}: {self._hide(why)}"
        if status == NOT_FOUND:
            return f"{told}; is {self.location} the address of a Qdrant server?"
        return told

    def failing(self, what: str) -> Failure:
        """What is raised where nothing more particular is known of a failure."""

        def failure(told: str, status: int | None) -> StoreError:
            known = self.embedded or self._answered
            # Before the first answer it may be no Qdrant at all.
            unknown = status == NOT_FOUND and not known
            return failing(what, self.location)(told, None if unknown else status)

        return failure


def require_confirmed(status: object) -> None:
    """Require that a write is done, not only taken.

    Raises:
        NotConfirmedError: It is not, or not yet.
    """
    from qdrant_client.models import UpdateStatus

    if status != UpdateStatus.COMPLETED:
        raise NotConfirmedError(f"the server answered {status}, not that it is done")
