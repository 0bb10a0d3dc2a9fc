"""Who runs the model next, pass by pass, where several threads have texts to read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

#: Every so many passes the one that waits longest comes first, however much it has to read.
_OLDEST_EVERY = 4
_RECENT = 2.0  # seconds


@dataclass(frozen=True, eq=False)
class _Waiting:
    """Somebody who waits for a turn.

    Attributes:
        left: Tokens that it has yet to read.
        number: Its place in the order in which they came.
    """

    left: int
    number: int


class Turns:
    """One forward pass at a time, and that of who has least to read first.

    A short text waits for the pass that is running, and not for the rest of the long document
    that the pass belongs to. Every fourth pass is given to whoever waits longest, so that short
    texts without end hold up no long one for ever.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: list[_Waiting] = []
        self._is_taken = False
        self._taken = 0
        self._came = 0
        self._waited = -_RECENT

    @property
    def is_shared(self) -> bool:
        """Whether somebody has waited for a turn within the last seconds."""
        return time.monotonic() - self._waited < _RECENT

    @contextmanager
    def turn(self, left: int) -> Iterator[None]:
        """Hold the model for one pass.

        Args:
            left: Tokens that the caller has yet to read, those of this pass included.
        """
        with self._changed:
            mine = _Waiting(left, self._came)
            self._came += 1
            if self._is_taken or self._waiting:
                self._waited = time.monotonic()
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: not self._is_taken and self._next() is mine)
            finally:
                self._waiting.remove(mine)
            self._is_taken = True
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()

    def _next(self) -> _Waiting:
        if self._taken % _OLDEST_EVERY == _OLDEST_EVERY - 1:
            return self._waiting[0]  # they came in this order
        return min(self._waiting, key=lambda each: (each.left, each.number))
